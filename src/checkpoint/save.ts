/**
 * One save: make room, commit, read back, name, mark, and only then let retention remove anything. The state is on disk
 * alone: each save looks at the folder anew.
 */
import { randomBytes } from "node:crypto";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { Checkpoint, CheckpointKind } from "./checkpoint.js";
import { commitGeneration, markVerified, type Identity } from "./commit.js";
import { diskError, isDiskFault, isNoSpace, type Disk } from "./disk.js";
import { nameEmergency, pointFamiliar, type NamedFile } from "./familiar.js";
import {
  damageReason,
  listGenerations,
  readGeneration,
  readManifest,
  type Generation,
} from "./generations.js";
import { appendJournal, type JournalEntry } from "./journal.js";
import type { Lock } from "./lock.js";
import type { Manifest } from "./manifest.js";
import {
  checkpointsFolder,
  emergencyName,
  generationFolder,
  generationId,
  parseId,
  stampOf,
  temporaryName,
  trashName,
  type Series,
} from "./names.js";
import { ownFiles } from "./recover.js";
import { underPressure, type RetentionRules } from "./retention-policy.js";
import { releaseBallast, savesLeft, spaceNeeded } from "./space.js";
import { carryOut, planRetention } from "./tidy.js";
import { isRepeat, verifyGeneration } from "./verify.js";

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
  readonly problems: readonly string[];
}

/** What an opened store knows beyond the disk. */
export interface Session {
  readonly disk: Disk;
  readonly weights: string;
  readonly series: Series;
  readonly lock: Lock;
  /** Whether the file system has hard links. */
  readonly links: boolean;
  readonly rules: RetentionRules;
  readonly run: string;
  /** The generation saved last, or that training went on from. */
  parent: string | undefined;
  /** The highest sequence ever seen here. A manifest that cannot be read for a moment must not let the count begin again. */
  sequence: number;
}

/** Share of a save's progress that is writing; the rest is reading back. */
const writingShare = 0.7;

/** Longest time for which a stamp is looked for before the clock must be wrong. */
const maxCopies = 10_000;

export function newToken(): string {
  return randomBytes(16).toString("hex");
}

/** Whole copies of a checkpoint that its names take, where the file system has no hard links. */
export function copiesOf({ links }: Pick<Session, "links">, kind: CheckpointKind): number {
  return links ? 0 : kind === "emergency" ? 2 : 1;
}

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
    const identity = await identify(session, checkpoint, older);
    id = identity.id;
    const onBytes = (bytes: number) => onProgress(Math.min(1, bytes / needed) * writingShare);
    const manifest = await withRoom(session, kind, needed, () =>
      commitGeneration(disk, weights, checkpoint, identity, () => lock.check(), onBytes),
    );
    const committed = await prove(session, id, (share) =>
      onProgress(writingShare + share * (1 - writingShare)),
    );
    const generation = { ...committed, verifiedAt: new Date().toISOString(), nameRemoved: false };
    const seconds = (performance.now() - started) / 1000;
    const stale = await isStale(session, manifest);
    session.parent = id;

    const problems: string[] = [];
    const { files, movedAside } = await settle(session, generation, older, problems);
    // Whatever went wrong with names or marks is put right first, by the next save or start; until then nothing goes.
    const removed =
      problems.length > 0 ? [] : await retain(session, [generation, ...older], session.rules, problems);
    await attempt(problems, "journal", () =>
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

async function freeSpace({ disk, weights }: Session): Promise<number | undefined> {
  return disk.freeSpace(weights).catch(() => undefined);
}

/** A name that nothing has yet, and the place in the order. */
async function identify(
  session: Session,
  checkpoint: Checkpoint,
  older: readonly Generation[],
): Promise<Identity> {
  const { disk, weights, series } = session;
  session.sequence = 1 + Math.max(session.sequence, ...older.map((one) => one.sequence));
  const now = new Date();
  const taken = new Set(await disk.list(checkpointsFolder(weights)));
  const names = new Set(checkpoint.kind === "emergency" ? await disk.list(weights) : []);
  for (let copy = 1; copy < maxCopies; copy++) {
    const stamp = stampOf(now, copy);
    const id = generationId(checkpoint.step, checkpoint.kind, stamp);
    const folders = [id, temporaryName(id), trashName(id)];
    const emergencies = [...checkpoint.networks.keys()].map((network) => emergencyName(network, stamp));
    if (folders.some((name) => taken.has(name)) || emergencies.some((name) => names.has(name))) continue;
    return {
      id,
      sequence: session.sequence,
      pair: newToken(),
      run: session.run,
      parent: session.parent ?? null,
      ...series,
      savedAt: now.toISOString(),
    };
  }
  throw new GuardapesosError("SAVE_FAILED", {
    folder: weights,
    reason: "there is no free name for this second",
  });
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

/** Reads a committed generation back. @throws SAVE_NOT_VERIFIED */
async function prove(
  { disk, weights }: Session,
  id: string,
  onProgress: (share: number) => void,
): Promise<Generation> {
  const disproved = (file: string, reason: string) =>
    new GuardapesosError("SAVE_NOT_VERIFIED", { id, file, reason });
  const generation = await readGeneration(disk, generationFolder(weights, id), id, weights).catch(
    (error: unknown) => {
      throw error instanceof GuardapesosError ? disproved(id, damageReason(error) ?? error.message) : error;
    },
  );
  const [fault] = (await verifyGeneration(generation, { deep: true, onProgress }, disk)).damages;
  if (fault !== undefined) throw disproved(fault.file, `${fault.where}: ${fault.reason}`);
  return generation;
}

async function isStale({ disk, weights, parent }: Session, manifest: Manifest): Promise<boolean> {
  if (parent === undefined) return false;
  try {
    return isRepeat(await readManifest(disk, generationFolder(weights, parent), parent), manifest);
  } catch {
    return false; // the parent is gone or damaged: nothing to compare with
  }
}

/** Does what must not fail a save that is already safe. Only faults of the disk are forgiven. */
async function attempt<T>(
  problems: string[],
  what: string,
  action: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!isDiskFault(error)) throw error;
    problems.push(`${what}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** After the proof: emergency names, the mark, the familiar names, in this order. */
async function settle(
  session: Session,
  generation: Generation,
  older: readonly Generation[],
  problems: string[],
): Promise<{ files: readonly NamedFile[]; movedAside: readonly string[] }> {
  const { disk, weights } = session;
  const ours = await ownFiles(disk, weights, [generation, ...older]);
  const inside = generation.files.map(({ path, bytes }) => ({ path, bytes }));
  const stamp = parseId(generation.id)?.stamp ?? "";
  const emergency =
    generation.kind === "emergency"
      ? await attempt(problems, "emergency names", () =>
          nameEmergency(disk, weights, generation, stamp, ours),
        )
      : undefined;
  // Without its names it is not marked: the next start tries again (a mark without names means: deleted by hand).
  if (generation.kind !== "emergency" || emergency !== undefined) {
    await attempt(problems, "mark", () => markVerified(disk, generation, generation.verifiedAt!));
  }
  const familiar =
    generation.nonFinite === 0
      ? await attempt(problems, "familiar names", () => pointFamiliar(disk, weights, generation, ours))
      : undefined;
  const files = generation.kind === "emergency" ? emergency : familiar?.files;
  return { files: files ?? inside, movedAside: familiar?.movedAside ?? [] };
}

/** @returns the ids removed */
async function retain(
  session: Session,
  generations: readonly Generation[],
  rules: RetentionRules,
  problems: string[],
): Promise<readonly string[]> {
  const { disk, weights, run } = session;
  const decision = planRetention(generations, rules, run);
  const tidied = await carryOut(disk, weights, generations, decision);
  problems.push(...tidied.problems);
  return tidied.removed;
}
