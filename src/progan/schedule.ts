/**
 * The plan of a training as a pure walk: where it stands, what the next optimizer step consists of, where it stands
 * then. Everything that resuming needs is in the place; the rest follows from it, the config and the seed.
 */
import { resolutions, type Resolution, type TrainingConfig } from "./config.js";

/** Where training stands. Counts say what is done; the fade-in starts anew at each resolution. */
export interface Place {
  /** Optimizer steps and batches since the very first. */
  readonly step: number;
  readonly batches: number;
  readonly resolution: Resolution;
  /** Epochs done at this resolution, batches and images done in this epoch. */
  readonly epoch: number;
  readonly batch: number;
  readonly image: number;
  /** Share of the new layers for the next step. */
  readonly alpha: number;
}

/** Share of the new layers in the first batch of a resolution. */
const firstAlpha = 1e-5;

/** One batch of a step. */
export interface BatchPlan {
  /** Number of this batch since the very first: its place in the streams of random numbers. */
  readonly index: number;
  /** First image in the epoch's order, and how many. */
  readonly start: number;
  readonly size: number;
  /** Share of this batch's images in the step's. */
  readonly weight: number;
}

export function firstPlace(config: Pick<TrainingConfig, "start">): Place {
  return { step: 0, batches: 0, resolution: config.start, epoch: 0, batch: 0, image: 0, alpha: firstAlpha };
}

const at = <T>(table: readonly T[], resolution: Resolution): T => table[resolutions.indexOf(resolution)]!;

export function epochsAt(config: Pick<TrainingConfig, "epochs">, resolution: Resolution): number {
  return at(config.epochs, resolution);
}

type Batching = Pick<TrainingConfig, "batchSizes" | "accumulate" | "batchDivisor">;

/** Images in a batch, as few as heat has made them. */
export function batchSizeAt({ batchSizes, batchDivisor }: Batching, resolution: Resolution): number {
  return Math.ceil(at(batchSizes, resolution) / batchDivisor);
}

/** Images in a step: the effective batch, which heat does not change. */
function stepImages({ batchSizes, accumulate }: Batching, resolution: Resolution): number {
  return at(batchSizes, resolution) * accumulate;
}

/** Batches whose gradients make a step. */
export function batchesPerStep(config: Batching, resolution: Resolution): number {
  return Math.ceil(stepImages(config, resolution) / batchSizeAt(config, resolution));
}

/** Batches that hold so many images, from the begin of an epoch on. */
export function batchesIn(config: Batching, resolution: Resolution, images: number): number {
  const steps = Math.floor(images / stepImages(config, resolution));
  const rest = images - steps * stepImages(config, resolution);
  return steps * batchesPerStep(config, resolution) + Math.ceil(rest / batchSizeAt(config, resolution));
}

/**
 * Batches in the epoch in which this step is made: those done, those of the step, and those left. Batches may have had other
 * sizes before, so that they are not always what an epoch of the present ones has.
 */
export function batchesOfEpoch(
  place: Place,
  step: readonly BatchPlan[],
  config: Batching,
  images: number,
): number {
  const shown = step.reduce((sum, { size }) => sum + size, 0);
  const left = images - place.image - shown;
  return place.batch + step.length + batchesIn(config, place.resolution, left);
}

/** The same place, its batches counted in those of a training that goes on with others. */
export function recounted(place: Place, config: Batching): Place {
  return { ...place, batch: batchesIn(config, place.resolution, place.image) };
}

/** Tells the epochs of all resolutions apart, for the order of the images. */
export function epochKey({ resolution, epoch }: Pick<Place, "resolution" | "epoch">): number {
  return resolutions.indexOf(resolution) * 1_000_000 + epoch;
}

/** Whether all epochs of this resolution are done. */
export function stageDone(place: Place, config: TrainingConfig): boolean {
  return place.epoch >= epochsAt(config, place.resolution);
}

/** Whether the whole plan is done. */
export function planDone(place: Place, config: TrainingConfig): boolean {
  return place.resolution > config.end || (place.resolution === config.end && stageDone(place, config));
}

/** Moves on to the first resolution that has epochs left, if the plan has one. */
export function enterStage(place: Place, config: TrainingConfig): Place {
  let here = place;
  while (stageDone(here, config) && here.resolution < config.end) {
    const resolution = resolutions[resolutions.indexOf(here.resolution) + 1]!;
    here = { ...here, resolution, epoch: 0, batch: 0, image: 0, alpha: firstAlpha };
  }
  return here;
}

/** The batches of the next step: as many as are accumulated, fewer at the end of an epoch. REQUIRES: image < images. */
export function planStep(place: Place, config: TrainingConfig, images: number): readonly BatchPlan[] {
  const size = batchSizeAt(config, place.resolution);
  const end = Math.min(images, place.image + stepImages(config, place.resolution));
  const total = end - place.image;
  const batches: BatchPlan[] = [];
  for (let start = place.image; start < end; start += size) {
    const own = Math.min(size, end - start);
    batches.push({ index: place.batches + batches.length, start, size: own, weight: own / total });
  }
  return batches;
}

/** Where training stands after a step. At the end of an epoch the next one begins; resolutions are entered apart. */
export function advance(
  place: Place,
  done: readonly BatchPlan[],
  config: TrainingConfig,
  images: number,
): Place {
  const count = done.reduce((sum, batch) => sum + batch.size, 0);
  // The fade-in takes the first half of a resolution's images.
  const fadeImages = 0.5 * epochsAt(config, place.resolution) * images;
  const moved = {
    ...place,
    step: place.step + 1,
    batches: place.batches + done.length,
    batch: place.batch + done.length,
    image: place.image + count,
    alpha: Math.min(1, place.alpha + count / fadeImages),
  };
  return moved.image < images ? moved : { ...moved, epoch: moved.epoch + 1, batch: 0, image: 0 };
}
