/**
 * Saves beside training: one at a time, in the writer's thread, from a state that nobody changes any more. A save that
 * fails is told and tried again at the next occasion; it never stops training.
 */
import { isGuardapesosError, reasonOf } from "../base/errors.js";
import type { SaveDecision } from "../checkpoint/save-policy.js";
import type { Writer } from "../checkpoint/index.js";
import type { Place } from "../progan/schedule.js";
import type { Emit, SavedFile } from "./events.js";
import { positionOf, toJson, type Progress } from "./progress.js";
import { toNetworks, type TrainState } from "./train-state.js";

/** Everything that a checkpoint says beside the state and the place. */
export type Setup = Omit<Progress, "place">;

export interface Saves {
  /**
   * Begins a save once the one before has ended; resolves when it has begun. Takes the state's buffers.
   * @param setup how training is set up at that place
   */
  begin(state: TrainState, place: Place, setup: Setup, decision: SaveDecision): Promise<void>;
  /** Waits until nothing is being saved. @returns why the newest save failed; undefined when it did not */
  settle(): Promise<Error | undefined>;
  readonly running: boolean;
  /** Seconds since the last verified save of this session. */
  age(): number | undefined;
  /** Batches over all sessions in the newest verified save of this session. */
  readonly savedBatches: number | undefined;
  /** The newest pair: of this session, or what training continued from. */
  readonly files: readonly SavedFile[];
}

export function createSaves(writer: Writer, emit: Emit, before: readonly SavedFile[]): Saves {
  let current: Promise<Error | undefined> = Promise.resolve(undefined);
  let running = false;
  let verifiedAt: number | undefined;
  let savedBatches: number | undefined;
  let files = before;

  async function save(
    state: TrainState,
    place: Place,
    setup: Setup,
    { kind, reason }: SaveDecision,
  ): Promise<Error | undefined> {
    running = true;
    const started = performance.now();
    emit({ type: "save-started", kind, reason, batches: place.batches });
    try {
      const checkpoint = {
        kind,
        reason,
        step: place.step,
        networks: toNetworks(state, setup.config, setup.config.learningRate),
        progress: toJson({ place, ...setup }),
      };
      const report = await writer.save(
        checkpoint,
        [...state.arrays.values()].map(({ data }) => data.buffer),
      );
      verifiedAt = performance.now();
      savedBatches = place.batches;
      files = report.files.map(({ path, bytes }) => ({ path, bytes }));
      emit({
        type: "saved",
        id: report.generation.id,
        kind,
        reason,
        files,
        folder: report.generation.folder,
        bytes: report.generation.bytes,
        seconds: (performance.now() - started) / 1000,
        position: positionOf(place),
        nonFinite: report.generation.nonFinite,
        savesLeft: report.savesLeft,
      });
      if (report.generation.nonFinite > 0) {
        emit({ type: "warning", code: "WEIGHTS_NOT_FINITE", detail: report.generation.id });
      }
      return undefined;
    } catch (error) {
      const code = isGuardapesosError(error) ? error.code : undefined;
      emit({ type: "save-failed", kind, code, message: reasonOf(error) });
      return error instanceof Error ? error : new Error(reasonOf(error));
    } finally {
      running = false;
    }
  }

  return {
    async begin(state, place, setup, decision) {
      await current;
      current = save(state, place, setup, decision);
    },
    settle: () => current,
    get running() {
      return running;
    },
    age: () => (verifiedAt === undefined ? undefined : (performance.now() - verifiedAt) / 1000),
    get savedBatches() {
      return savedBatches;
    },
    get files() {
      return files;
    },
  };
}
