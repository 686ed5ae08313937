/**
 * A copy of named arrays in a file that lies in memory: it outlives the process that made it, though not the machine,
 * and costs a copy and a checksum, no disk. Two files: the arrays one after the other, and facts that say what they are.
 * Facts are removed before the arrays are written over and published after it, and hold their checksum; so a copy that
 * was cut off in the middle is never taken for one.
 */
import { closeSync, constants, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import * as fs from "node:fs/promises";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { giveBlock, inBlocks, takeBlock } from "../base/blocks.js";
import { isMemoryFileSystem } from "../base/memory-file-system.js";
import { sizeOf, type NamedArray, type NamedArrays } from "../base/named-arrays.js";
import type { Json } from "./checkpoint.js";
import { checkpointsFolder, mirrorNamed, mirrorNames, type MirrorPaths, type Series } from "./names.js";

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
  run: z.string(),
  step: count,
  at: z.iso.datetime(),
  content: z.custom<MirrorFacts["content"]>((value) => typeof value === "object" && value !== null),
});

/** Room that others keep, as a share of the copy. */
const spare = 0.25;

/**
 * Where the copy of a training lies; undefined where the system has no file system in memory, or nobody wants one
 * (GUARDAPESOS_MIRROR=off; otherwise it names the folder).
 */
export async function mirrorPaths(weights: string, series: Series): Promise<MirrorPaths | undefined> {
  const wish = process.env["GUARDAPESOS_MIRROR"];
  const folder = wish ?? "/dev/shm";
  if (wish === "off" || (wish === undefined && !isInMemory(folder))) return undefined;
  const real = await fs.realpath(weights).catch(() => undefined);
  return real === undefined ? undefined : mirrorNames(folder, real, series);
}

function isInMemory(folder: string): boolean {
  try {
    return process.platform === "linux" && isMemoryFileSystem(statfsSync(folder).type);
  } catch {
    return false;
  }
}

/**
 * Makes the file for copies, still empty. Whoever makes it removes it at the end, and it is never made again: what a
 * thread still does that nobody waits for leaves nothing behind.
 * REQUIRES: what a training before this one has left there has been taken up.
 * @returns whether it could be made
 */
export async function createMirrorFile(paths: MirrorPaths): Promise<boolean> {
  try {
    for (const path of [paths.facts, paths.arrays]) await fs.rm(path, { force: true });
    await (await fs.open(paths.arrays, "wx", 0o600)).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens the file for copies of so many bytes; undefined when there is no room for them, or it has been removed. Blocks, as
 * its `write` does.
 */
export function openMirrorFile(paths: MirrorPaths, bytes: number): MirrorFile | undefined {
  const remove = (): void => {
    for (const path of [paths.facts, paths.arrays]) rmSync(path, { force: true });
  };
  let file: number;
  try {
    const { bavail, bsize } = statfsSync(paths.folder);
    if (bavail * bsize < bytes * (1 + spare)) {
      remove();
      return undefined;
    }
    file = openSync(paths.arrays, constants.O_WRONLY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  return {
    write(arrays) {
      rmSync(paths.facts, { force: true });
      let position = 0;
      let crc = 0;
      const block = takeBlock();
      for (const { data } of arrays.values()) {
        for (const piece of inBlocks(bytesOf(data))) {
          // From the block, as every file is written (see torch/stream).
          block.set(piece);
          for (let done = 0; done < piece.length;)
            done += writeSync(file, block, done, piece.length - done, position + done);
          position += piece.length;
          crc = crc32(block.subarray(0, piece.length), crc);
        }
      }
      giveBlock(block);
      const layout = [...arrays].map(([name, { shape }]) => ({ name, shape }));
      return { path: paths.arrays, layout, crc };
    },
    remove() {
      closeSync(file);
      remove();
    },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NamedArray["data"]): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Says what the newest copy is, in one instant. */
export async function publishFacts(paths: MirrorPaths, facts: MirrorFacts): Promise<void> {
  const fresh = `${paths.facts}.new`;
  await fs.writeFile(fresh, JSON.stringify({ format: 1, ...facts }), { mode: 0o600 });
  await fs.rename(fresh, paths.facts);
}

/** The facts of a copy that was left, if there is one of this user that can be understood. */
export async function readFacts(paths: MirrorPaths): Promise<MirrorFacts | undefined> {
  try {
    // In a folder that everyone may write to, only our own word counts.
    for (const path of [paths.facts, paths.arrays]) {
      const info = await fs.lstat(path);
      if (!info.isFile() || info.uid !== process.getuid?.()) return undefined;
    }
    return factsSchema.parse(JSON.parse(await fs.readFile(paths.facts, "utf8")));
  } catch {
    return undefined;
  }
}

/** Reads arrays back into memory of their own; undefined when they are not those that were written. */
export async function readArrays({
  path,
  layout,
  crc,
}: FiledArrays): Promise<Map<string, NamedArray> | undefined> {
  const arrays = new Map<string, NamedArray>();
  let found = 0;
  const file = await fs.open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  const block = takeBlock();
  try {
    for (const { name, shape } of layout) {
      const data = new Float32Array(sizeOf(shape));
      for (const piece of inBlocks(bytesOf(data))) {
        for (let done = 0; done < piece.length;) {
          const { bytesRead } = await file.read(block, done, piece.length - done);
          if (bytesRead === 0) return undefined;
          done += bytesRead;
        }
        const bytes = block.subarray(0, piece.length);
        found = crc32(bytes, found);
        piece.set(bytes);
      }
      arrays.set(name, { shape, data });
    }
    giveBlock(block);
  } finally {
    await file.close();
  }
  return found === crc ? arrays : undefined;
}

/** Removes what is there and may be removed; what another user has put there stays. */
export async function removeMirror(paths: MirrorPaths): Promise<void> {
  for (const path of [paths.facts, `${paths.facts}.new`, paths.arrays]) {
    await fs.rm(path, { force: true }).catch(() => undefined);
  }
}

/** Removes the copies in this folder whose weights folder is gone: nobody would ever take them up. */
export async function removeOrphans({ folder }: MirrorPaths): Promise<void> {
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const paths = mirrorNamed(folder, name);
    const facts = paths && (await readFacts(paths));
    if (facts && (await fs.stat(facts.weights).catch(() => undefined)) === undefined)
      await removeMirror(paths);
  }
}

/** What tells this weights folder from another one that has, or had, the same path. */
export async function folderIdentity(weights: string): Promise<string> {
  const { dev, ino, birthtimeNs } = await fs.stat(checkpointsFolder(weights), { bigint: true });
  return [dev, ino, birthtimeNs].join(":");
}
