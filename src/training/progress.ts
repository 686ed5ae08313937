/** The part of a checkpoint that is not weights: where training stands and how it was set up, as plain JSON. */
import { z } from "zod";
import { GuardapesosError } from "../base/errors.js";
import type { Checkpoint, Json } from "../checkpoint/index.js";
import {
  autosaveOf,
  bounds,
  isResolution,
  presetNames,
  resolutions,
  type Autosave,
  type Resolution,
  type TrainingConfig,
} from "../progan/config.js";
import type { Place } from "../progan/schedule.js";
import type { HeatSummary } from "../thermal/history.js";
import { firstArithmetic } from "../engine/arithmetic.js";
import { precisions } from "../engine/precision.js";
import type { Position } from "../events/event.js";
import type { LossScales } from "../trainer/loss-scale.js";

/** A checkpoint's numbers are bounded as typed ones are: it may be damaged, or somebody else's. */
const within = ({ min, max }: { readonly min: number; readonly max: number }) => z.int().min(min).max(max);
/** What is done, over all sessions; so many that adding to it always stays exact. */
const count = z
  .int()
  .nonnegative()
  .max(2 ** 52);
const resolution = z.custom<Resolution>((value) => typeof value === "number" && isResolution(value));
const perResolution = (one: z.ZodType<number>) => z.array(one).length(resolutions.length);
const autosave = z.custom<Autosave>((value) => autosaveOf(value) !== undefined);

const seconds = z.number().nonnegative();

const scale = z.object({ scale: z.number().positive(), steady: count, skipped: count });

export const heatSchema: z.ZodType<HeatSummary> = z.object({
  seconds: z.object({ fine: seconds, warm: seconds, hot: seconds, critical: seconds, unknown: seconds }),
  hottest: z.number().optional(),
  pauses: count,
  pausedSeconds: seconds,
  coolDowns: count,
  cooledSeconds: seconds,
  stops: count,
  minutes: z.array(z.number()),
});

const schema = z.object({
  place: z.object({
    step: count,
    batches: count,
    resolution,
    epoch: count,
    batch: count,
    image: count,
    alpha: z.number().min(0).max(1),
  }),
  config: z.object({
    latent: within(bounds.latent),
    channels: within(bounds.channels),
    imageChannels: z.literal([1, 3]),
    start: resolution,
    end: resolution,
    epochs: perResolution(within(bounds.epochs)),
    batchSizes: perResolution(within(bounds.batchSizes)),
    accumulate: within(bounds.accumulate),
    // Not in checkpoints from before heat was watched.
    batchDivisor: within(bounds.batchSizes).default(1),
    // Not in checkpoints from before there was a choice.
    precision: z.enum(precisions).default("float32"),
    learningRate: z.number().nonnegative(),
    seed: z.int().min(bounds.seed.min),
    autosave,
    phantoms: within(bounds.phantoms),
  }),
  preset: z.enum(presetNames as [string, ...string[]]),
  device: z.string(),
  threads: within(bounds.threads),
  // Not in checkpoints from before there was another.
  arithmetic: count.default(firstArithmetic),
  // No sample of what the files hold in checkpoints from before it was taken, nor of drawn images.
  data: z.object({ fingerprint: z.string(), sample: z.string().optional(), images: count }),
  // Without it, scaling begins anew, as in a training that has not been in mixed precision before.
  scales: z.object({ generator: scale, critic: scale }).optional(),
  // A word beside the point: what cannot be understood of it is left out.
  heat: heatSchema.optional().catch(undefined),
});

/** What a checkpoint says of its images, whatever else of its progress can be understood. */
const images = z.object({
  data: z.object({ fingerprint: z.string(), images: z.number() }),
  config: z.object({ seed: z.number(), phantoms: z.number() }),
});
export type TrainedOn = z.infer<typeof images>;

/** @returns undefined when it says nothing of them */
export function trainedOn(progress: Checkpoint["progress"]): TrainedOn | undefined {
  return images.safeParse(progress).data;
}

export interface Progress {
  readonly place: Place;
  readonly config: TrainingConfig;
  readonly preset: string;
  /** Where it was computed: other devices and thread counts round otherwise. */
  readonly device: string;
  readonly threads: number;
  /** The version of the arithmetic: another one rounds otherwise, too. */
  readonly arithmetic: number;
  /** As in ImageSet. */
  readonly data: {
    readonly fingerprint: string;
    readonly sample?: string | undefined;
    readonly images: number;
  };
  /** Where loss scaling stands; absent in float32. */
  readonly scales?: LossScales | undefined;
  /** What heat has done so far; absent when it was never watched. */
  readonly heat?: HeatSummary | undefined;
}

export function toJson(progress: Progress): Checkpoint["progress"] {
  return progress as unknown as { readonly [key: string]: Json };
}

/** @returns undefined when there is none, as in a plain PyTorch pair, or none that this program can go on from */
export function fromJson(progress: Checkpoint["progress"]): Progress | undefined {
  const parsed = schema.safeParse(progress);
  return parsed.success ? parsed.data : undefined;
}

/**
 * What a checkpoint of this program says of its training: never nothing, because weights without their place and settings
 * would be trained on as somebody else's.
 * @param id for the error
 * @throws PROGRESS_UNREADABLE
 */
export function readProgress(progress: Checkpoint["progress"], id: string): Progress {
  const parsed = schema.safeParse(progress);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new GuardapesosError("PROGRESS_UNREADABLE", { id, where: path.join("."), detail: message });
}

export function positionOf({ step, batches, resolution: pixels, epoch, batch, alpha }: Place): Position {
  return { step, batches, resolution: pixels, epoch, batch, alpha };
}
