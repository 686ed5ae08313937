/**
 * The training loop: look, decide, act, step. It knows neither disks nor graphs nor screens; those come in `Parts`.
 *
 * A save takes the state as it was before the next step, which the engine gives back once that step is done; so saving
 * copies nothing and training does not wait.
 */
import { invariant } from "../base/invariant.js";
import type { SaveDecision } from "../checkpoint/index.js";
import type { Emit } from "../events/event.js";
import type { TrainingConfig } from "../progan/config.js";
import type { ImageSet, ImageSource } from "../progan/image-source.js";
import {
  advance,
  enterStage,
  planDone,
  planStep,
  recounted,
  stageDone,
  type Place,
} from "../progan/schedule.js";
import { decide, type Decision, type Facts } from "./decide.js";
import type { Engine } from "./engine.js";
import { batchesDivided, divided, type LoopHeat } from "./heat.js";
import { epochFinished, stageStarted, stepped, updatesSkipped } from "./loop-events.js";
import { createPace, type Pace } from "./pace.js";
import type { Pictures } from "./pictures.js";
import { createSaveCost, type SaveCost } from "./save-cost.js";
import { planSave, type SaveBesideStep, type SaveNow } from "./save-plan.js";
import type { Saves, Setup } from "./saves.js";
import { completedAt, createStage, nothingCompleted, type Completed, type Stage } from "./stage.js";
import { unlessStopped, type Stop } from "./stop.js";
import type { SealedState } from "./train-state.js";

export interface Parts extends Pictures {
  readonly maxBatches: number | undefined;
  readonly source: Pick<ImageSource, "prepare" | "look">;
  readonly engine: Pick<Engine, "prepare" | "step" | "mirror" | "copy" | "take">;
  readonly saves: Pick<
    Saves,
    "begin" | "settle" | "areThere" | "age" | "secondsSinceBegin" | "running" | "record"
  >;
  readonly stop: Pick<Stop, "wish" | "aborted">;
  readonly heat: LoopHeat;
  readonly emit: Emit;
  /** How a checkpoint says what training is set up with, once the images are known; asked at each save. */
  readonly setup: (images: ImageSet) => () => Setup;
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

/** @param place where training begins */
export function createTrack(config: TrainingConfig, place: Place): Track {
  return {
    config,
    place,
    setup: undefined,
    sessionBatches: 0,
    begun: false,
    preparing: false,
    preview: undefined,
  };
}

/** What the loop keeps from turn to turn. */
interface Turns {
  stage: Stage | undefined;
  /** By the last step, until it is told and acted on: once, also when a stop comes before the next step. */
  completed: Completed;
  /** Batches at the newest save that was begun, and at the newest emergency's. */
  savedBatches: number;
  emergencyBatches: number | undefined;
  /** By performance.now(): when the first batch of the session, and the epoch, began. */
  trainingSince: number;
  epochStartedAt: number;
  /** Seconds, after the last step. */
  rested: number;
  readonly pace: Pace;
  readonly cost: SaveCost;
}

const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/**
 * Trains from `track.place` until the plan, the limit or a stop ends it, and keeps `track` at the newest place.
 * Rejects with what failed, also when that is the last save.
 */
export async function loop(parts: Parts, track: Track): Promise<LoopEnd> {
  const { engine, saves, stop, heat } = parts;
  const turns: Turns = {
    stage: undefined,
    completed: nothingCompleted,
    savedBatches: track.place.batches,
    emergencyBatches: undefined,
    trainingSince: performance.now(),
    epochStartedAt: performance.now(),
    rested: 0,
    pace: createPace(),
    cost: createSaveCost(),
  };
  for (;;) {
    // A save of this very place that is under way is the one that a stop wants.
    if (stop.wish && turns.savedBatches === track.place.batches) await saves.settle();
    const decision = decide(factsOf(parts, track, turns));
    const { completed } = turns;
    turns.completed = nothingCompleted;
    if (completed.epoch) finishEpoch(parts, track, turns);
    if (decision.preview) track.preview = (await parts.preview(track.place)) ?? track.preview;
    if (decision.divideBy > 1) divide(parts, track, decision.divideBy);
    const { cool, end } = decision;
    const save = planSave(decision, completed.stage);
    // What the disk does not take is to stay in memory for the next start, as new as it is.
    if (end !== undefined && saves.record.failures > 0 && track.sessionBatches > 0) await engine.mirror();
    if (save?.when === "now") await saveNow(parts, track, turns, save);
    if (completed.stage) finishStage(parts, turns);
    if (end !== undefined) return finish(parts, track, turns, end);
    if (cool) {
      // The save is verified before the card rests; one that has failed is told, and tried again afterwards.
      await saves.settle();
      const { worse } = await heat.coolDown(stop.aborted);
      if (worse) divide(parts, track, 2);
      turns.stage = undefined; // with other batches
      continue;
    }
    // Then looks again: a stop may have come meanwhile, or the first step may be too many.
    if (turns.stage === undefined) turns.stage = await openStage(parts, track);
    else await step(parts, track, turns, turns.stage, save?.when === "beside-step" ? save : undefined);
  }
}

function factsOf({ saves, stop, heat, maxBatches }: Parts, track: Track, turns: Turns): Facts {
  const { place, config } = track;
  const { stage, completed, savedBatches, emergencyBatches } = turns;
  return {
    batches: place.batches,
    sessionBatches: track.sessionBatches,
    // At least one; how many, the images decide.
    nextBatches: stage && !completed.stage ? stage.plan(enterStage(place, config), config).length : 1,
    savedBatches,
    epochEnded: completed.epoch,
    stageEnded: completed.stage,
    planDone: planDone(place, config),
    stopSignal: stop.wish?.signal,
    autosave: config.autosave,
    // Loading images is no training that could be lost.
    secondsSinceSave: Math.min(saves.secondsSinceBegin(), secondsSince(turns.trainingSince)),
    saveCost: turns.cost.seconds,
    saving: saves.running,
    failures: saves.record.failures,
    spoilt: saves.record.spoilt,
    heat: heat.advice(),
    placeSaved: saves.record.savedBatches === place.batches,
    emergencySaved: [emergencyBatches, saves.record.savedBatches].every(
      (batches) => batches === place.batches,
    ),
    maxBatches,
  };
}

function finishEpoch({ emit }: Parts, { place, config }: Track, turns: Turns): void {
  emit(epochFinished(place, config, secondsSince(turns.epochStartedAt)));
  turns.epochStartedAt = performance.now();
}

/** REQUIRES: a step has completed the resolution. */
function finishStage({ emit }: Parts, turns: Turns): void {
  const { resolution, startedAt } = turns.stage!;
  emit({ type: "stage-finished", resolution, seconds: secondsSince(startedAt) });
  turns.stage = undefined;
  turns.cost.newStage();
}

function divide({ emit }: Parts, track: Track, by: number): void {
  track.config = divided(track.config, by);
  track.place = recounted(track.place, track.config);
  emit(batchesDivided(track.config, track.place.resolution));
}

async function beginSave(
  { saves }: Parts,
  track: Track,
  turns: Turns,
  state: SealedState,
  place: Place,
  { save, last }: { readonly save: SaveDecision; readonly last: boolean },
): Promise<void> {
  await saves.begin(state, place, track.setup!(), save, last);
  turns.savedBatches = place.batches;
  if (save.kind === "emergency") turns.emergencyBatches = place.batches;
}

async function saveNow(parts: Parts, track: Track, turns: Turns, plan: SaveNow): Promise<void> {
  const { engine } = parts;
  const state = await (plan.state === "taken" ? engine.take() : engine.copy());
  invariant(state !== undefined, "a state that is taken away ends the training");
  await beginSave(parts, track, turns, state, track.place, plan);
}

/** Nobody may leave in the belief that all is saved when it is not. */
async function finish(parts: Parts, track: Track, turns: Turns, how: LoopEnd["how"]): Promise<LoopEnd> {
  const { saves, engine } = parts;
  let failure = await saves.settle();
  if (failure === undefined && track.sessionBatches > 0 && !(await saves.areThere())) {
    // Saved, and taken away since: the state is here still.
    const state = await engine.take();
    const save = { kind: "emergency", reason: "WEIGHTS_FOLDER_GONE" } as const;
    if (state) await beginSave(parts, track, turns, state, track.place, { save, last: true });
    failure = await saves.settle();
  }
  if (failure !== undefined) throw failure;
  return { how, place: track.place };
}

/** One optimizer step, unless a stop comes before it. @param save what is saved beside it */
async function step(
  parts: Parts,
  track: Track,
  turns: Turns,
  stage: Stage,
  save: SaveBesideStep | undefined,
): Promise<void> {
  const { engine, saves, stop, heat, emit } = parts;
  const { config } = track;
  const place = enterStage(track.place, config);
  parts.source.look();
  const nextEpoch = stage.nextEpoch(place);
  if (nextEpoch) {
    track.place = nextEpoch;
    if (stageDone(nextEpoch, config)) turns.stage = undefined;
    return;
  }
  const plan = stage.plan(place, config);
  const fetched = await unlessStopped(stage.fetch(place, plan), stop);
  if (!fetched || stop.wish) return; // before a batch that may be long
  const { data, waited } = fetched;
  const next = advance(place, plan, config, stage.images);
  stage.prefetch(next, config);

  const started = performance.now();
  if (track.sessionBatches === 0) turns.trainingSince = started;
  const saving = saves.running;
  track.begun = true;
  heat.busy(true);
  const { losses, before, skipped, images } = await engine.step({
    resolution: place.resolution,
    alpha: place.alpha,
    batches: plan.map((batch, i) => ({ ...batch, images: data[i]! })),
    handOver: save !== undefined,
  });
  heat.busy(false);
  stage.reuse(images);
  const seconds = secondsSince(started);
  turns.cost.stepped(seconds, saving || before !== undefined);
  track.place = next;
  track.sessionBatches += plan.length;
  if (before) {
    const asked = performance.now();
    await beginSave(parts, track, turns, before, place, { save: save!.save, last: false });
    turns.cost.waited(secondsSince(asked));
  }
  for (const event of updatesSkipped(skipped, next)) emit(event);
  turns.completed = completedAt(next, config);
  const shown = plan.reduce((sum, batch) => sum + batch.size, 0);
  const { rested, pace } = turns;
  pace.record(shown, secondsSince(started) + waited + rested);
  const done = { from: place, plan, to: next, losses, waited, rested };
  emit(stepped(done, config, stage, { pace, saveAge: saves.age(), heat }));
  turns.rested = await heat.rest(seconds, stop.aborted);
}

/** Loads a resolution's images and makes its graphs. @returns undefined when a stop came meanwhile */
async function openStage(
  { source, engine, stop, emit, setup, showReal }: Parts,
  track: Track,
): Promise<Stage | undefined> {
  const { config } = track;
  const place = enterStage(track.place, config);
  const { resolution, alpha } = place;
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
    track.preparing = true;
    const sizes = planStep(place, config, images.count).map(({ size }) => size);
    await engine.prepare({ resolution, batches: sizes, alpha });
    track.setup = setup(images);
    emit(stageStarted(place, config, images.count));
    return createStage(images, resolution, config.seed);
  } catch (error) {
    if (stop.wish) return undefined;
    throw error;
  } finally {
    track.preparing = false;
  }
}
