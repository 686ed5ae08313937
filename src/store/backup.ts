/**
 * Verified copies of a generation elsewhere, one per day and series, and the way back. A backup is laid out like a generation and made
 * with the same commit protocol.
 */
import { basename, join } from "node:path";
import { GuardapesosError } from "../base/errors.js";
import { attempt, type StoreProblem } from "./attempt.js";
import { folderPath, type FolderPath } from "./brands.js";
import { backupsIn, isNothingElse, listBackups } from "./backup-list.js";
import { enoughForNow, outdatedBy } from "./backup-policy.js";
import { BackendError, type Backend } from "./backends/backend.js";
import { openFolder } from "./backends/folder.js";
import { discardFolder, markVerified, publish, removeFolder } from "./commit.js";
import { copyFile, diskError, makeFolders, type Disk } from "./disk.js";
import { refuseLink } from "./folder.js";
import {
  listGenerations,
  readGeneration,
  readManifest,
  readManifestText,
  refuseLinked,
  type Generation,
} from "./generations.js";
import { takeLock } from "./lock.js";
import { manifestFormat, renderManifest, type Manifest } from "./manifest.js";
import {
  backupsFolder,
  dayOf,
  generationFolder,
  generationsFolder,
  isBackupName,
  manifestFile,
  parseId,
  temporaryName,
  within,
  type Series,
} from "./names.js";
import { newestWhole } from "./newest.js";
import { freeSpace, identify, type Session } from "./session.js";
import { prove, settle } from "./settle.js";
import type { Site } from "./site.js";
import { openSession } from "./store.js";
import { verifyGeneration } from "./verify.js";

export interface BackupOptions {
  /** Where to; `weights/backups` when left out, and only there those beyond `keep` are removed. */
  readonly destination?: string | undefined;
  /** Do nothing when today has one of the same save, or one that is less than six hours old. */
  readonly daily?: boolean | undefined;
  /** How many of the newest backups of its series stay; 7 when left out. */
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
  /** undefined: none is due yet. */
  readonly backup: Generation | undefined;
  /** Today's, because of which none is due. */
  readonly existing: Generation | undefined;
  /** Where backups are. */
  readonly folder: string;
  /** What it is a copy of, or would be. */
  readonly source: Generation;
  /** Names of backups that were removed: today's from before, and old ones. */
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
export async function backup(site: Site, options: BackupOptions = {}): Promise<BackupReport> {
  const { disk, weights } = site;
  const { destination } = options;
  const parent = destination === undefined ? backupsFolder(weights) : folderPath(destination);
  let needed = 0;
  try {
    if (options.destination === undefined) await refuseLink(disk, parent);
    for (;;) {
      const found = await newestWhole(site, { series: options.series, accepts: options.accepts });
      if (found === undefined) {
        throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: "latest", known: [] });
      }
      const source = found.generation;
      needed = source.bytes + (options.reserve ?? 0);
      try {
        return await backupOf(site, source, { parent, needed }, options);
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
  site: Site,
  source: Generation,
  { parent, needed }: { readonly parent: FolderPath; readonly needed: number },
  { daily, signal, destination, keep = 7 }: BackupOptions,
): Promise<BackupReport> {
  const { disk } = site;
  await makeFolders(disk, parent);
  const lock = await takeLock(disk, parent, parent, { purpose: "backup" });
  try {
    const problems: StoreProblem[] = [];
    const backend = await openFolder(disk, parent, problems);
    const now = new Date();
    const there = (await backupsIn(parent, disk, now.getTime())).whole;
    const whole = there.filter(({ store }) => store === source.store);
    const existing = (daily ?? false) ? enoughForNow(whole, source, now) : undefined;
    if (existing !== undefined) {
      return { backup: undefined, existing, folder: parent, source, removed: [], problems };
    }
    const free = await disk.freeSpace(parent).catch(() => Infinity);
    if (free < needed) throw new GuardapesosError("DISK_FULL", { folder: parent, needed, free });
    const name = freeDay(await disk.list(parent), now);
    const made = await copyGeneration(site, source, backend, name, signal);
    const staying = destination === undefined ? keep : Infinity;
    const removed = await removeAll(disk, parent, outdatedBy(whole, made, staying, now), problems);
    return { backup: made, existing: undefined, folder: parent, source, removed, problems };
  } finally {
    await lock.release();
  }
}

function freeDay(taken: readonly string[], now: Date): string {
  for (let copy = 1; ; copy++) {
    const name = dayOf(now, copy);
    if (!taken.includes(name)) return name;
  }
}

/** The same files and the same manifest under another name, read back. */
async function copyGeneration(
  site: Site,
  source: Generation,
  backend: Backend,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Generation> {
  const { disk } = site;
  // Byte for byte, of whichever format it is.
  const { text } = await readManifestText(disk, source.folder, source.id);
  const goOn = () => signal?.throwIfAborted();
  await putCopy(disk, source, backend, name, { manifest: text, goOn });
  const parent = folderPath(backend.place);
  const folder = within(parent, name);
  try {
    const copy = await readGeneration(disk, folder, name, undefined);
    const [fault] = (await verifyGeneration(site, copy, { deep: true, onProgress: goOn })).damages;
    if (fault !== undefined) throw new GuardapesosError("SAVE_NOT_VERIFIED", { id: folder, ...fault });
    const at = new Date().toISOString();
    await markVerified(disk, copy, at);
    return { ...copy, verifiedAt: at };
  } catch (error) {
    await removeFolder(disk, parent, name);
    throw error;
  }
}

/** Puts the files of a generation into a backend, the manifest last; nothing stays of it where one fails. */
async function putCopy(
  disk: Disk,
  source: Generation,
  backend: Backend,
  generation: string,
  { manifest, goOn }: { readonly manifest: string; readonly goOn: () => void },
): Promise<void> {
  const last = new TextEncoder().encode(manifest);
  try {
    for (const { name: file, path, bytes } of source.files)
      await backend.put({ generation, file }, { bytes, pieces: piecesOf(disk, path, goOn) });
    await backend.put({ generation, file: manifestFile }, { bytes: last.length, pieces: [last] });
  } catch (error) {
    await backend.discard(generation).catch(() => undefined);
    throw error instanceof BackendError ? faultOfCopy(error, source, backend.place) : error;
  }
}

/** @param goOn asked after each piece; may throw to call it off */
async function* piecesOf(disk: Disk, path: string, goOn: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of disk.chunks(path)) {
    yield piece;
    goOn();
  }
}

/** A file of the generation has another size than its manifest says, or somebody else has taken the copy's name. */
function faultOfCopy(
  { fault, object, bytes, cause, message }: BackendError,
  source: Generation,
  place: string,
) {
  const expected = source.files.find(({ name }) => name === object.file)?.bytes;
  if (fault !== "torn" || bytes === undefined || expected === undefined)
    return cause ?? new GuardapesosError("SAVE_FAILED", { folder: place, reason: message });
  const id = join(place, object.generation);
  return new GuardapesosError("SAVE_NOT_VERIFIED", {
    id,
    file: object.file,
    reason: "size",
    bytes,
    expected,
  });
}

/** A copy that becomes a generation of the store itself. @param beforeRename may throw to call it off */
async function copyInto(
  disk: Disk,
  source: Generation,
  parent: FolderPath,
  name: string,
  manifest: string,
  beforeRename: () => Promise<void>,
): Promise<void> {
  const temporary = within(parent, temporaryName(name));
  try {
    await disk.makeFolder(temporary);
    for (const file of source.files) await copyFile(disk, file.path, join(temporary, file.name));
    await publish(disk, temporary, within(parent, name), manifest, beforeRename);
  } catch (error) {
    await discardFolder(disk, temporary).catch(() => undefined);
    throw error;
  }
}

/** Removes backups, each whole or not at all. @returns the names of those that are gone */
async function removeAll(
  disk: Disk,
  parent: FolderPath,
  backups: readonly Generation[],
  problems: StoreProblem[],
): Promise<string[]> {
  const removed: string[] = [];
  for (const backup of backups) {
    await attempt(problems, "removal", backup.id, async () => {
      if (!(await isNothingElse(disk, backup))) return;
      if (await removeFolder(disk, parent, backup.id)) removed.push(backup.id);
    });
  }
  return removed;
}

export interface RestoreReport {
  /** The new generation: from now on the newest of its label and name. */
  readonly generation: Generation;
  readonly source: Generation;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly problems: readonly StoreProblem[];
}

export interface RestoreOptions {
  /** Only what passes this is restored. */
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
}

/**
 * Makes a backup (or any older generation) the newest generation again, as a copy; nothing is removed.
 * @param reference a backup's name, a generation's id, or the path of either folder
 * @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, and what openStore and Store.save throw
 */
export async function restore(
  site: Site,
  reference: string,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const { disk, weights } = site;
  let needed = 0;
  try {
    const source = await findFolder(site, reference, options);
    needed = source.bytes;
    const [fault] = (await verifyGeneration(site, source, { deep: true })).damages;
    if (fault !== undefined) throw new GuardapesosError("CHECKPOINT_DAMAGED", { id: source.id, ...fault });
    const { session } = await openSession(site, source.series, { purpose: "restore" });
    try {
      return await restoreInto(session, source);
    } finally {
      await session.lock.release();
    }
  } catch (error) {
    throw diskError(error, weights, needed, await freeSpace({ disk, weights }));
  }
}

async function restoreInto(session: Session, source: Generation): Promise<RestoreReport> {
  const { disk } = session;
  const older = (await listGenerations(session)).whole;
  const { step, files: artifacts } = source;
  const identity = await identify(session, { step, kind: "manual", artifacts }, older);
  const original = await readManifest(disk, source.folder, source.id);
  // The weights stay the save they were; only its place in the order is new.
  const manifest: Manifest = {
    ...original,
    format: manifestFormat,
    ...identity,
    saveId: original.saveId,
    lineage: original.lineage,
    parent: original.id,
    kind: "manual",
    reason: { why: "restored", from: basename(source.folder) },
  };
  const beforeRename = () => session.lock.check();
  const parent = generationsFolder(session);
  await copyInto(disk, source, parent, identity.id, renderManifest(manifest), beforeRename);
  const generation = await prove(session, identity.id);
  const verified = { ...generation, verifiedAt: new Date().toISOString() };
  const problems: StoreProblem[] = [];
  const { files } = await settle(session, verified, older, problems);
  return { generation: verified, source, files, problems };
}

async function findFolder(
  site: Site,
  reference: string,
  { accepts = () => true }: RestoreOptions,
): Promise<Generation> {
  const { disk, weights } = site;
  // A folder that happens to be called like a backup is not meant by its name, unless there is no such backup.
  const own = isBackupName(reference)
    ? within(backupsFolder(weights), reference)
    : generationFolder(site, reference);
  for (const folder of [...(isOwnName(reference) ? [own] : []), folderPath(reference)]) {
    // A path that was typed may be a link; what lies in the weights folder may not.
    if (folder !== reference) await refuseLinked(disk, folder, reference);
    if ((await disk.target(folder))?.kind !== "folder") continue;
    const found = await readGeneration(disk, folder, basename(folder), undefined);
    if (found.store === site.folder && accepts(found)) return found;
  }
  const known = (await listBackups(site)).whole.filter(accepts).map(({ id }) => id);
  throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: known.slice(0, 5) });
}

const isOwnName = (name: string): boolean => isBackupName(name) || parseId(name) !== undefined;
