/** What the loop tells, made of what it knows. Pure. */
import type { RunEvent } from "../events/event.js";
import type { TrainingConfig } from "../progan/config.js";
import {
  batchesIn,
  batchesOfEpoch,
  batchesPerStep,
  batchSizeAt,
  epochsAt,
  type BatchPlan,
  type Place,
} from "../progan/schedule.js";
import type { StepAnswer } from "./engine-worker.js";
import type { LoopHeat } from "./heat.js";
import type { Pace } from "./pace.js";
import { positionOf } from "./progress.js";
import type { Stage } from "./stage.js";

export const epochFinished = (place: Place, config: TrainingConfig, seconds: number): RunEvent => ({
  type: "epoch-finished",
  ...positionOf(place),
  epochs: epochsAt(config, place.resolution),
  seconds,
});

export function stageStarted(place: Place, config: TrainingConfig, images: number): RunEvent {
  const { resolution, alpha } = place;
  return {
    type: "stage-started",
    resolution,
    epochs: epochsAt(config, resolution),
    images,
    batchSize: batchSizeAt(config, resolution),
    accumulate: batchesPerStep(config, resolution),
    batchesPerEpoch: batchesIn(config, resolution, images),
    alpha,
  };
}

export const updatesSkipped = (skipped: StepAnswer["skipped"], place: Place): RunEvent[] =>
  skipped.map((update) => ({ type: "update-skipped", ...update, ...positionOf(place) }));

/** A step that is done: from which place, with which plan, to which place. */
export interface StepDone {
  readonly from: Place;
  readonly plan: readonly BatchPlan[];
  readonly to: Place;
  readonly losses: StepAnswer["losses"];
  /** Seconds that it waited for its images, and that training rested before it. */
  readonly waited: number;
  readonly rested: number;
}

export function stepped(
  { from, plan, to, losses, waited, rested }: StepDone,
  config: TrainingConfig,
  { images }: Pick<Stage, "images">,
  facts: {
    readonly pace: Pick<Pace, "figures">;
    readonly saveAge: number | undefined;
    readonly heat: Pick<LoopHeat, "temperature" | "isLost">;
  },
): RunEvent {
  return {
    type: "stepped",
    ...positionOf(to),
    ...losses,
    epochs: epochsAt(config, from.resolution),
    batchesPerEpoch: batchesOfEpoch(from, plan, config, images),
    ...facts.pace.figures(to, config, images),
    waitedForImages: waited,
    saveAge: facts.saveAge,
    temperature: facts.heat.temperature(),
    ...(facts.heat.isLost() ? { temperatureLost: true } : {}),
    ...(rested > 0 ? { rested } : {}),
  };
}
