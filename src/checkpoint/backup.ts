/**
 * Verified copies of a generation elsewhere, one per day, and the way back. A backup is laid out like a generation and made
 * with the same commit protocol.
 */
import { basename, join } from "node:path";
import { GuardapesosError } from "../base/errors.js";
import { attempt } from "./attempt.js";
import type { StoreProblem } from "./checkpoint.js";
import { discardFolder, markVerified, publish, removeFolder, removeLeftovers } from "./commit.js";
import { copyFile, diskError, makeFolders, nodeDisk, type Disk } from "./disk.js";
import { refuseLink } from "./folder.js";
import {
  listGenerations,
  readAll,
  readGeneration,
  readManifest,
  refuseLinked,
  stillThere,
  type Generation,
  type Listing,
} from "./generations.js";
import { takeLock } from "./lock.js";
import type { Manifest } from "./manifest.js";
import {
  backupsFolder,
  checkpointsFolder,
  dayOf,
  generationFolder,
  isBackupName,
  networkFile,
  temporaryName,
  type Series,
} from "./names.js";
import { newestWhole } from "./resolve.js";
import { freeSpace, identify, type Session } from "./session.js";
import { prove, settle } from "./settle.js";
import { openSession } from "./store.js";
import { verifyGeneration } from "./verify.js";

export interface BackupOptions {
  /** Where to; `weights/backups` when left out, and only there old ones are removed. */
  readonly destination?: string | undefined;
  /** Do nothing when today has its backup already. */
  readonly daily?: boolean | undefined;
  /** How many of the newest backups stay; 7 when left out. */
  readonly keep?: number | undefined;
  readonly series?: Series | undefined;
  /** Only generations that pass this are copied. */
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
  /** Bytes that must stay free beside it; 0 when left out. */
  readonly reserve?: number | undefined;
  /** Calls it off: what is there of the copy is removed, and its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

export interface BackupReport {
  /** undefined: today has its backup already. */
  readonly backup: Generation | undefined;
  /** Where backups are. */
  readonly folder: string;
  /** What it is a copy of, or would be. */
  readonly source: Generation;
  /** Names of old backups that were removed. */
  readonly removed: readonly string[];
  readonly problems: readonly StoreProblem[];
}

/**
 * Copies the newest whole generation and reads the copy back.
 * @throws CHECKPOINT_NOT_FOUND nothing to back up
 * @throws CHECKPOINT_DAMAGED none is whole
 * @throws SAVE_NOT_VERIFIED the copy is not what it should be; it is removed
 * @throws WEIGHTS_IN_USE another backup is being made there
 * @throws DISK_FULL, WEIGHTS_NOT_WRITABLE, SAVE_FAILED
 */
export async function backup(
  weights: string,
  options: BackupOptions = {},
  disk: Disk = nodeDisk,
): Promise<BackupReport> {
  const parent = options.destination ?? backupsFolder(weights);
  let needed = 0;
  try {
    if (options.destination === undefined) await refuseLink(disk, parent);
    for (;;) {
      const found = await newestWhole(weights, { series: options.series, accepts: options.accepts }, disk);
      if (found === undefined) {
        throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: "latest", known: [] });
      }
      const source = found.generation;
      needed = source.bytes + (options.reserve ?? 0);
      try {
        return await backupOf(source, parent, needed, options, disk);
      } catch (error) {
        // A training that saves meanwhile may have removed it: then there are newer ones.
        if ((await disk.info(source.folder)) !== undefined) throw error;
      }
    }
  } catch (error) {
    throw diskError(error, parent, needed, await freeSpace({ disk, weights: parent }));
  }
}

async function backupOf(
  source: Generation,
  parent: string,
  needed: number,
  { daily, signal, destination, keep = 7 }: BackupOptions,
  disk: Disk,
): Promise<BackupReport> {
  await makeFolders(disk, parent);
  const lock = await takeLock(disk, parent, parent, { purpose: "backup" });
  try {
    const problems: StoreProblem[] = [];
    await removeLeftovers(disk, [parent], problems);
    const names = (await disk.list(parent)).filter(isBackupName);
    const today = dayOf(new Date());
    if ((daily ?? false) && names.some((name) => name.startsWith(today))) {
      return { backup: undefined, folder: parent, source, removed: [], problems };
    }
    const free = await disk.freeSpace(parent).catch(() => Infinity);
    if (free < needed) throw new GuardapesosError("DISK_FULL", { folder: parent, needed, free });
    const name = freeDay(names);
    const made = await copyGeneration(disk, source, parent, name, signal);
    const staying = destination === undefined ? keep : Infinity;
    const removed = await removeOld(disk, parent, [...names, name], staying, problems);
    return { backup: made, folder: parent, source, removed, problems };
  } finally {
    await lock.release();
  }
}

function freeDay(taken: readonly string[]): string {
  for (let copy = 1; ; copy++) {
    const name = dayOf(new Date(), copy);
    if (!taken.includes(name)) return name;
  }
}

/** The same files and the same manifest under another name, read back. */
async function copyGeneration(
  disk: Disk,
  source: Generation,
  parent: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Generation> {
  const manifest = await readManifest(disk, source.folder, source.id);
  const goOn = () => signal?.throwIfAborted();
  await copyInto(disk, source, parent, name, manifest, { onBytes: goOn });
  const folder = join(parent, name);
  try {
    const copy = await readGeneration(disk, folder, name, undefined);
    const [fault] = (await verifyGeneration(copy, { deep: true, onProgress: goOn }, disk)).damages;
    if (fault !== undefined) throw new GuardapesosError("SAVE_NOT_VERIFIED", { id: folder, ...fault });
    const at = new Date().toISOString();
    await markVerified(disk, copy, at);
    return { ...copy, verifiedAt: at };
  } catch (error) {
    await removeFolder(disk, parent, name);
    throw error;
  }
}

interface CopyHooks {
  /** Each may throw to call it off. */
  readonly beforeRename?: () => Promise<void>;
  readonly onBytes?: (bytes: number) => void;
}

async function copyInto(
  disk: Disk,
  source: Generation,
  parent: string,
  name: string,
  manifest: Manifest,
  { beforeRename = () => Promise.resolve(), onBytes }: CopyHooks,
): Promise<void> {
  const temporary = join(parent, temporaryName(name));
  try {
    await disk.makeFolder(temporary);
    for (const { network, path } of source.files)
      await copyFile(disk, path, join(temporary, networkFile(network)), onBytes);
    await publish(disk, temporary, join(parent, name), manifest, beforeRename);
  } catch (error) {
    await discardFolder(disk, temporary).catch(() => undefined);
    throw error;
  }
}

/** Backups are named by their day, so that the oldest come first. */
async function removeOld(
  disk: Disk,
  parent: string,
  names: readonly string[],
  keep: number,
  problems: StoreProblem[],
): Promise<string[]> {
  const removed: string[] = [];
  const byAge = [...names].sort((a, b) => order(a).localeCompare(order(b)));
  for (const name of byAge.slice(0, Math.max(0, byAge.length - Math.max(1, keep)))) {
    await attempt(problems, "removal", name, async () => {
      await removeFolder(disk, parent, name);
      removed.push(name);
    });
  }
  return removed;
}

/** 2025-11-06_10 comes after 2025-11-06_9. */
function order(name: string): string {
  const [day = "", copy = "1"] = name.split("_");
  return `${day}_${copy.padStart(6, "0")}`;
}

export interface RestoreReport {
  /** The new generation: from now on the newest of its label and name. */
  readonly generation: Generation;
  readonly source: Generation;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly problems: readonly StoreProblem[];
}

/**
 * Makes a backup (or any older generation) the newest generation again, as a copy; nothing is removed.
 * @param reference a backup's name, a generation's id, or the path of either folder
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, and what openStore and Store.save throw
 */
export async function restore(
  weights: string,
  reference: string,
  disk: Disk = nodeDisk,
): Promise<RestoreReport> {
  let needed = 0;
  try {
    const source = await findFolder(disk, weights, reference);
    needed = source.bytes;
    const [fault] = (await verifyGeneration(source, { deep: true }, disk)).damages;
    if (fault !== undefined) throw new GuardapesosError("CHECKPOINT_DAMAGED", { id: source.id, ...fault });
    const opening = { folder: weights, ...source.series };
    const { session } = await openSession(opening, disk, { purpose: "restore" });
    try {
      return await restoreInto(session, source);
    } finally {
      await session.lock.release();
    }
  } catch (error) {
    throw diskError(error, weights, needed, await freeSpace({ disk, weights }));
  }
}

const restoredFrom = "restored from ";

/** Whether a person has made it the newest again. */
export function isRestored({ kind, reason }: Pick<Generation, "kind" | "reason">): boolean {
  return kind === "manual" && reason.startsWith(restoredFrom);
}

async function restoreInto(session: Session, source: Generation): Promise<RestoreReport> {
  const { disk, weights } = session;
  const older = (await listGenerations(weights, disk)).whole;
  const networks = source.files.map((file) => file.network);
  const identity = await identify(session, { step: source.step, kind: "manual", networks }, older);
  const original = await readManifest(disk, source.folder, source.id);
  // The weights stay the pair they were; only its place in the order is new.
  const manifest: Manifest = {
    ...original,
    ...identity,
    pair: original.pair,
    run: original.run,
    parent: original.id,
    kind: "manual",
    reason: restoredFrom + basename(source.folder),
  };
  const parent = checkpointsFolder(weights);
  const beforeRename = () => session.lock.check();
  await copyInto(disk, source, parent, identity.id, manifest, { beforeRename });
  const generation = await prove(session, identity.id);
  const verified = { ...generation, verifiedAt: new Date().toISOString() };
  const problems: StoreProblem[] = [];
  const { files } = await settle(session, verified, older, problems);
  return { generation: verified, source, files, problems };
}

async function findFolder(disk: Disk, weights: string, reference: string): Promise<Generation> {
  const places = [reference, join(backupsFolder(weights), reference), generationFolder(weights, reference)];
  for (const folder of places) {
    // A path that was typed may be a link; what lies in the weights folder may not.
    if (folder !== reference) await refuseLinked(disk, folder, reference);
    if ((await disk.target(folder))?.kind !== "folder") continue;
    return readGeneration(disk, folder, basename(folder), undefined);
  }
  const known = await disk.list(backupsFolder(weights)).catch(() => []);
  const names = known.filter(isBackupName);
  throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: names.reverse().slice(0, 5) });
}

/** The backups of a weights folder, newest first; an `id` is the backup's name. */
export async function listBackups(weights: string, disk: Disk = nodeDisk): Promise<Listing> {
  const parent = backupsFolder(weights);
  if ((await disk.info(parent))?.kind === "link") {
    const id = basename(parent);
    return { whole: [], damaged: [{ id, file: id, reason: "not-a-file", found: "link" }] };
  }
  const names = (await disk.list(parent).catch(() => [])).filter(isBackupName);
  const { whole, damaged } = await readAll(
    names.sort((a, b) => order(b).localeCompare(order(a))),
    async (name) => {
      await refuseLinked(disk, join(parent, name), name);
      return readGeneration(disk, join(parent, name), name, undefined);
    },
  );
  return { whole, damaged: await stillThere(disk, damaged, ({ id }) => join(parent, id)) };
}
