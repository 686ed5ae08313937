/** Images from a checkpoint, without training. */
import { GuardapesosError } from "../base/errors.js";
import { truncatedNormal, normal } from "../base/random.js";
import { listGenerations, seriesFilter, type SeriesWish } from "../checkpoint/index.js";
import { loadReference } from "../checkpoint/load-newest.js";
import { defaultThreads, resolveDevice } from "../engine/device.js";
import { resolutions } from "../progan/config.js";
import { networkOf, rgbLayer } from "../progan/parameters.js";
import { startEngine } from "./engine.js";
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
  readonly count: number;
  readonly seed: number;
  /** Standard deviations beyond which latent numbers are drawn again; 0: not at all. */
  readonly truncation: number | undefined;
  readonly device: Device | undefined;
  readonly threads: number | undefined;
}

export interface Generated {
  /** (count, channels, resolution, resolution), about [-1, 1]. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly count: number;
  readonly channels: number;
  readonly resolution: number;
  readonly alpha: number;
  readonly id: string;
}

/** @throws SERIES_NOT_FOUND, NOTHING_TO_GENERATE_FROM, PROGRESS_UNREADABLE, CHECKPOINT_*, TORCH_FILE_*, DEVICE_UNAVAILABLE, ENGINE_* */
export async function generate(options: GenerateOptions): Promise<Generated> {
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
  const architecture = architectureOf(network);
  if (!architecture)
    throw new GuardapesosError("CHECKPOINT_ARCHITECTURE", {
      id,
      differences: ["initial.1.weight"],
      options: false,
    });
  const progress = source.from === "plain" ? undefined : readProgress(checkpoint.progress, id);
  // A plain file says nothing of where it stood: its Adam state does, and without one, all of it is taken.
  const trained = resolutions.filter((_, s) =>
    network.adam?.entries.has(`${rgbLayer("generator", s)}.conv.weight`),
  );
  const resolution = progress?.place.resolution ?? trained.at(-1) ?? resolutions.at(-1)!;
  const alpha = progress?.place.alpha ?? 1;

  const limit = options.truncation ?? defaultTruncation;
  const size = options.count * architecture.latent;
  const data =
    limit > 0
      ? truncatedNormal(options.seed, "preview", 0, size, limit)
      : normal(options.seed, "preview", 0, size);
  const engine = await startEngine(
    {
      architecture,
      seed: options.seed,
      engine: {
        provider: await resolveDevice(options.device ?? "auto"),
        threads: options.threads ?? defaultThreads(),
      },
    },
    fromNetworks(checkpoint.networks, architecture, id, ["generator"]),
  );
  try {
    const latents = { shape: [options.count, architecture.latent], data };
    const images = await engine.images({ resolution, alpha, latents });
    return {
      data: images.data,
      count: options.count,
      channels: architecture.imageChannels,
      resolution,
      alpha,
      id,
    };
  } finally {
    await engine.close();
  }
}
