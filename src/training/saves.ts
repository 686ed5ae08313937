/**
 * Saves beside training: one at a time, in the writer's thread, from a state that nobody changes any more. A save that
 * fails is told and soon tried again; it never stops training.
 */
import { failureOf, reasonOf } from "../base/errors.js";
import type {
  Checkpoint,
  CheckpointKind,
  Generation,
  SaveDecision,
  SaveReport,
  Writer,
} from "../checkpoint/index.js";
import { retryAfter } from "../store/index.js";
import type { Place } from "../progan/schedule.js";
import type { Emit, SavedFile } from "../events/event.js";
import { warning } from "../events/warning.js";
import { areThere } from "./saved-files.js";
import { positionOf, toJson, type Progress } from "./progress.js";
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
  /** Saves that have failed since the last one that did not. */
  readonly failures: number;
  /** Since the newest save was begun or has failed, or the session. */
  secondsSinceBegin(): number;
  /** Seconds since the last verified save of this session. */
  age(): number | undefined;
  /** Batches over all sessions in the newest verified save of this session. */
  readonly savedBatches: number | undefined;
  /** NaN and infinite values in the newest save of this session. */
  readonly nonFinite: number;
  /** Saves in a row, the newest among them, with such values. */
  readonly spoilt: number;
  /** The newest verified save of this session, and the newest whose weights are all numbers. */
  readonly newest: Generation | undefined;
  readonly sound: { readonly id: string; readonly batches: number } | undefined;
  /** Whether the files of the newest save of this session are where they were saved. */
  areThere(): Promise<boolean>;
  /** Another weights folder, where the last save has gone because the wanted one did not take it. */
  readonly elsewhere: string | undefined;
  /** The newest pair without such values: of this session, or what training continued from. */
  readonly files: readonly SavedFile[];
}

/** From how many saves that still fit on the disk on it is worth a word. */
const fewSaves = 20;

/** Whether a folder is in memory, as far as its path tells. */
const isMemory = (folder: string): boolean => folder.startsWith("/dev/shm/");

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
  let failures = 0;
  let begunAt = performance.now();
  let verifiedAt: number | undefined;
  let savedBatches: number | undefined;
  let nonFinite = 0;
  let spoilt = 0;
  let newest: Generation | undefined;
  let sound: Saves["sound"];
  let elsewhere: string | undefined;
  let { files } = facts;
  let warnedAt = 2 * fewSaves;

  async function save(
    state: SealedState,
    place: Place,
    setup: Setup,
    { kind, reason }: SaveDecision,
    last: boolean,
  ): Promise<Error | undefined> {
    share = 0;
    begunAt = performance.now();
    emit({ type: "save-started", kind, reason, batches: place.batches });
    try {
      const checkpoint = {
        kind,
        reason,
        step: place.step,
        networks: state.networks,
        progress: progressOf(state, place, setup),
        local: facts.local,
      };
      const report = await writer.save(
        checkpoint,
        [state.networks],
        (done) => {
          share = done;
        },
        last,
      );
      const { refuge } = report;
      if (refuge) tellFailure(refuge.cause, kind, last);
      verifiedAt = performance.now();
      savedBatches = place.batches;
      failures = 0;
      nonFinite = report.generation.nonFinite;
      spoilt = nonFinite > 0 ? spoilt + 1 : 0;
      newest = report.generation;
      if (nonFinite === 0) {
        files = report.files;
        sound = { id: newest.id, batches: place.batches };
      }
      tell(report, place, (verifiedAt - begunAt) / 1000);
      if (!last) onSaved(report.generation);
      if (!refuge) return undefined;
      // It is safe, and not where it was wanted: the run has failed.
      elsewhere = refuge.folder;
      emit(warning(isMemory(elsewhere) ? "SAVED_IN_MEMORY" : "SAVED_ELSEWHERE", { folder: elsewhere }));
      return refuge.cause;
    } catch (error) {
      return tellFailure(error, kind, last);
    } finally {
      share = undefined;
    }
  }

  function tellFailure(error: unknown, kind: CheckpointKind, last: boolean): Error {
    failures++;
    begunAt = performance.now();
    const retrySeconds = last ? undefined : retryAfter(failures);
    emit({ type: "save-failed", kind, ...failureOf(error), failures, retrySeconds });
    return error instanceof Error ? error : new Error(reasonOf(error));
  }

  function tell(report: SaveReport, place: Place, seconds: number): void {
    const named = report.files.map(({ path, bytes: size }) => ({ path, bytes: size }));
    const { id, kind, reason, folder, bytes, nonFinite } = report.generation;
    const { savesLeft } = report;
    const position = positionOf(place);
    emit({
      type: "saved",
      id,
      kind,
      reason,
      files: named,
      folder,
      bytes,
      seconds,
      position,
      nonFinite,
      savesLeft,
    });
    if (nonFinite > 0) emit(warning("WEIGHTS_NOT_FINITE", { id, values: nonFinite }));
    if (report.stale) emit(warning("WEIGHTS_UNCHANGED", { id }));
    if (report.spared.length > 0) emit(warning("ROOM_MADE", { ids: report.spared }));
    for (const damage of report.damaged) emit(warning("CHECKPOINT_DAMAGED", damage));
    for (const path of report.movedAside) emit(warning("FILE_MOVED_ASIDE", { path }));
    for (const problem of report.problems) emit({ type: "store-problem", ...problem });
    if (savesLeft === undefined || savesLeft >= fewSaves) warnedAt = 2 * fewSaves;
    else if (savesLeft <= warnedAt / 2) {
      warnedAt = savesLeft;
      emit(warning("DISK_FILLING", { savesLeft }));
    }
  }

  return {
    async begin(state, place, setup, decision, last) {
      await current;
      current = save(state, place, setup, decision, last);
    },
    settle: () => current,
    get running() {
      return share !== undefined;
    },
    get share() {
      return share;
    },
    get failures() {
      return failures;
    },
    secondsSinceBegin: () => (performance.now() - begunAt) / 1000,
    age: () => (verifiedAt === undefined ? undefined : (performance.now() - verifiedAt) / 1000),
    get savedBatches() {
      return savedBatches;
    },
    get nonFinite() {
      return nonFinite;
    },
    get spoilt() {
      return spoilt;
    },
    areThere: () => areThere(newest?.files ?? []),
    get newest() {
      return newest;
    },
    get sound() {
      return sound;
    },
    get elsewhere() {
      return elsewhere;
    },
    get files() {
      return files;
    },
  };
}
