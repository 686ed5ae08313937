/** A resolution while it is trained: its images, the batches made of them, and the plan of each step. */
import { createBatches, type Batches } from "../progan/batches.js";
import type { Resolution, TrainingConfig } from "../progan/config.js";
import type { ImageSet } from "../progan/image-source.js";
import {
  enterStage,
  epochKey,
  planDone,
  planStep,
  stageDone,
  type BatchPlan,
  type Place,
} from "../progan/schedule.js";

export interface Stage {
  readonly resolution: Resolution;
  /** Images in an epoch. */
  readonly images: number;
  /** By performance.now(). */
  readonly startedAt: number;
  /** The batches of the step at a place. REQUIRES: there are images left in its epoch. */
  plan(place: Place, config: TrainingConfig): readonly BatchPlan[];
  /** The place at the begin of the next epoch, where there are fewer images than the place has seen already. */
  nextEpoch(place: Place): Place | undefined;
  /** The images of a step, and how many seconds it had to wait for them. */
  fetch(
    place: Place,
    plan: readonly BatchPlan[],
  ): Promise<{ readonly data: readonly Float32Array<ArrayBuffer>[]; readonly waited: number }>;
  /** Has the images of the step at `next` made while another one computes, if it is of this resolution. */
  prefetch(next: Place, config: TrainingConfig): void;
  /** Takes the arrays of a step back. */
  readonly reuse: Batches["reuse"];
}

export function createStage(set: ImageSet, resolution: Resolution, seed: number): Stage {
  const batches = createBatches(set, seed);
  const batchPlace = (place: Place, { start, size }: BatchPlan) => ({
    epochKey: epochKey(place),
    start,
    size,
  });
  return {
    resolution,
    images: set.count,
    startedAt: performance.now(),
    plan: (place, config) => planStep(place, config, set.count),
    nextEpoch: (place) =>
      place.image < set.count ? undefined : { ...place, epoch: place.epoch + 1, batch: 0, image: 0 },
    async fetch(place, plan) {
      const asked = performance.now();
      const data = await Promise.all(plan.map((batch) => batches.at(batchPlace(place, batch))));
      return { data, waited: (performance.now() - asked) / 1000 };
    },
    prefetch(after, config) {
      const next = enterStage(after, config);
      if (next.resolution !== resolution || planDone(next, config)) return;
      batches.prefetch(planStep(next, config, set.count).map((batch) => batchPlace(next, batch)));
    },
    reuse: (arrays) => batches.reuse(arrays),
  };
}

/** What a step has completed. */
export interface Completed {
  readonly epoch: boolean;
  readonly stage: boolean;
}

export const nothingCompleted: Completed = { epoch: false, stage: false };

/** @param next where training stands after a step */
export function completedAt(next: Place, config: TrainingConfig): Completed {
  return { epoch: next.image === 0, stage: stageDone(next, config) };
}
