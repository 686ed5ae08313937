/**
 * The training loop: look, decide, act, step. It knows neither disks nor graphs nor screens; those come in `Parts`.
 *
 * A save takes the state as it was before the next step, which the engine gives back once that step is done; so saving
 * copies nothing and training does not wait.
 */
import { invariant } from "../base/invariant.js";
import { createBatches, type Batches } from "../progan/batches.js";
import type { TrainingConfig } from "../progan/config.js";
import type { ImageSet, ImageSource } from "../progan/image-source.js";
import {
  advance,
  batchesIn,
  batchesOfEpoch,
  batchesPerStep,
  batchSizeAt,
  enterStage,
  epochKey,
  epochsAt,
  planDone,
  planStep,
  recounted,
  stageDone,
  type BatchPlan,
  type Place,
} from "../progan/schedule.js";
import type { SaveDecision } from "../checkpoint/save-policy.js";
import { decide, type Decision, type Facts } from "./decide.js";
import type { Engine } from "./engine.js";
import type { Emit } from "../events/event.js";
import { batchesDivided, divided, type LoopHeat } from "./heat.js";
import { createPace } from "./pace.js";
import { positionOf } from "./progress.js";
import { createSaveCost } from "./save-cost.js";
import type { Saves, Setup } from "./saves.js";
import { unlessStopped, type Stop } from "./stop.js";
import type { SealedState } from "./train-state.js";

export interface Parts {
  readonly maxBatches: number | undefined;
  readonly source: ImageSource;
  readonly engine: Engine;
  readonly saves: Saves;
  readonly stop: Stop;
  readonly heat: LoopHeat;
  readonly emit: Emit;
  /** How a checkpoint says what training is set up with, once the images are known; asked at each save. */
  readonly setup: (images: ImageSet) => () => Setup;
  /** Draws the preview of a place and answers its path, or nothing when it could not. */
  readonly preview: (place: Place) => Promise<string | undefined>;
  /** Draws some of the images of a resolution as training sees them. */
  readonly showReal: (images: ImageSet) => Promise<void>;
}

/** What a resolution needs, made when it is entered. */
interface Stage {
  readonly images: ImageSet;
  readonly batches: Batches;
  readonly startedAt: number;
}

export interface LoopEnd {
  readonly how: NonNullable<Decision["end"]>;
  readonly place: Place;
}

/** The newest finished place, for an emergency save when a step fails. */
export interface Track {
  /** Heat may change it. */
  config: TrainingConfig;
  place: Place;
  setup: (() => Setup) | undefined;
  sessionBatches: number;
  /** Whether a batch of this session has begun: until then there is nothing to be saved. */
  begun: boolean;
  /** Whether the graphs of a resolution are being made. */
  preparing: boolean;
  preview: string | undefined;
}

/** What the last step completed. */
const nothingEnded = { epoch: false, stage: false };

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/**
 * Trains from `track.place` until the plan, the limit or a stop ends it, and keeps `track` at the newest place.
 * Rejects with what failed, also when that is the last save.
 */
export async function loop(parts: Parts, track: Track): Promise<LoopEnd> {
  const { engine, saves, stop, heat, emit } = parts;
  const pace = createPace();
  const cost = createSaveCost();
  let trainingSince = performance.now();
  let stage: Stage | undefined;
  let savedBatches = track.place.batches;
  let epochStartedAt = performance.now();
  let ended = nothingEnded;
  let rested = 0;
  /** Batches at the newest emergency save that was begun. */
  let emergency: number | undefined;

  const begin = async (
    state: SealedState,
    place: Place,
    save: SaveDecision,
    last: boolean,
  ): Promise<void> => {
    await saves.begin(state, place, track.setup!(), save, last);
    savedBatches = place.batches;
    if (save.kind === "emergency") emergency = place.batches;
  };

  const divide = (by: number): void => {
    track.config = divided(track.config, by);
    track.place = recounted(track.place, track.config);
    emit(batchesDivided(track.config, track.place.resolution));
  };

  /** At least one; how many, the images decide. */
  const nextBatches = (): number => {
    if (!stage || ended.stage) return 1;
    return planStep(enterStage(track.place, track.config), track.config, stage.images.count).length;
  };

  const facts = (): Facts => ({
    batches: track.place.batches,
    sessionBatches: track.sessionBatches,
    nextBatches: nextBatches(),
    savedBatches,
    epochEnded: ended.epoch,
    stageEnded: ended.stage,
    planDone: planDone(track.place, track.config),
    stopSignal: stop.wish?.signal,
    autosave: track.config.autosave,
    // Loading images is no training that could be lost.
    secondsSinceSave: Math.min(saves.secondsSinceBegin(), secondsSince(trainingSince)),
    saveCost: cost.seconds,
    saving: saves.running,
    failures: saves.failures,
    spoilt: saves.spoilt,
    heat: heat.advice(),
    placeSaved: saves.savedBatches === track.place.batches,
    emergencySaved: [emergency, saves.savedBatches].every((batches) => batches === track.place.batches),
    maxBatches: parts.maxBatches,
  });

  for (;;) {
    // A save of this very place that is under way is the one that a stop wants.
    if (stop.wish && savedBatches === track.place.batches) await saves.settle();
    const { save, preview, cool, divideBy, end } = decide(facts());
    // What has ended is told and acted on once, also when a stop comes before the next step.
    const completed = ended;
    ended = nothingEnded;
    if (completed.epoch) {
      emit({
        type: "epoch-finished",
        ...positionOf(track.place),
        epochs: epochsAt(track.config, track.place.resolution),
        seconds: secondsSince(epochStartedAt),
      });
      epochStartedAt = performance.now();
    }
    if (preview) track.preview = (await parts.preview(track.place)) ?? track.preview;
    if (divideBy > 1) divide(divideBy);
    const { config } = track;
    // What the disk does not take is to stay in memory for the next start, as new as it is.
    if (end !== undefined && saves.failures > 0 && track.sessionBatches > 0) await engine.mirror();
    // Between two resolutions, and at the end, there is no next step soon that would give the state back.
    const now = save && (end !== undefined || cool || completed.stage);
    if (now) {
      // Whoever is asked to stop wants to be gone; otherwise a copy, so that a save that fails can be tried again.
      const { learningRate } = config;
      const state = await (end === "stopped" ? engine.take(learningRate) : engine.copy(learningRate));
      invariant(state !== undefined, "a state that is taken away ends the training");
      await begin(state, track.place, save, end !== undefined);
    }
    if (completed.stage) {
      emit({
        type: "stage-finished",
        resolution: track.place.resolution,
        seconds: secondsSince(stage!.startedAt),
      });
      stage = undefined;
      cost.newStage();
    }
    if (end) {
      // Nobody may leave in the belief that all is saved when it is not.
      let failure = await saves.settle();
      if (failure === undefined && track.sessionBatches > 0 && !(await saves.areThere())) {
        // Saved, and taken away since: the state is here still.
        const state = await engine.take(config.learningRate);
        if (state)
          await begin(state, track.place, { kind: "emergency", reason: "WEIGHTS_FOLDER_GONE" }, true);
        failure = await saves.settle();
      }
      if (failure !== undefined) throw failure;
      return { how: end, place: track.place };
    }
    if (cool) {
      // The save is verified before the card rests; one that has failed is told, and tried again afterwards.
      await saves.settle();
      const { worse } = await heat.coolDown(stop.aborted);
      if (worse) divide(2);
      stage = undefined; // with other batches
      continue;
    }

    const place = enterStage(track.place, config);
    if (!stage) {
      // Looks again: a stop may have come meanwhile, or the first step may be too many.
      stage = await enter(parts, track, place);
      continue;
    }
    parts.source.look();
    const images = stage.images.count;
    if (place.image >= images) {
      // There are fewer images than before this session: the epoch is over.
      track.place = { ...place, epoch: place.epoch + 1, batch: 0, image: 0 };
      if (stageDone(track.place, config)) stage = undefined;
      continue;
    }
    const plan = planStep(place, config, images);
    const fetched = await unlessStopped(fetch(stage.batches, place, plan), stop);
    if (!fetched || stop.wish) continue; // before a batch that may be long
    const { data, waited } = fetched;
    const next = advance(place, plan, config, images);
    prefetch(stage.batches, enterStage(next, config), place, config, images);

    const started = performance.now();
    if (track.sessionBatches === 0) trainingSince = started;
    const saving = saves.running;
    track.begun = true;
    heat.busy(true);
    const {
      losses,
      before,
      skipped,
      images: used,
    } = await engine.step({
      resolution: place.resolution,
      alpha: place.alpha,
      learningRate: config.learningRate,
      batches: plan.map((batch, i) => ({ ...batch, images: data[i]! })),
      handOver: save !== undefined && !now,
    });
    heat.busy(false);
    stage.batches.reuse(used);
    const seconds = secondsSince(started);
    cost.stepped(seconds, saving || before !== undefined);
    track.place = next;
    track.sessionBatches += plan.length;
    if (before) {
      const asked = performance.now();
      await begin(before, place, save!, false);
      cost.waited(secondsSince(asked));
    }
    for (const update of skipped) emit({ type: "update-skipped", ...update, ...positionOf(next) });
    ended = { epoch: next.image === 0, stage: stageDone(next, config) };
    const shown = plan.reduce((sum, batch) => sum + batch.size, 0);
    pace.record(shown, secondsSince(started) + waited + rested);
    emit({
      type: "stepped",
      ...positionOf(next),
      ...losses,
      epochs: epochsAt(config, place.resolution),
      batchesPerEpoch: batchesOfEpoch(place, plan, config, images),
      ...pace.figures(next, config, images),
      waitedForImages: waited,
      saveAge: saves.age(),
      temperature: heat.temperature(),
      ...(heat.isLost() ? { temperatureLost: true } : {}),
      ...(rested > 0 ? { rested } : {}),
    });
    rested = await heat.rest(seconds, stop.aborted);
  }
}

/** Loads a resolution's images and makes its graphs. @returns undefined when a stop came meanwhile */
async function enter(
  { source, engine, stop, emit, setup, showReal }: Parts,
  track: Track,
  place: Place,
): Promise<Stage | undefined> {
  const { config } = track;
  const { resolution } = place;
  try {
    const preparing = source.prepare(resolution, {
      signal: stop.aborted,
      onProgress: (done, total) => emit({ type: "images-loading", done, total, resolution }),
    });
    const images = await unlessStopped(preparing, stop);
    if (images === undefined) return undefined;
    await unlessStopped(showReal(images), stop);
    if (stop.wish) return undefined;
    emit({ type: "stage-preparing", resolution });
    const sizes = planStep(place, config, images.count).map(({ size }) => size);
    track.preparing = true;
    await engine.prepare({ resolution, batches: sizes, alpha: place.alpha });
    track.setup = setup(images);
    emit({
      type: "stage-started",
      resolution,
      epochs: epochsAt(config, resolution),
      images: images.count,
      batchSize: batchSizeAt(config, resolution),
      accumulate: batchesPerStep(config, resolution),
      batchesPerEpoch: batchesIn(config, resolution, images.count),
      alpha: place.alpha,
    });
    return { images, batches: createBatches(images, config.seed), startedAt: performance.now() };
  } catch (error) {
    if (stop.wish) return undefined;
    throw error;
  } finally {
    track.preparing = false;
  }
}

const batchPlace = (place: Place, { start, size }: BatchPlan) => ({ epochKey: epochKey(place), start, size });

/** The images of a step, and how long it had to wait for them. */
async function fetch(batches: Batches, place: Place, plan: readonly BatchPlan[]) {
  const asked = performance.now();
  const data = await Promise.all(plan.map((batch) => batches.at(batchPlace(place, batch))));
  return { data, waited: secondsSince(asked) };
}

/** Has the next step's images made while this one computes. */
function prefetch(batches: Batches, next: Place, place: Place, config: TrainingConfig, images: number): void {
  if (next.resolution !== place.resolution || planDone(next, config)) return;
  batches.prefetch(planStep(next, config, images).map((batch) => batchPlace(next, batch)));
}
