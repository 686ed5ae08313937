/**
 * A copy of named arrays in a file that lies in memory: it outlives the process that made it, though not the machine,
 * and costs a copy and a checksum, no disk. Two files: the arrays one after the other, and facts that say what they are.
 * Facts are removed before the arrays are written over and published after it, and hold their checksum; so a copy that
 * was cut off in the middle is never taken for one.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { giveBlock, inBlocks, takeBlock } from "../base/blocks.js";
import { Shrunk, type OpenedFile } from "../base/byte-source.js";
import { isMemoryFileSystem } from "../base/memory-file-system.js";
import { sizeOf, type NamedArray, type NamedArrays } from "../base/named-arrays.js";
import type { Json } from "../base/plain-json.js";
import { NotRegular, TooLarge } from "../base/regular-file.js";
import {
  generationsFolder,
  nodeDisk,
  nodeSyncDisk,
  type Disk,
  type Series,
  type SyncDisk,
} from "../store/index.js";
import { mirrorNamed, mirrorNames, type MirrorPaths } from "./mirror-names.js";
import { networkSite } from "./store.js";

/** Arrays in a file, as far as they need be known to read them. */
export interface FiledArrays {
  readonly path: string;
  readonly layout: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Of all arrays, one after the other. */
  readonly crc: number;
}

export interface MirrorFile {
  /** Writes over what was there. Throws what the system says; then there is no copy. */
  write(arrays: NamedArrays): FiledArrays;
  /** Removes both files. */
  remove(): void;
}

/** What is said of a copy beside its arrays. */
export interface MirrorFacts {
  readonly arrays: Pick<FiledArrays, "layout" | "crc">;
  readonly weights: string;
  /** Which folder that was: the path may lead to another one by now. */
  readonly folder: string;
  /** Absent in what versions before have left, as `opened` and `began`: there its name alone says it. */
  readonly series?: Series | undefined;
  /** The highest `sequence` of the folder when the training opened it: what is newer was saved by it, or after it. */
  readonly opened?: number | undefined;
  /** The step at which the training began. */
  readonly began?: number | undefined;
  /** The line of descent of the training. */
  readonly run: string;
  readonly step: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What the training needs beside the arrays. */
  readonly content: { readonly [key: string]: Json };
}

const count = z.number().int().nonnegative();
const factsSchema = z.object({
  format: z.literal(1),
  arrays: z.object({
    layout: z.array(z.object({ name: z.string(), shape: z.array(count) })),
    crc: count,
  }),
  weights: z.string(),
  folder: z.string(),
  series: z.object({ label: z.string(), name: z.string(), class: z.string().nullish() }).optional(),
  opened: count.optional(),
  began: count.optional(),
  run: z.string(),
  step: count,
  at: z.iso.datetime(),
  content: z.custom<MirrorFacts["content"]>((value) => typeof value === "object" && value !== null),
});

/** Room that others keep, as a share of the copy. */
const spare = 0.25;

/** Bytes that facts have at most. */
const factsAtMost = 2 ** 24;

/**
 * Where copies lie; undefined where the system has no file system in memory, or nobody wants them there
 * (GUARDAPESOS_MIRROR=off; otherwise it names the folder).
 */
export function mirrorFolder(): string | undefined {
  const wish = process.env["GUARDAPESOS_MIRROR"];
  const folder = wish ?? "/dev/shm";
  return wish === "off" || (wish === undefined && !isInMemory(folder)) ? undefined : folder;
}

function isInMemory(folder: string): boolean {
  try {
    return process.platform === "linux" && isMemoryFileSystem(nodeSyncDisk.kindOf(folder));
  } catch {
    return false;
  }
}

/**
 * In a folder that everyone may write to, a file counts only if it is this user's and closed to all others: nobody else
 * can have put it there, or have it open.
 */
async function openOurs(disk: Disk, path: string): Promise<OpenedFile> {
  const file = await disk.open(path);
  if (file.isPrivate) return file;
  await file.close();
  throw new NotRegular(path, "other");
}

/** Creates a file of ours, over one of ours alone. */
async function createOurs(disk: Disk, path: string) {
  try {
    return await disk.createPrivate(path);
  } catch {
    await (await openOurs(disk, path)).close();
    await disk.remove(path);
    return disk.createPrivate(path);
  }
}

/** Copies of one training that cannot be judged, beside each other, at most. */
const slots = 8;

/**
 * Makes the file for copies, still empty. Whoever makes it removes it at the end, and it is never made again: what a thread
 * still does that nobody waits for leaves nothing behind.
 * @returns whether it could be made: not where there are facts, or anything of another's
 */
export async function createMirrorFile(paths: MirrorPaths, disk: Disk = nodeDisk): Promise<boolean> {
  if ((await disk.info(paths.facts).catch(() => undefined)) !== undefined) return false;
  // Arrays without facts are a copy that was cut off in the middle.
  const made = await createOurs(disk, paths.arrays).catch(() => undefined);
  await made?.close();
  return made !== undefined;
}

/**
 * The file for the copies of a training. What was left there, and nobody can make sense of, stays.
 * REQUIRES: the weights folder is this training's alone; what was left of it has been taken up
 * @returns undefined where none can be made
 */
export async function claimMirrorFile(
  weights: string,
  series: Series,
  disk: Disk = nodeDisk,
): Promise<MirrorPaths | undefined> {
  const folder = mirrorFolder();
  if (folder === undefined) return undefined;
  const { folder: identity } = await whichFolder(weights, disk);
  for (let slot = 0; slot < slots; slot++) {
    const paths = mirrorNames(folder, [identity, series.label, series.name, slot]);
    if (await createMirrorFile(paths, disk)) return paths;
  }
  return undefined;
}

/**
 * Opens the file for copies of so many bytes; undefined when there is no room for them, or it has been removed. Blocks, as
 * its `write` does.
 */
export function openMirrorFile(
  paths: MirrorPaths,
  bytes: number,
  disk: SyncDisk = nodeSyncDisk,
): MirrorFile | undefined {
  const remove = (): void => {
    for (const path of [paths.facts, paths.arrays]) disk.remove(path);
  };
  let file: ReturnType<SyncDisk["open"]>;
  try {
    if (disk.freeSpace(paths.folder) < bytes * (1 + spare)) {
      remove();
      return undefined;
    }
    file = disk.open(paths.arrays);
    if (!file.isPrivate) {
      file.close();
      return undefined;
    }
  } catch {
    return undefined;
  }
  return {
    write(arrays) {
      disk.remove(paths.facts);
      let position = 0;
      let crc = 0;
      const block = takeBlock();
      for (const { data } of arrays.values()) {
        for (const piece of inBlocks(bytesOf(data))) {
          // From the block, as every file is written (see torch/stream).
          block.set(piece);
          const copied = block.subarray(0, piece.length);
          file.write(copied, position);
          position += piece.length;
          crc = crc32(copied, crc);
        }
      }
      giveBlock(block);
      const layout = [...arrays].map(([name, { shape }]) => ({ name, shape }));
      return { path: paths.arrays, layout, crc };
    },
    remove() {
      file.close();
      remove();
    },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NamedArray["data"]): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Says what the newest copy is, in one instant. */
export async function publishFacts(
  paths: MirrorPaths,
  facts: MirrorFacts,
  disk: Disk = nodeDisk,
): Promise<void> {
  const fresh = `${paths.facts}.new`;
  const file = await createOurs(disk, fresh);
  try {
    await file.write(new TextEncoder().encode(JSON.stringify({ format: 1, ...facts })));
  } finally {
    await file.close();
  }
  await disk.rename(fresh, paths.facts);
}

/** A copy that was left in memory. */
export interface LeftCopy {
  readonly paths: MirrorPaths;
  readonly facts: MirrorFacts;
}

/** The facts of a copy, if they are ours and can be understood. */
async function readFacts({ facts: path }: MirrorPaths, disk: Disk): Promise<MirrorFacts | undefined> {
  try {
    const file = await openOurs(disk, path);
    try {
      if (file.size > factsAtMost) throw new TooLarge(path, file.size);
      const bytes = new Uint8Array(file.size);
      await file.readInto(0, bytes);
      return factsSchema.parse(parseBounded(new TextDecoder().decode(bytes)));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * The copies that trainings of this weights folder have left, the oldest first. Those of others, and what cannot be
 * understood, are none of its business.
 * @param series of that training alone; of all when left out
 */
export async function copiesLeft(
  weights: string,
  series?: Series,
  disk: Disk = nodeDisk,
): Promise<readonly LeftCopy[]> {
  const folder = mirrorFolder();
  const real = await disk.realPath(weights).catch(() => undefined);
  if (folder === undefined || real === undefined) return [];
  const identity = (await whichFolder(weights, disk).catch(() => undefined))?.folder;
  const found: LeftCopy[] = [];
  for (const name of await disk.list(folder).catch(() => [])) {
    const paths = mirrorNamed(folder, name);
    const facts = paths && (await readFacts(paths, disk));
    if (!facts) continue;
    const of = facts.series ?? olderSeries(paths, real, series);
    if (!of || (series && (of.label !== series.label || of.name !== series.name))) continue;
    const isHere = facts.folder === identity || isRemounted(facts, identity, real);
    if (isHere) found.push({ paths, facts: { ...facts, series: of } });
  }
  return found.sort((one, other) => (one.facts.opened ?? 0) - (other.facts.opened ?? 0));
}

/** Versions before said it in the name. */
function olderSeries(paths: MirrorPaths, real: string, series: Series | undefined): Series | undefined {
  if (!series) return undefined;
  const { label, name } = series;
  return mirrorNames(paths.folder, [real, label, name]).facts === paths.facts ? { label, name } : undefined;
}

/** The same folder at the same path, on a disk that has another number since it was mounted again. */
function isRemounted(
  { weights, folder }: Pick<MirrorFacts, "weights" | "folder">,
  identity: string | undefined,
  real: string,
): boolean {
  const withoutDevice = (of: string): string => of.split(":").slice(1).join(":");
  return identity !== undefined && weights === real && withoutDevice(folder) === withoutDevice(identity);
}

/** Reads arrays back into memory of their own; undefined when they are not those that were written. */
export async function readArrays(
  { path, layout, crc }: FiledArrays,
  disk: Disk = nodeDisk,
): Promise<Map<string, NamedArray> | undefined> {
  const file = await openOurs(disk, path).catch(() => undefined);
  if (!file) return undefined;
  const arrays = new Map<string, NamedArray>();
  let [found, position] = [0, 0];
  const block = takeBlock();
  try {
    const bytes = layout.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    // No memory is taken for what cannot be there.
    if (!(bytes <= file.size)) return undefined;
    for (const { name, shape } of layout) {
      const data = new Float32Array(sizeOf(shape));
      for (const piece of inBlocks(bytesOf(data))) {
        const read = block.subarray(0, piece.length);
        await file.readInto(position, read);
        position += piece.length;
        found = crc32(read, found);
        piece.set(read);
      }
      arrays.set(name, { shape, data });
    }
    giveBlock(block);
  } catch (error) {
    if (error instanceof Shrunk) return undefined;
    throw error;
  } finally {
    await file.close();
  }
  return found === crc ? arrays : undefined;
}

/** Removes what is there and may be removed; what another user has put there stays. */
export async function removeMirror(paths: MirrorPaths, disk: Disk = nodeDisk): Promise<void> {
  for (const path of [paths.facts, `${paths.facts}.new`, paths.arrays]) {
    await disk.remove(path).catch(() => undefined);
  }
}

/**
 * Which folder this is, by its path and by what tells it from another one that has, or had, the same path. Throws as Node does
 * when it is not there.
 */
export async function whichFolder(
  weights: string,
  disk: Disk = nodeDisk,
): Promise<Pick<MirrorFacts, "weights" | "folder">> {
  const path = generationsFolder(networkSite(weights));
  const there = await disk.target(path);
  if (there === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  return { weights: await disk.realPath(weights), folder: `${there.identity}:${there.born}` };
}
