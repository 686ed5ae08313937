/**
 * One save: make room, commit, read back, name, mark, and only then let retention remove anything. The state is on disk
 * alone: each save looks at the folder anew.
 */
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { NamedFile } from "./aliases.js";
import { sha256Of, type SaveRequest } from "./artifact.js";
import { attempt, problemOf, type StoreProblem } from "./attempt.js";
import { commitGeneration } from "./commit.js";
import { diskError, isDiskFault, isNoSpace } from "./disk.js";
import { listGenerations, type Generation, type Skipped } from "./generations.js";
import { appendJournal, type JournalEntry } from "./journal.js";
import type { CheckpointKind } from "./names.js";
import { underPressure } from "./retention-policy.js";
import { copiesOf, freeSpace, identify, type Session } from "./session.js";
import { isStale, prove, settle } from "./settle.js";
import { releaseBallast, savesLeft, spaceNeeded } from "./space.js";
import { carryOut, planRemovals } from "./tidy.js";

export interface SaveReport {
  readonly generation: Generation;
  /**
   * The names users know: EMERGENCY_ files for an emergency, otherwise the familiar ones; where they could not be made, or
   * the checkpoint has NaN or infinite values and gets no familiar names, its files in the generation.
   */
  readonly files: readonly NamedFile[];
  /** From the request until it was verified. */
  readonly seconds: number;
  /** Ids of the generations that retention removed. */
  readonly removed: readonly string[];
  /** Those among them that went before the save because the disk had no room for it. */
  readonly spared: readonly string[];
  /** Where a user's own files at the familiar names have gone. */
  readonly movedAside: readonly string[];
  /** A fault: steps have passed since the parent, and all weights are still the parent's. */
  readonly stale: boolean;
  /** How many more saves of this size the disk has room for if nothing is removed; undefined: it does not say. */
  readonly savesLeft: number | undefined;
  /** What was whole when it was saved, and is not any more: older ones stay for it. */
  readonly damaged: readonly Skipped[];
  /** What did not work and does not touch the checkpoint: names, marks, removals. */
  readonly problems: readonly StoreProblem[];
}

/** Share of a save's progress that is writing; the rest is reading back. */
const writingShare = 0.7;

/** Saves once. Throws as Store.save says. */
export async function saveGeneration(
  session: Session,
  request: SaveRequest,
  onProgress: (share: number) => void = () => undefined,
): Promise<SaveReport> {
  const { lock } = session;
  const { kind, step } = request;
  const started = performance.now();
  const needed = spaceNeeded(request, copiesOf(session, kind));
  const log = async (id: string, facts: Pick<JournalEntry, "bytes" | "sha256" | "failed">): Promise<void> => {
    const seconds = (performance.now() - started) / 1000;
    const { sequence } = session;
    const about = { id, kind, ...(step !== undefined && { step }), sequence, seconds };
    await appendJournal(session, { at: new Date().toISOString(), ...about, ...facts });
  };
  let id = "";
  try {
    await lock.check();
    const older = (await listGenerations(session)).whole;
    const identity = await identify(session, request, older);
    id = identity.id;
    const onBytes = (bytes: number) => onProgress(Math.min(1, bytes / needed) * writingShare);
    const spared: string[] = [];
    const { manifest, pieces } = await withRoom(session, kind, { needed, spared }, () =>
      commitGeneration(session, request, identity, () => lock.check(), onBytes),
    );
    const committed = await prove(session, id, pieces, (share) =>
      onProgress(writingShare + share * (1 - writingShare)),
    );
    const generation = { ...committed, verifiedAt: new Date().toISOString(), nameRemoved: false };
    const seconds = (performance.now() - started) / 1000;
    const stale = await isStale(session, manifest);
    session.parent = identity.id;
    session.verified.add(id);

    const problems: StoreProblem[] = [];
    const { files, movedAside } = await settle(session, generation, older, problems);
    // Whatever went wrong with names or marks is put right first, by the next save or start; until then nothing goes.
    const retained = problems.length > 0 ? nothingRetained : await retain(session, id);
    problems.push(...retained.problems);
    await attempt(problems, "journal", id, () =>
      log(id, { bytes: generation.bytes, sha256: generation.files.flatMap((file) => sha256Of(file) ?? []) }),
    );
    const free = await freeSpace(session);
    const left = free === undefined ? undefined : savesLeft(free, needed);
    const { damaged } = retained;
    const removed = [...spared, ...retained.removed];
    return {
      generation,
      files,
      seconds,
      removed,
      spared,
      movedAside,
      stale,
      savesLeft: left,
      damaged,
      problems,
    };
  } catch (error) {
    const told = await causeOf(session, error, needed);
    await log(id, { bytes: 0, sha256: [], failed: reasonOf(told) }).catch(() => undefined);
    throw told;
  }
}

/** What a user is told: where the folder is gone, that, and not what the system says of the files that should be in it. */
async function causeOf(session: Session, error: unknown, needed: number): Promise<unknown> {
  const { weights, lock } = session;
  if (!isDiskFault(error)) return error;
  const gone = await lock.check().then(
    () => undefined,
    (found: unknown) => found,
  );
  const isGone = gone instanceof GuardapesosError && gone.code === "WEIGHTS_FOLDER_GONE";
  if (isGone) return gone;
  const free = await freeSpace(session);
  return isNoSpace(error) ? diskFull(session, needed, free ?? 0) : diskError(error, weights, needed, free);
}

/** Files that a save makes, with its folder and its names. */
const filesPerSave = 10;

/** A disk has room for so many bytes and, often, for so many files: what is missing is said. */
async function diskFull({ disk, weights }: Session, needed: number, free: number): Promise<GuardapesosError> {
  const left = await disk.freeFiles(weights).catch(() => undefined);
  const files = left !== undefined && left < filesPerSave ? { files: left } : {};
  return new GuardapesosError("DISK_FULL", { folder: weights, needed, free, ...files });
}

/**
 * Runs a save, making room when there is too little: first what retention can spare, one after the other and only as many as
 * it takes, then, for an emergency, the ballast. An emergency is tried even when the disk claims to have no room.
 * @param spared ids of what was removed are added
 */
async function withRoom<T>(
  session: Session,
  kind: CheckpointKind,
  { needed, spared }: { readonly needed: number; readonly spared: string[] },
  save: () => Promise<T>,
): Promise<T> {
  const proven = new Set<string>();
  /** Each answers whether it has made any room, and so may be asked again. */
  const reliefs = underPressure(session.rules).map(({ rules, everyRun }) => async (): Promise<boolean> => {
    const lineage = everyRun ? undefined : session.lineage;
    const plan = await planRemovals(session, { rules, lineage, proven, verified: session.verified });
    const { removed } = await carryOut(session, plan, 1);
    spared.push(...removed);
    return removed.length > 0;
  });
  if (kind === "emergency") reliefs.push(() => releaseBallast(session));
  for (;;) {
    const free = (await freeSpace(session)) ?? Infinity;
    const [relief] = reliefs;
    if (free >= needed || (relief === undefined && kind === "emergency")) {
      try {
        return await save();
      } catch (error) {
        if (!isNoSpace(error) || relief === undefined) throw error;
      }
    }
    if (relief === undefined) throw await diskFull(session, needed, free);
    if (!(await relief())) reliefs.shift();
  }
}

class CalledOff extends Error {}

type Retained = Pick<SaveReport, "removed" | "damaged" | "problems">;
const nothingRetained: Retained = { removed: [], damaged: [], problems: [] };

/**
 * What retention removes after a save: the folder is looked at now, and of those that guard the removals the one that was
 * just read back counts, and the others are read. When something urgent comes meanwhile, it is left to the next save.
 */
async function retain(session: Session, readBack: string): Promise<Retained> {
  const { lineage, rules, verified } = session;
  const onRead = () => {
    if (session.hurry.isUrgent) throw new CalledOff();
  };
  try {
    const plan = await planRemovals(session, {
      rules,
      lineage,
      verified,
      proven: new Set([readBack]),
      onRead,
    });
    const { removed, problems } = await carryOut(session, plan);
    return { removed, damaged: plan.damaged, problems };
  } catch (error) {
    if (error instanceof CalledOff) return nothingRetained;
    if (!isDiskFault(error)) throw error;
    return { ...nothingRetained, problems: [problemOf("removal", readBack, error)] };
  }
}
