/**
 * The operations on generations that must be in the right order, each whole or not at all: commit, mark, remove, tidy up.
 * The steps and what a crash after each of them leaves are in docs/checkpoint-format.md.
 */
import { basename, join } from "node:path";
import { invariant } from "../base/invariant.js";
import type { JsonObject } from "../base/plain-json.js";
import type { Artifact, ArtifactRecord, Identity, SaveRequest } from "./artifact.js";
import type { FolderPath } from "./brands.js";
import { attempt, type StoreProblem } from "./attempt.js";
import { copyArtifact } from "./copied-artifact.js";
import { writeText, type Disk } from "./disk.js";
import { damageOf, readGeneration, renderVerified, type Generation } from "./generations.js";
import { manifestFormat, renderManifest, type Manifest } from "./manifest.js";
import {
  generationFolder,
  isArtifactName,
  isBackupName,
  isLeftover,
  isTemporaryFile,
  keptFile,
  manifestFile,
  nameBeforeTrash,
  parseId,
  temporaryFile,
  temporaryName,
  trashName,
  verifiedFile,
  within,
} from "./names.js";
import { ownFolder, type Site } from "./site.js";
import { nonFiniteIn } from "./tensor-records.js";

export interface Committed {
  readonly manifest: Manifest;
  /** What each file that came from memory is made of, in order: the pieces lie in the request's own arrays. By name. */
  readonly pieces: ReadonlyMap<string, readonly Uint8Array[]>;
}

/**
 * Writes a set of files as a generation. When this returns, it is committed; when it throws, nothing is left of it, or
 * (a fault in the last fsync) it is there and the next start reads it back.
 * @param beforeRename last look at the world: throws to call it off
 * @param onBytes told the bytes written, of all files together
 */
export async function commitGeneration(
  site: Site,
  request: SaveRequest,
  identity: Identity,
  beforeRename: () => Promise<void>,
  onBytes?: (bytes: number) => void,
): Promise<Committed> {
  const { disk } = site;
  const { id } = identity;
  const folder = generationFolder(site, temporaryName(id));
  const { kind, step, reason, local, artifacts } = request;
  // What JSON cannot say (NaN) becomes null here, so that all who read it are told the same.
  const metadata = JSON.parse(JSON.stringify(request.metadata)) as JsonObject;
  const pieces = new Map<string, Uint8Array[]>();
  const done = new Map<string, number>();
  const write = async (artifact: Artifact): Promise<ArtifactRecord> => {
    const { name, medium } = artifact;
    invariant(isArtifactName(name), `an artifact's name can be a file's: ${name}`);
    const path = join(folder, name);
    const onProgress = (written: number): void => {
      done.set(name, written);
      onBytes?.([...done.values()].reduce((sum, bytes) => sum + bytes, 0));
    };
    if ("from" in artifact) return copyArtifact(site, artifact, path, onProgress);
    const own: Uint8Array[] = [];
    pieces.set(name, own);
    const output = {
      path,
      open: (target: string) => disk.create(target),
      onPiece: (piece: Uint8Array) => void own.push(piece),
      onProgress,
    };
    const { bytes, digest, tensors } = await artifact.write(output, identity);
    return { name, bytes, digest, medium, ...(tensors && { tensors }) };
  };
  try {
    await disk.makeFolder(folder);
    // Together, so that one is hashed while the disk is busy with the other.
    const records = await allOf(artifacts.map(write));
    const nonFinite = records.reduce((sum, { tensors }) => sum + nonFiniteIn(tensors), 0);
    const manifest: Manifest = {
      format: manifestFormat,
      ...identity,
      ...(site.folder !== ownFolder && { store: site.folder }),
      kind,
      ...(step !== undefined && { step }),
      reason,
      nonFinite,
      metadata,
      ...(local && { local }),
      artifacts: records,
    };
    await publish(disk, folder, generationFolder(site, id), renderManifest(manifest), beforeRename);
    return { manifest, pieces };
  } catch (error) {
    await discardFolder(disk, folder).catch(() => undefined);
    throw error;
  }
}

/** Waits for all of them, also when one fails: then throws what the first said. */
async function allOf<T>(works: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(works);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/**
 * The end of every commit: manifest, fsync, one rename, fsync.
 * REQUIRES: the files in `temporary` are written and synced; `final` does not exist.
 * @param manifest its text
 */
export async function publish(
  disk: Disk,
  temporary: FolderPath,
  final: FolderPath,
  manifest: string,
  beforeRename: () => Promise<void>,
): Promise<void> {
  await writeText(disk, join(temporary, manifestFile), manifest);
  await disk.syncFolder(temporary);
  await beforeRename();
  await disk.rename(temporary, final);
  await disk.syncFolder(join(final, ".."));
}

/** Puts a small file into a generation, whole or not at all, in the place of whatever has its name. */
async function putMarker(disk: Disk, folder: FolderPath, name: string, text: string): Promise<void> {
  const temporary = join(folder, temporaryFile(name));
  if ((await disk.info(temporary)) !== undefined) await disk.remove(temporary);
  await writeText(disk, temporary, text);
  await disk.rename(temporary, join(folder, name));
  await disk.syncFolder(folder);
}

/** Marks a generation as read back and found right. */
export async function markVerified(disk: Disk, generation: Generation, at: string): Promise<void> {
  await putMarker(disk, generation.folder, verifiedFile, renderVerified(at, generation.saveId));
}

/** Whether a person has marked it: then retention leaves it alone. */
export async function isMarkedKept(disk: Disk, folder: FolderPath): Promise<boolean> {
  return (await disk.info(join(folder, keptFile))) !== undefined;
}

/** Marks a generation so that retention leaves it alone, or takes the mark away. Needs no lock. */
export async function markKept(disk: Disk, generation: Generation, keep: boolean): Promise<void> {
  const isKept = await isMarkedKept(disk, generation.folder);
  if (keep && !isKept) {
    const text = `${JSON.stringify({ at: new Date().toISOString() })}\n`;
    await putMarker(disk, generation.folder, keptFile, text);
  } else if (!keep && isKept) {
    await disk.remove(join(generation.folder, keptFile));
    await disk.syncFolder(generation.folder);
  }
}

/**
 * Removes a generation or a backup: first its name, then its files, so that no half of it ever has a good name. Whoever marks
 * it as kept until its name has gone gets it back.
 * REQUIRES: the caller's policy said so, and the lock is held.
 * @returns false when it was marked, and stands where it was
 */
export async function removeFolder(disk: Disk, parent: FolderPath, name: string): Promise<boolean> {
  invariant(
    parseId(name) !== undefined || isBackupName(name),
    `only generations and backups are removed, not ${name}`,
  );
  const trash = within(parent, trashName(name));
  await disk.rename(join(parent, name), trash);
  // From here on nobody can mark it: it has no name.
  if (await isMarkedKept(disk, trash)) {
    await disk.rename(trash, join(parent, name));
    await disk.syncFolder(parent);
    return false;
  }
  await disk.syncFolder(parent);
  await discardFolder(disk, trash);
  return true;
}

/**
 * Removes a folder of ours with the files in it; a folder in it stops it. Of a link in its place, or in it, the link itself
 * goes: what it leads to is not looked at.
 */
export async function discardFolder(disk: Disk, folder: string): Promise<void> {
  if ((await disk.info(folder))?.kind !== "folder") return disk.remove(folder);
  for (const name of await disk.list(folder)) await disk.remove(join(folder, name));
  await disk.removeFolder(folder);
}

/** Gives what was marked as kept in the last moment of an interrupted removal its name again, if it is all there still. */
async function putBack(disk: Disk, parent: FolderPath, trash: string): Promise<boolean> {
  const name = nameBeforeTrash(trash);
  const folder = within(parent, trash);
  if (name === undefined || !(await isMarkedKept(disk, folder))) return false;
  if ((await disk.info(join(parent, name))) !== undefined) return false;
  const isWhole = await readGeneration(disk, folder, name, undefined).then(
    () => true,
    (error: unknown) => {
      if (damageOf(error) === undefined) throw error;
      return false;
    },
  );
  if (!isWhole) return false;
  await disk.rename(folder, join(parent, name));
  await disk.syncFolder(parent);
  return true;
}

/**
 * Removes what interrupted saves, removals and links have left in these folders.
 * REQUIRES: the lock is held.
 * @param problems what could not be removed is added; it stays
 * @returns the names removed
 */
export async function removeLeftovers(
  disk: Disk,
  folders: readonly FolderPath[],
  problems: StoreProblem[],
): Promise<string[]> {
  const removed: string[] = [];
  const tidy = async (
    parent: FolderPath,
    isOurs: (name: string) => boolean,
    remove: (path: string) => Promise<void>,
  ) => {
    if ((await disk.target(parent)) === undefined) return;
    for (const name of (await disk.list(parent)).filter(isOurs)) {
      await attempt(problems, "removal", name, async () => {
        await remove(join(parent, name));
        removed.push(name);
      });
    }
  };
  for (const folder of folders) {
    await tidy(folder, isLeftover, async (path) => {
      if (!(await putBack(disk, folder, basename(path)))) await discardFolder(disk, path);
    });
    await tidy(folder, isTemporaryFile, (path) => disk.remove(path));
  }
  return removed;
}
