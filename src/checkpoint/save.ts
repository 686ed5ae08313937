/**
 * One save: make room, commit, read back, name, mark, and only then let retention remove anything. The state is on disk
 * alone: each save looks at the folder anew.
 */
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { attempt } from "./attempt.js";
import type { Checkpoint, CheckpointKind, StoreProblem } from "./checkpoint.js";
import { commitGeneration } from "./commit.js";
import { diskError, isNoSpace } from "./disk.js";
import type { NamedFile } from "./familiar.js";
import { listGenerations, type Generation } from "./generations.js";
import { appendJournal, type JournalEntry } from "./journal.js";
import { underPressure, type RetentionRules } from "./retention-policy.js";
import { copiesOf, freeSpace, identify, type Session } from "./session.js";
import { isStale, prove, settle } from "./settle.js";
import { releaseBallast, savesLeft, spaceNeeded } from "./space.js";
import { carryOut, planRetention } from "./tidy.js";

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
  /** Where a user's own files at the familiar names have gone. */
  readonly movedAside: readonly string[];
  /** A fault: steps have passed since the parent, and all weights are still the parent's. */
  readonly stale: boolean;
  /** How many more saves of this size the disk has room for if nothing is removed; undefined: it does not say. */
  readonly savesLeft: number | undefined;
  /** What did not work and does not touch the checkpoint: names, marks, removals. */
  readonly problems: readonly StoreProblem[];
}

/** Share of a save's progress that is writing; the rest is reading back. */
const writingShare = 0.7;

/** Saves once. Throws as Store.save says. */
export async function saveGeneration(
  session: Session,
  checkpoint: Checkpoint,
  onProgress: (share: number) => void = () => undefined,
): Promise<SaveReport> {
  const { disk, weights, lock } = session;
  const { kind, step } = checkpoint;
  const started = performance.now();
  const needed = spaceNeeded(checkpoint, copiesOf(session, kind));
  const log = async (id: string, facts: Pick<JournalEntry, "bytes" | "sha256" | "failed">): Promise<void> => {
    const seconds = (performance.now() - started) / 1000;
    const { sequence } = session;
    await appendJournal(disk, weights, {
      at: new Date().toISOString(),
      id,
      kind,
      step,
      sequence,
      seconds,
      ...facts,
    });
  };
  let id = "";
  try {
    await lock.check();
    const older = (await listGenerations(weights, disk)).whole;
    const identity = await identify(
      session,
      { step, kind, networks: [...checkpoint.networks.keys()] },
      older,
    );
    id = identity.id;
    const onBytes = (bytes: number) => onProgress(Math.min(1, bytes / needed) * writingShare);
    const { manifest, pieces } = await withRoom(session, kind, needed, () =>
      commitGeneration(disk, weights, checkpoint, identity, () => lock.check(), onBytes),
    );
    const committed = await prove(session, id, pieces, (share) =>
      onProgress(writingShare + share * (1 - writingShare)),
    );
    const generation = { ...committed, verifiedAt: new Date().toISOString(), nameRemoved: false };
    const seconds = (performance.now() - started) / 1000;
    const stale = await isStale(session, manifest);
    session.parent = id;

    const problems: StoreProblem[] = [];
    const { files, movedAside } = await settle(session, generation, older, problems);
    // Whatever went wrong with names or marks is put right first, by the next save or start; until then nothing goes.
    const removed =
      problems.length > 0 ? [] : await retain(session, [generation, ...older], session.rules, problems);
    await attempt(problems, "journal", id, () =>
      log(id, { bytes: generation.bytes, sha256: generation.files.map((file) => file.sha256) }),
    );
    const free = await freeSpace(session);
    const left = free === undefined ? undefined : savesLeft(free, needed);
    return { generation, files, seconds, removed, movedAside, stale, savesLeft: left, problems };
  } catch (error) {
    const told = diskError(error, weights, needed, await freeSpace(session));
    await log(id, { bytes: 0, sha256: [], failed: reasonOf(told) }).catch(() => undefined);
    throw told;
  }
}

/**
 * Runs a save, making room when there is too little: first what retention can spare, then, for an emergency, the ballast.
 * An emergency is tried even when the disk claims to have no room.
 */
async function withRoom<T>(
  session: Session,
  kind: CheckpointKind,
  needed: number,
  save: () => Promise<T>,
): Promise<T> {
  const { disk, weights } = session;
  const reliefs = [
    async () => {
      const { whole } = await listGenerations(weights, disk);
      await retain(session, whole, underPressure(session.rules), []);
    },
  ];
  if (kind === "emergency") reliefs.push(() => releaseBallast(disk, weights));
  for (;;) {
    const free = (await freeSpace(session)) ?? Infinity;
    const relief = reliefs.shift();
    if (free >= needed || (relief === undefined && kind === "emergency")) {
      try {
        return await save();
      } catch (error) {
        if (!isNoSpace(error) || relief === undefined) throw error;
      }
    }
    if (relief === undefined) throw new GuardapesosError("DISK_FULL", { folder: weights, needed, free });
    await relief();
  }
}

/** @returns the ids removed */
async function retain(
  session: Session,
  generations: readonly Generation[],
  rules: RetentionRules,
  problems: StoreProblem[],
): Promise<readonly string[]> {
  const { disk, weights, run } = session;
  const decision = planRetention(generations, rules, run);
  const tidied = await carryOut(disk, weights, generations, decision);
  problems.push(...tidied.problems);
  return tidied.removed;
}
