/**
 * Whether a generation is whole, read from disk, with the place of every fault. Used after each save (the gate to
 * everything that removes), before a resume, and by `guardapesos verify`.
 */
import { createHash } from "node:crypto";
import { GuardapesosError, reasonOf, type Damage, type ErrorData, type Fault } from "../base/errors.js";
import { readTorchBytes, readTorchFile } from "../torch/index.js";
import { digestNameOf, firstDifference, recordOf, sameWeights, type DigestName } from "./digest.js";
import { codeOf, nodeDisk, type Disk } from "./disk.js";
import { damageOf, fileFault, isGone, readManifest, type Generation } from "./generations.js";
import type { FileRecord, Manifest, TensorRecord } from "./manifest.js";
import { tensorsIn } from "./network-file.js";
import { readFloat32 } from "./tensor-array.js";

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
  readonly parent?: Generation;
  /** Told the share done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Another way to the SHA-256 of a large file, such as in a thread. */
  readonly hash?: (path: string) => Promise<string>;
}

/** Reads every file of a generation. Damage is reported, not thrown; nothing is changed. */
export async function verifyGeneration(
  generation: Generation,
  options: VerifyOptions = {},
  disk: Disk = nodeDisk,
): Promise<Verification> {
  const { id, folder } = generation;
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
  for (const record of manifest.files) {
    const path = generation.files.find((file) => file.network === record.network)?.path;
    if (path === undefined) damages.push({ file: record.file, reason: "missing" });
    else damages.push(...(await verifyFile(disk, path, record, options, read)));
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

/** The faults of one `.pth`. */
async function verifyFile(
  disk: Disk,
  path: string,
  record: FileRecord,
  { deep = false, hash }: VerifyOptions,
  onRead: (bytes: number) => void,
): Promise<Damage[]> {
  const { file } = record;
  const info = await disk.info(path);
  const fault = fileFault(info, record);
  if (info?.kind !== "file") return fault ? [{ file, ...fault }] : [];
  const content = info.bytes <= heldAtMost ? new Uint8Array(info.bytes) : undefined;
  let sha256: string;
  try {
    if (content === undefined && hash !== undefined) {
      sha256 = await hash(path);
      onRead(info.bytes);
    } else sha256 = await hashFile(disk, path, onRead, content);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [{ file, reason: "unreadable", detail: reasonOf(error) }];
  }
  const faults: Damage[] = [];
  if (fault) faults.push({ file, ...fault });
  const matches = sha256 === record.sha256;
  if (!matches || deep) faults.push(...(await compareTensors(path, record, content)));
  // Some bytes are no tensor's: names, padding, the archive's directory.
  if (!matches && faults.length === 0) faults.push({ file, reason: "checksum" });
  return faults;
}

/** @param content gets the bytes, as far as they fit */
export async function hashFile(
  disk: Disk,
  path: string,
  onRead?: (bytes: number) => void,
  content?: Uint8Array,
): Promise<string> {
  const hash = createHash("sha256");
  let position = 0;
  for await (const bytes of disk.chunks(path)) {
    hash.update(bytes);
    if (content && position < content.length) {
      content.set(bytes.subarray(0, content.length - position), position);
    }
    position += bytes.length;
    onRead?.(bytes.length);
  }
  return hash.digest("hex");
}

async function compareTensors(
  path: string,
  record: FileRecord,
  content: Uint8Array | undefined,
): Promise<Damage[]> {
  const { file } = record;
  let found: Record<string, TensorRecord>;
  try {
    found = await readRecords(path, content, digestNameOf(record.tensors));
  } catch (error) {
    const fault = torchFault(error);
    if (fault === undefined) throw error;
    return [{ file, ...fault }];
  }
  const difference = firstDifference(record.tensors, found);
  return difference === undefined ? [] : [{ file, ...difference }];
}

/** Decodes a `.pth`, from memory or else from disk, into the records of its tensors, one at a time. */
async function readRecords(
  path: string,
  content: Uint8Array | undefined,
  digest: DigestName,
): Promise<Record<string, TensorRecord>> {
  const opened = await (content ? readTorchBytes(path, content) : readTorchFile(path));
  try {
    const records: Record<string, TensorRecord> = {};
    for (const [key, tensor] of tensorsIn(opened.value)) {
      const data = await readFloat32(tensor, path, key);
      records[key] = recordOf({ shape: tensor.shape, data }, digest);
    }
    return records;
  } finally {
    await opened.close();
  }
}

/** What is wrong with a torch file, for errors of the torch reader; undefined for any other error. */
export function torchFault(error: unknown): Fault | undefined {
  if (!(error instanceof GuardapesosError)) return undefined;
  const { code, data } = error as GuardapesosError;
  switch (code) {
    case "TORCH_FILE_INVALID": {
      const { file: _, where, opcode, offset, ...problem } = data as ErrorData["TORCH_FILE_INVALID"];
      const place = { where, ...(opcode === undefined ? {} : { opcode }), offset };
      return { reason: "torch", problem, place };
    }
    case "TORCH_FILE_REFUSED": {
      const { name, offset } = data as ErrorData["TORCH_FILE_REFUSED"];
      return { where: `byte ${offset}`, reason: "refused", name };
    }
    case "TORCH_FILE_UNSUPPORTED": {
      const { file: _, ...content } = data as ErrorData["TORCH_FILE_UNSUPPORTED"];
      return { reason: "unsupported", content };
    }
    case "TORCH_FILE_UNREADABLE": {
      const { reason, detail } = data as ErrorData["TORCH_FILE_UNREADABLE"];
      return { reason: "unreadable", detail: detail === "" ? reason : detail };
    }
    default:
      return undefined;
  }
}

async function isStale(
  disk: Disk,
  manifest: Manifest,
  parent: Generation | undefined,
): Promise<boolean | undefined> {
  if (parent === undefined) return undefined;
  const before = await readManifest(disk, parent.folder, parent.id).catch(() => undefined);
  return before === undefined ? undefined : isRepeat(before, manifest);
}

/** Whether a manifest holds its parent's weights although steps have passed. */
export function isRepeat(parent: Manifest, child: Manifest): boolean {
  if (child.step <= parent.step) return false;
  return child.files.every(({ network, tensors }) => {
    const before = parent.files.find((file) => file.network === network);
    return before !== undefined && sameWeights(tensors, before.tensors);
  });
}
