/** The part of a checkpoint that is not weights: where training stands and how it was set up, as plain JSON. */
import { z } from "zod";
import type { Checkpoint, Json } from "../checkpoint/checkpoint.js";
import { isResolution, presetNames, type Resolution, type TrainingConfig } from "../progan/config.js";
import type { Place } from "../progan/schedule.js";
import type { HeatSummary } from "../thermal/history.js";
import { precisions } from "../engine/precision.js";
import type { Position } from "../events/event.js";
import type { LossScales } from "./loss-scale.js";

const count = z.number().int().nonnegative();
const resolution = z.custom<Resolution>((value) => typeof value === "number" && isResolution(value));

const minutes = z.custom<`${number}m`>((value) => typeof value === "string" && /^\d+(\.\d+)?m$/.test(value));

const seconds = z.number().nonnegative();

const scale = z.object({ scale: z.number().positive(), steady: count, skipped: count });

const heat: z.ZodType<HeatSummary> = z.object({
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
    latent: count,
    channels: count,
    imageChannels: count,
    start: resolution,
    end: resolution,
    epochs: z.array(count),
    batchSizes: z.array(count),
    accumulate: count,
    // Not in checkpoints from before heat was watched.
    batchDivisor: z.int().positive().default(1),
    // Not in checkpoints from before there was a choice.
    precision: z.enum(precisions).default("float32"),
    learningRate: z.number(),
    seed: count,
    autosave: z.union([count, z.literal("auto"), minutes]),
    phantoms: count,
  }),
  preset: z.enum(presetNames as [string, ...string[]]),
  device: z.string(),
  threads: count,
  data: z.object({ fingerprint: z.string(), images: count }),
  // Without it, scaling begins anew, as in a training that has not been in mixed precision before.
  scales: z.object({ generator: scale, critic: scale }).optional(),
  // A word beside the point: what cannot be understood of it is left out.
  heat: heat.optional().catch(undefined),
});

export interface Progress {
  readonly place: Place;
  readonly config: TrainingConfig;
  readonly preset: string;
  /** Where it was computed: other devices and thread counts round otherwise. */
  readonly device: string;
  readonly threads: number;
  readonly data: { readonly fingerprint: string; readonly images: number };
  /** Where loss scaling stands; absent in float32. */
  readonly scales?: LossScales | undefined;
  /** What heat has done so far; absent when it was never watched. */
  readonly heat?: HeatSummary | undefined;
}

export function toJson(progress: Progress): Checkpoint["progress"] {
  return progress as unknown as { readonly [key: string]: Json };
}

/** @returns undefined when the checkpoint has none, as a plain PyTorch pair, or none that this program can go on from */
export function fromJson(progress: Checkpoint["progress"]): Progress | undefined {
  const parsed = schema.safeParse(progress);
  return parsed.success ? parsed.data : undefined;
}

export function positionOf({ step, batches, resolution: pixels, epoch, batch, alpha }: Place): Position {
  return { step, batches, resolution: pixels, epoch, batch, alpha };
}
