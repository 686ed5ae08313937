/** The generations of a weights folder as a reader sees them: no lock, nothing changed. */
import { join } from "node:path";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { GuardapesosError, reasonOf, type Damage, type Fault } from "../base/errors.js";
import { NotRegular, TooLarge } from "../base/regular-file.js";
import type { JsonObject } from "../base/plain-json.js";
import type { ArtifactRecord } from "./artifact.js";
import type { FolderPath, GenerationId, Lineage, SaveId, Sequence } from "./brands.js";
import { codeOf, isDiskFault, type Disk, type FileInfo } from "./disk.js";
import { refuseLink } from "./folder.js";
import { largestManifest, parseManifest, type Manifest } from "./manifest.js";
import {
  emergencyName,
  generationFolder,
  generationsFolder,
  keptFile,
  manifestFile,
  parseId,
  verifiedFile,
  type CheckpointKind,
  type Series,
} from "./names.js";
import type { SaveReason } from "./reason.js";
import { ownFolder, type Site } from "./site.js";

/** One committed set of files on disk. */
export interface Generation {
  /** The folder's name. */
  readonly id: string;
  /** Higher is newer, whatever the step and the clock say. */
  readonly sequence: Sequence;
  readonly kind: CheckpointKind;
  /** undefined where it is not known. */
  readonly step: number | undefined;
  readonly reason: SaveReason;
  /** ISO 8601, UTC. */
  readonly savedAt: string;
  readonly folder: FolderPath;
  /** The name of the folder of generations that it was saved to. */
  readonly store: string;
  readonly series: Series;
  readonly files: readonly GenerationFile[];
  /** Of all files. */
  readonly bytes: number;
  readonly metadata: JsonObject;
  /** As in SaveRequest. */
  readonly local: JsonObject | undefined;
  readonly parent: GenerationId | undefined;
  /** Handed on from parent to child. */
  readonly lineage: Lineage;
  /** No other generation has it, but a copy of this one. */
  readonly saveId: SaveId;
  /** NaN and infinite values, counted when it was saved. */
  readonly nonFinite: number;
  /** When it was read back after the save and found right (ISO 8601); undefined: not yet, or it was not right. */
  readonly verifiedAt: string | undefined;
  /** Marked by hand: retention leaves it alone. */
  readonly keptByHand: boolean;
  /** An emergency save whose EMERGENCY_ files a person has deleted. */
  readonly nameRemoved: boolean;
}

export interface GenerationFile extends Omit<ArtifactRecord, "tensors"> {
  readonly path: string;
}

/** A generation that cannot be used, and why. */
export type Skipped = { readonly id: string } & Damage;

export interface Listing {
  /** Newest first: a valid manifest, and every file there with its size. */
  readonly whole: readonly Generation[];
  readonly damaged: readonly Skipped[];
}

/** Bytes that a mark has at most. */
const largestMark = 4096;

/** verified.json: certifies one exact manifest. */
const verifiedSchema = z.looseObject({ at: z.iso.datetime(), manifest: z.string() });

/** Reads and checks a generation's manifest. Throws like parseManifest, also when there is none. */
export async function readManifest(disk: Disk, folder: FolderPath, id: string): Promise<Manifest> {
  return (await readManifestText(disk, folder, id)).manifest;
}

/** The same with its text, which is of whichever format it was written in. */
export async function readManifestText(
  disk: Disk,
  folder: FolderPath,
  id: string,
): Promise<{ readonly manifest: Manifest; readonly text: string }> {
  const damaged = (fault: Fault) =>
    new GuardapesosError("CHECKPOINT_DAMAGED", { id, file: manifestFile, ...fault });
  let text: string;
  try {
    text = await disk.readText(join(folder, manifestFile), { whole: largestManifest });
  } catch (error) {
    throw damaged(codeOf(error) === "ENOENT" ? { reason: "unfinished" } : faultOfReading(error));
  }
  return { manifest: parseManifest(id, text), text };
}

/** Why a file cannot be read, from what reading threw. */
export function faultOfReading(error: unknown): Fault {
  if (error instanceof NotRegular) return { reason: "not-a-file", found: error.unfit };
  if (error instanceof TooLarge) return { reason: "too-large", bytes: error.bytes };
  return { reason: "unreadable", detail: reasonOf(error) };
}

/** A folder of the store that is a link is none: what it leads to may be anyone's. @throws CHECKPOINT_DAMAGED */
export async function refuseLinked(disk: Disk, folder: FolderPath, id: string): Promise<void> {
  if ((await disk.info(folder))?.kind !== "link") return;
  throw new GuardapesosError("CHECKPOINT_DAMAGED", { id, file: id, reason: "not-a-file", found: "link" });
}

/**
 * Reads one generation; the sizes of its files are compared, their content is not.
 * @param site undefined for a folder outside a store (a backup), whose path may be a link
 * @throws CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_NEWER
 */
export async function readGeneration(
  disk: Disk,
  folder: FolderPath,
  id: string,
  site: Pick<Site, "weights" | "aliases"> | undefined,
): Promise<Generation> {
  if (site !== undefined) await refuseLinked(disk, folder, id);
  const manifest = await readManifest(disk, folder, id);
  if (site !== undefined && manifest.id !== id) {
    const fault = { reason: "renamed", other: manifest.id } as const;
    throw new GuardapesosError("CHECKPOINT_DAMAGED", { id, file: manifestFile, ...fault });
  }
  const files: GenerationFile[] = [];
  for (const { tensors: _, ...record } of manifest.artifacts) {
    const path = join(folder, record.name);
    const fault = fileFault(await disk.info(path), record);
    if (fault) throw new GuardapesosError("CHECKPOINT_DAMAGED", { id, file: record.name, ...fault });
    files.push({ ...record, path });
  }
  const proved = await verifiedAt(disk, folder, manifest);
  // Emergency names are made before the mark: with a mark and without any of them, a person has deleted them.
  const couldBeNamed = site?.aliases === true && proved !== undefined;
  return {
    id,
    sequence: manifest.sequence,
    kind: manifest.kind,
    step: manifest.step,
    reason: manifest.reason,
    savedAt: manifest.savedAt,
    folder,
    store: manifest.store ?? ownFolder,
    series: { label: manifest.label, name: manifest.name, class: manifest.class },
    files,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    metadata: manifest.metadata,
    local: manifest.local,
    parent: manifest.parent ?? undefined,
    lineage: manifest.lineage,
    saveId: manifest.saveId,
    nonFinite: manifest.nonFinite,
    verifiedAt: proved,
    keptByHand: (await disk.info(join(folder, keptFile))) !== undefined,
    nameRemoved: couldBeNamed && (await hasNoNames(disk, site.weights, manifest)),
  };
}

/** What can be seen from outside to be wrong with a file; undefined when nothing is. */
export function fileFault(
  there: FileInfo | undefined,
  { bytes: expected }: Pick<ArtifactRecord, "bytes">,
): Fault | undefined {
  if (there === undefined) return { reason: "missing" };
  if (there.kind !== "file") return { reason: "not-a-file", found: there.kind };
  return there.bytes === expected ? undefined : { reason: "size", bytes: there.bytes, expected };
}

/** The text of verified.json. */
export function renderVerified(at: string, saveId: SaveId): string {
  return `${JSON.stringify({ at, manifest: saveId })}\n`;
}

async function verifiedAt(disk: Disk, folder: FolderPath, manifest: Manifest): Promise<string | undefined> {
  try {
    const text = await disk.readText(join(folder, verifiedFile), { whole: largestMark });
    const marker = verifiedSchema.parse(parseBounded(text));
    return marker.manifest === manifest.saveId ? marker.at : undefined;
  } catch {
    return undefined; // no marker, or not a readable one: not known to be verified
  }
}

async function hasNoNames(disk: Disk, weights: string, manifest: Manifest): Promise<boolean> {
  const stamp = parseId(manifest.id)?.stamp;
  if (manifest.kind !== "emergency" || stamp === undefined) return false;
  for (const { name } of manifest.artifacts) {
    if ((await disk.info(join(weights, emergencyName(name, stamp)))) !== undefined) return false;
  }
  return true;
}

/**
 * All generations of a store; a folder without any is an empty list.
 * @throws FOLDER_NOT_READABLE when the folder is there and cannot be read
 * @throws FOLDER_IS_LINK
 */
export async function listGenerations(site: Site): Promise<Listing> {
  const { disk } = site;
  const { whole, damaged } = await readAll(await generationNames(site), (id) =>
    readGeneration(disk, generationFolder(site, id), id, site),
  );
  return {
    whole: [...whole].sort(newestFirst),
    damaged: await stillThere(disk, damaged, ({ id }) => generationFolder(site, id)),
  };
}

/** Looks once more before damage is told: without what has gone since. */
export async function stillThere<Item>(
  disk: Disk,
  items: readonly Item[],
  folderOf: (item: Item) => FolderPath,
): Promise<readonly Item[]> {
  const there = await Promise.all(items.map(async (item) => !(await isGone(disk, folderOf(item)))));
  return items.filter((_, i) => there[i]);
}

/** Reads generations one by one, in this order. */
export async function readAll(
  ids: readonly string[],
  read: (id: string) => Promise<Generation>,
): Promise<Listing> {
  const whole: Generation[] = [];
  const damaged: Skipped[] = [];
  for (const id of ids) {
    try {
      whole.push(await read(id));
    } catch (error) {
      const damage = damageOf(error);
      if (damage !== undefined) damaged.push({ id, ...damage });
      else if (isDiskFault(error)) {
        damaged.push({ id, file: manifestFile, reason: "unreadable", detail: reasonOf(error) });
      } else throw error;
    }
  }
  return { whole, damaged };
}

/**
 * Whether there is nothing under a folder's name any more. What cannot be read of a generation that is gone is no damage: a
 * training beside the reader has removed it, as newer ones are there.
 */
export async function isGone(disk: Disk, folder: FolderPath): Promise<boolean> {
  return (await disk.info(folder).catch(() => "unknown")) === undefined;
}

export function newestFirst(a: Generation, b: Generation): number {
  return b.sequence - a.sequence || b.savedAt.localeCompare(a.savedAt) || b.id.localeCompare(a.id);
}

/** Why a generation cannot be used, for errors that say so; undefined for any other error. */
export function damageOf(error: unknown): Damage | undefined {
  if (!(error instanceof GuardapesosError)) return undefined;
  if (error.code === "CHECKPOINT_DAMAGED") {
    const { id, ...damage } = (error as GuardapesosError<"CHECKPOINT_DAMAGED">).data;
    return damage;
  }
  if (error.code !== "CHECKPOINT_FORMAT_NEWER") return undefined;
  const { format } = (error as GuardapesosError<"CHECKPOINT_FORMAT_NEWER">).data;
  return { file: manifestFile, reason: "newer-format", format };
}

async function generationNames({ disk, ...place }: Site): Promise<string[]> {
  const folder = generationsFolder(place);
  await refuseLink(disk, folder);
  try {
    return (await disk.list(folder)).filter((name) => parseId(name) !== undefined);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    const data = { folder: place.weights, reason: reasonOf(error) };
    throw new GuardapesosError("FOLDER_NOT_READABLE", data, error);
  }
}
