/**
 * Decoded images that do not fit in memory, one after the other in one file on a disk. The file loses its name as soon as
 * it is open: nobody else can find, change or share it, and however the process ends, the system takes the room back.
 * Nothing in it is believed: each image is compared with the CRC-32 of what was written. The first thing that is wrong
 * with it ends it, and gives its room back; whoever asks then decodes again.
 */
import { randomUUID } from "node:crypto";
import { lstat, open, readdir, statfs, unlink, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { reasonOf } from "../base/errors.js";
import type { SpillTrouble } from "../base/image-note.js";
import { isMemoryFileSystem } from "../base/memory-file-system.js";

export interface Spill {
  /**
   * Keeps one more image: number 0, 1, 2 and so on. REQUIRES: the one before has been answered.
   * @returns whether it did; once it did not, it never does again
   */
  append(image: Uint8Array): Promise<boolean>;
  /**
   * @param into where to read it
   * @returns undefined when it is not here, or not any more
   */
  read(number: number, into?: Uint8Array): Promise<Uint8Array | undefined>;
  /** Gives the room back. */
  close(): Promise<void>;
}

export interface SpillOptions {
  readonly imageBytes: number;
  /** The first of them that is on a disk is taken. */
  readonly folders: readonly string[];
  /** Told where and why no more images are kept, or none any more. */
  readonly onTrouble: (trouble: SpillTrouble) => void;
}

/** Where temporary files go: what the environment says (TMPDIR, TEMP), then what Unix has for large ones. */
export const temporaryFolders = (): readonly string[] =>
  process.platform === "win32" ? [tmpdir()] : [tmpdir(), "/var/tmp"];

const newName = (): string => `guardapesos-images-${randomUUID()}.tmp`;
/** Of nothing but such a file: in this folder there may be anything. */
const ownName = /^guardapesos-images-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/** Bytes written between two looks at how much room is left. */
const lookEvery = 2 ** 20;

/** Takes no room before the first image. */
export function createSpill({ imageBytes, folders, onTrouble }: SpillOptions): Spill {
  const sums: number[] = [];
  let opened: { readonly file: FileHandle; readonly folder: string; readonly path: string } | undefined;
  let appending: Promise<boolean> = Promise.resolve(false);
  let full = false;
  let closed = false;
  let looked = -Infinity;

  async function close(): Promise<void> {
    closed = true;
    const before = opened;
    opened = undefined;
    if (!before) return;
    // Waits for what is being read and written.
    await before.file.close().catch(() => undefined);
    await unlink(before.path).catch(() => undefined);
  }

  async function end(reason: SpillTrouble["reason"], detail = ""): Promise<void> {
    if (closed) return;
    onTrouble({ folders: opened ? [opened.folder] : folders, reason, detail });
    await close();
  }

  /** Others need the disk, too, the weights above all: at least as much stays free as is taken here. */
  async function isFull(folder: string): Promise<boolean> {
    const written = sums.length * imageBytes;
    if (written - looked < lookEvery) return false;
    looked = written;
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize < written + 2 * Math.max(imageBytes, lookEvery);
  }

  async function append(image: Uint8Array): Promise<boolean> {
    try {
      opened ??= await openWithoutName(folders);
      const { file, folder } = opened;
      full = await isFull(folder);
      if (full) {
        onTrouble({ folders: [folder], reason: "full", detail: "" });
        return false;
      }
      const sum = crc32(image);
      for (let done = 0; done < imageBytes;) {
        const position = sums.length * imageBytes + done;
        done += (await file.write(image, done, imageBytes - done, position)).bytesWritten;
      }
      sums.push(sum);
      return true;
    } catch (error) {
      if (error instanceof NoDisk) await end("no-disk");
      else await end("system", reasonOf(error));
      return false;
    }
  }

  return {
    append(image) {
      if (full || closed) return Promise.resolve(false);
      appending = append(image);
      return appending;
    },
    async read(number, image = new Uint8Array(imageBytes)) {
      const sum = sums[number];
      if (!opened || sum === undefined) return undefined;
      try {
        const { bytesRead } = await opened.file.read(image, 0, imageBytes, number * imageBytes);
        if (bytesRead === imageBytes && crc32(image) === sum) return image;
        await end("changed");
      } catch (error) {
        await end("system", reasonOf(error));
      }
      return undefined;
    },
    async close() {
      closed = true;
      await appending;
      await close();
    },
  };
}

/** None of the folders is on a disk. */
class NoDisk extends Error {}

/** A new, empty file that only this process can reach, in the first of the folders that is on a disk. */
async function openWithoutName(folders: readonly string[]) {
  let problem: unknown = new NoDisk();
  for (const folder of folders) {
    try {
      if (isMemoryFileSystem((await statfs(folder)).type)) continue;
      await removeLeftOvers(folder);
      const path = join(folder, newName());
      const file = await open(path, "wx+", 0o600);
      // Where a file that is open keeps its name, it is removed when closed, or else by the next process.
      await unlink(path).catch(() => undefined);
      return { file, folder, path };
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

/** Of a process that was killed before its file lost its name. One that is still in use stays in use without it. */
async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!ownName.test(name)) continue;
    const path = join(folder, name);
    const there = await lstat(path).catch(() => undefined);
    const isOurs = there?.isFile() && (process.getuid === undefined || there.uid === process.getuid());
    if (isOurs) await unlink(path).catch(() => undefined);
  }
}
