/**
 * Whether a generation is whole, read from disk, with the place of every fault. Used after each save (the gate to
 * everything that removes), before a resume, and by `guardapesos verify`.
 */
import { join } from "node:path";
import { reasonOf, type Damage } from "../base/errors.js";
import type { ArtifactRecord } from "./artifact.js";
import { folderPath } from "./brands.js";
import { codeOf } from "./disk.js";
import { damageOf, fileFault, isGone, readManifest, type Generation } from "./generations.js";
import { hashFile } from "./hash-file.js";
import type { Manifest } from "./manifest.js";
import type { Site } from "./site.js";
import { algorithmOf, firstDifference, sameWeights } from "./tensor-records.js";

export type { Damage };

export interface Verification {
  readonly id: string;
  readonly whole: boolean;
  /** It has been removed while it was read, as retention does beside a training: then its damages mean nothing. */
  readonly gone: boolean;
  readonly damages: readonly Damage[];
  /** Bytes read. */
  readonly bytes: number;
  /** NaN and infinite values, as recorded when it was saved. */
  readonly nonFinite: number;
  /** Although steps have passed since its parent, all weights are the parent's; undefined: the parent is gone. */
  readonly stale: boolean | undefined;
}

export interface VerifyOptions {
  /** Also decode every tensor and compare its digest; without it only files whose SHA-256 is wrong are decoded. */
  readonly deep?: boolean;
  /** The generation it came from, for `stale`. */
  readonly parent?: Omit<Readable, "bytes">;
  /** Told the share done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Another way to the SHA-256 of a large file, such as in a thread. */
  readonly hash?: (path: string) => Promise<string>;
}

/** What must be known of a generation to read it. */
export type Readable = Pick<Generation, "id" | "bytes"> & { readonly folder: string };

/** By which means files are read. */
export type Reading = Pick<Site, "disk" | "codecs">;

/** Reads every file of a generation. Damage is reported, not thrown; nothing is changed. */
export async function verifyGeneration(
  reading: Reading,
  generation: Readable,
  options: VerifyOptions = {},
): Promise<Verification> {
  const { disk } = reading;
  const { id } = generation;
  const folder = folderPath(generation.folder);
  let manifest: Manifest;
  try {
    manifest = await readManifest(disk, folder, id);
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    const gone = await isGone(disk, folder);
    return { id, whole: false, gone, damages: [damage], bytes: 0, nonFinite: 0, stale: undefined };
  }
  const damages: Damage[] = [];
  let done = 0;
  const total = Math.max(1, generation.bytes);
  const read = (bytes: number) => {
    done += bytes;
    options.onProgress?.(Math.min(1, done / total));
  };
  for (const record of manifest.artifacts) {
    const path = join(folder, record.name);
    damages.push(...(await verifyFile(reading, path, record, options, read)));
  }
  const stale = await isStale(disk, manifest, options.parent);
  const gone = damages.length > 0 && (await isGone(disk, folder));
  return {
    id,
    whole: damages.length === 0,
    gone,
    damages,
    bytes: done,
    nonFinite: manifest.nonFinite,
    stale,
  };
}

/** A file up to this size is read once: hundreds of small reads take longer than all of its hashes. */
const heldAtMost = 32 * 2 ** 20;

/** The faults of one file. */
async function verifyFile(
  { disk, codecs }: Reading,
  path: string,
  record: ArtifactRecord,
  { deep = false, hash }: VerifyOptions,
  onRead: (bytes: number) => void,
): Promise<Damage[]> {
  const { name: file } = record;
  const info = await disk.info(path);
  const fault = fileFault(info, record);
  if (info?.kind !== "file") return fault ? [{ file, ...fault }] : [];
  const content = info.bytes <= heldAtMost ? new Uint8Array(info.bytes) : undefined;
  const [algorithm] = record.digest.split(":") as [string];
  let digits: string;
  try {
    if (content === undefined && hash !== undefined && algorithm === "sha256") {
      digits = await hash(path);
      onRead(info.bytes);
    } else digits = await hashFile(disk, path, { onRead, content, algorithm });
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [{ file, reason: "unreadable", detail: reasonOf(error) }];
  }
  const faults: Damage[] = [];
  if (fault) faults.push({ file, ...fault });
  const matches = `${algorithm}:${digits}` === record.digest;
  if (!matches || deep) faults.push(...(await compareTensors({ disk, codecs }, path, record, content)));
  // Some bytes are no tensor's: names, padding, the archive's directory.
  if (!matches && faults.length === 0) faults.push({ file, reason: "checksum" });
  return faults;
}

async function compareTensors(
  { disk, codecs }: Reading,
  path: string,
  { name: file, medium, tensors }: ArtifactRecord,
  content: Uint8Array | undefined,
): Promise<Damage[]> {
  const codec = codecs[medium];
  if (codec === undefined || tensors === undefined) return [];
  try {
    const difference = firstDifference(
      tensors,
      await codec.inspect(disk, path, content, algorithmOf(tensors)),
    );
    return difference === undefined ? [] : [{ file, ...difference }];
  } catch (error) {
    const fault = codec.faultOf(error);
    if (fault === undefined) throw error;
    return [{ file, ...fault }];
  }
}

async function isStale(
  disk: Site["disk"],
  manifest: Manifest,
  parent: Omit<Readable, "bytes"> | undefined,
): Promise<boolean | undefined> {
  if (parent === undefined) return undefined;
  const before = await readManifest(disk, folderPath(parent.folder), parent.id).catch(() => undefined);
  return before === undefined ? undefined : isRepeat(before, manifest);
}

/** Whether a manifest holds its parent's weights although steps have passed, or, where they are not known, a save has. */
export function isRepeat(parent: Manifest, child: Manifest): boolean {
  if (child.step !== undefined && parent.step !== undefined && child.step <= parent.step) return false;
  return child.artifacts.every(({ name, digest, tensors }) => {
    const before = parent.artifacts.find((one) => one.name === name);
    if (before === undefined) return false;
    const indexed = tensors !== undefined && before.tensors !== undefined;
    return indexed ? sameWeights(tensors, before.tensors) : digest === before.digest;
  });
}
