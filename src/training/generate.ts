/** Images from a checkpoint, without training. */
import { GuardapesosError } from "../base/errors.js";
import { truncatedNormal, normal } from "../base/random.js";
import { listGenerations, loadReference, seriesFilter, type SeriesWish } from "../checkpoint/index.js";
import { defaultThreads, resolveDevice } from "../engine/device.js";
import type { Resolution } from "../progan/config.js";
import { networkOf } from "../progan/parameters.js";
import type { Images } from "../progan/picture.js";
import { requireFinite } from "./finite.js";
import { startEngine } from "./engine.js";
import { trainedTo } from "./imported.js";
import type { Device } from "./options.js";
import { defaultTruncation } from "./preview.js";
import { readProgress } from "./progress.js";
import { architectureOf, fromNetworks } from "./train-state.js";

export interface GenerateOptions {
  readonly weights: string;
  /** As in `--resume`; the newest when left out. */
  readonly reference: string | undefined;
  /** Names of the state_dicts that are meant, where a plain file holds several. */
  readonly stateDicts?: readonly string[] | undefined;
  /** Whose checkpoint the reference may mean; anyone's where nothing is given. */
  readonly series?: SeriesWish | undefined;
  readonly seed: number;
  /** What they are drawn at; as far as the generator is trained when left out. */
  readonly resolution?: Resolution | undefined;
  /** Standard deviations beyond which latent numbers are drawn again; 0: not at all. */
  readonly truncation: number | undefined;
  readonly device: Device | undefined;
  readonly threads: number | undefined;
}

/** A generator, ready to draw. */
export interface Drawing {
  readonly id: string;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly resolution: Resolution;
  /** Of the fade-in: 1 when it is over. */
  readonly alpha: number;
  /** Whether the resolution was asked for, is what the checkpoint was trained to, or is taken because nothing tells. */
  readonly resolutionFrom: "wish" | "checkpoint" | "nothing";
  /**
   * The first images of the seed in order, a few at a time: the memory that it takes does not grow with their number.
   * (some, channels, resolution, resolution), about [-1, 1].
   * @throws ENGINE_*; EngineLeft after `leave`
   */
  draw(count: number): AsyncGenerator<Images>;
  /** Waits for nothing any more: what is being drawn fails. */
  leave(): void;
  close(): Promise<void>;
}

/** What a generator of which nothing tells how far it is trained is drawn at. */
const untold: Resolution = 64;

/** Latent vectors are drawn so many at a time, so that the first images of a seed do not depend on how many are wanted. */
const group = 16;

/** Images drawn at once: those of a group, as long as a batch takes no more memory than the smallest that trains. */
const atOnce = (resolution: Resolution): number => Math.max(1, Math.min(group, 2 ** 20 / resolution ** 2));

/**
 * The latent vectors of images `index * 16` and the 15 after it.
 * @param limit standard deviations beyond which numbers are drawn again; 0: not at all
 * @returns (16, latent)
 */
export function latentsOf(
  seed: number,
  index: number,
  latent: number,
  limit: number,
): Float32Array<ArrayBuffer> {
  const size = group * latent;
  return limit > 0
    ? truncatedNormal(seed, "preview", index, size, limit)
    : normal(seed, "preview", index, size);
}

/**
 * What is drawn at which resolution.
 * @param trained what the checkpoint is trained to; undefined when nothing tells
 * @throws RESOLUTION_UNTRAINED when more was asked for
 */
function resolutionOf(
  id: string,
  wish: Resolution | undefined,
  trained: Pick<Drawing, "resolution" | "alpha"> | undefined,
): Pick<Drawing, "resolution" | "alpha" | "resolutionFrom"> {
  if (wish === undefined) {
    return trained === undefined
      ? { resolution: untold, alpha: 1, resolutionFrom: "nothing" }
      : { resolution: trained.resolution, alpha: trained.alpha, resolutionFrom: "checkpoint" };
  }
  if (trained !== undefined && wish > trained.resolution) {
    throw new GuardapesosError("RESOLUTION_UNTRAINED", { id, wanted: wish, trained: trained.resolution });
  }
  return {
    resolution: wish,
    alpha: wish === trained?.resolution ? trained.alpha : 1,
    resolutionFrom: "wish",
  };
}

/**
 * Loads a generator and starts the engine on it.
 * @throws RESOLUTION_UNTRAINED, SERIES_NOT_FOUND, NOTHING_TO_GENERATE_FROM, PROGRESS_UNREADABLE, CHECKPOINT_*, TORCH_FILE_*, DEVICE_UNAVAILABLE,
 *   ENGINE_*
 */
export async function openGenerator(options: GenerateOptions): Promise<Drawing> {
  const { whole } = await listGenerations(options.weights);
  const { source, checkpoint } = await loadReference(options.weights, options.reference ?? "latest", {
    networks: ["generator"],
    plain: { recognise: networkOf, stateDicts: options.stateDicts },
    accepts: seriesFilter(whole, options.series ?? {}, options.weights),
  }).catch((error: unknown) => {
    const none =
      error instanceof GuardapesosError && error.code === "CHECKPOINT_NOT_FOUND" && !options.reference;
    throw none ? new GuardapesosError("NOTHING_TO_GENERATE_FROM", { folder: options.weights }) : error;
  });
  const id = source.from === "generation" ? source.generation.id : [...source.files.values()].join(", ");
  const network = checkpoint.networks.get("generator")!;
  requireFinite(id, [network], false);
  const architecture = architectureOf(network);
  if (!architecture)
    throw new GuardapesosError("CHECKPOINT_ARCHITECTURE", {
      id,
      differences: ["initial.1.weight"],
      options: false,
    });
  const progress = source.from === "plain" ? undefined : readProgress(checkpoint.progress, id);
  // A plain file says nothing of where it stood; what its optimizer remembers does.
  const plain = trainedTo(checkpoint.optimizers?.get("generator"));
  const trained = progress?.place ?? (plain === undefined ? undefined : { resolution: plain, alpha: 1 });
  const place = resolutionOf(id, options.resolution, trained);
  const engine = await startEngine(
    {
      architecture,
      seed: options.seed,
      learningRate: 0,
      engine: {
        provider: await resolveDevice(options.device ?? "auto"),
        threads: options.threads ?? defaultThreads(),
      },
    },
    fromNetworks(checkpoint.networks, architecture, id, ["generator"]),
  );
  const limit = options.truncation ?? defaultTruncation;
  const { resolution, alpha } = place;
  const { imageChannels: channels, latent } = architecture;
  return {
    id,
    channels,
    ...place,
    async *draw(count) {
      for (let from = 0; from < count; from += group) {
        const latents = latentsOf(options.seed, from / group, latent, limit);
        const last = Math.min(group, count - from);
        for (let at = 0; at < last; at += atOnce(resolution)) {
          const some = Math.min(atOnce(resolution), last - at);
          const data = latents.slice(at * latent, (at + some) * latent);
          const made = await engine.images({ resolution, alpha, latents: { shape: [some, latent], data } });
          yield { data: made.data, count: some, channels, resolution };
        }
      }
    },
    leave: () => engine.leave(),
    close: () => engine.close(),
  };
}
