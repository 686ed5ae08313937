/**
 * Saves beside training: one at a time, in the writer's thread, from a state that nobody changes any more. A save that
 * fails is told and soon tried again; it never stops training.
 */
import { reasonOf } from "../base/errors.js";
import type { Checkpoint, CheckpointKind, Generation, SaveDecision, Writer } from "../checkpoint/index.js";
import type { Place } from "../progan/schedule.js";
import type { Emit, SavedFile } from "../events/event.js";
import { areThere } from "./saved-files.js";
import { toJson, type Progress } from "./progress.js";
import { savedElsewhere, savedEvents, saveFailed } from "./save-events.js";
import { firstRecord, isFilling, withFailure, withSaved, type SaveRecord } from "./save-record.js";
import type { TrainState } from "../trainer/state.js";
import type { SealedState } from "./train-state.js";

/** Everything that a checkpoint says beside the state and the place. */
export type Setup = Omit<Progress, "place" | "scales">;

/** What a checkpoint of this state says beside its arrays. */
export function progressOf(
  { scales }: Pick<TrainState, "scales">,
  place: Place,
  setup: Setup,
): Checkpoint["progress"] {
  return toJson({ place, ...setup, ...(scales ? { scales } : {}) });
}

export interface Saves {
  /** What is saved so far. */
  readonly record: SaveRecord;
  /**
   * Begins a save once the one before has ended; resolves when it has begun. Takes the state.
   * @param setup how training is set up at that place
   * @param last whether training ends with it
   */
  begin(state: SealedState, place: Place, setup: Setup, decision: SaveDecision, last: boolean): Promise<void>;
  /** Waits until nothing is being saved. @returns why the newest save failed; undefined when it did not */
  settle(): Promise<Error | undefined>;
  readonly running: boolean;
  /** How much of the save under way is done, from 0 to 1; undefined when there is none. */
  readonly share: number | undefined;
  /** Since the newest save was begun or has failed, or the session. */
  secondsSinceBegin(): number;
  /** Seconds since the last verified save of this session. */
  age(): number | undefined;
  /** Whether the files of the newest save of this session are where they were saved. */
  areThere(): Promise<boolean>;
}

type SealedCheckpoint = Parameters<Writer["save"]>[0] & Pick<SealedState, "networks">;

function checkpointOf(
  state: SealedState,
  place: Place,
  setup: Setup,
  { kind, reason }: SaveDecision,
  local: Checkpoint["local"],
): SealedCheckpoint {
  const progress = progressOf(state, place, setup);
  return { kind, reason, step: place.step, networks: state.networks, progress, local };
}

/**
 * @param facts.files those that training continues from
 * @param facts.local what every checkpoint remembers of this computer
 * @param onSaved told of each verified save after which training goes on
 */
export function createSaves(
  writer: Pick<Writer, "save">,
  emit: Emit,
  facts: { readonly files: readonly SavedFile[]; readonly local: Checkpoint["local"] },
  onSaved: (generation: Generation) => void,
): Saves {
  let current: Promise<Error | undefined> = Promise.resolve(undefined);
  let share: number | undefined;
  let record = firstRecord(facts.files, performance.now());

  /** @returns why it failed */
  function fail(error: unknown, kind: CheckpointKind, last: boolean): Error {
    record = withFailure(record, performance.now());
    emit(saveFailed(error, kind, record.failures, last));
    return error instanceof Error ? error : new Error(reasonOf(error));
  }

  async function save(checkpoint: SealedCheckpoint, place: Place, last: boolean): Promise<Error | undefined> {
    const { kind, reason, networks } = checkpoint;
    share = 0;
    record = { ...record, begunAt: performance.now() };
    emit({ type: "save-started", kind, reason, batches: place.batches });
    try {
      const onProgress = (done: number): void => void (share = done);
      const report = await writer.save(checkpoint, [networks], onProgress, last);
      const { refuge, generation } = report;
      if (refuge) fail(refuge.cause, kind, last);
      const before = record;
      const now = performance.now();
      record = withSaved(before, report, place.batches, now);
      const seconds = (now - before.begunAt) / 1000;
      for (const event of savedEvents(report, place, seconds, isFilling(before, record))) emit(event);
      if (!last) onSaved(generation);
      if (refuge) emit(savedElsewhere(refuge.folder));
      // It is safe, and not where it was wanted: the run has failed.
      return refuge?.cause;
    } catch (error) {
      return fail(error, kind, last);
    } finally {
      share = undefined;
    }
  }

  return {
    get record() {
      return record;
    },
    async begin(state, place, setup, decision, last) {
      await current;
      current = save(checkpointOf(state, place, setup, decision, facts.local), place, last);
    },
    settle: () => current,
    get running() {
      return share !== undefined;
    },
    get share() {
      return share;
    },
    secondsSinceBegin: () => (performance.now() - record.begunAt) / 1000,
    age: () => (record.verifiedAt === undefined ? undefined : (performance.now() - record.verifiedAt) / 1000),
    areThere: () => areThere(record.newest?.files ?? []),
  };
}
