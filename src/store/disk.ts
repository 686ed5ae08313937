/**
 * How the store reaches a disk: nothing else in it opens, writes or removes files (only the thread that hashes,
 * `disk-hash-worker.ts`, reads them). `Disk` is small on purpose: a test puts another one in its place that
 * loses whatever was not synced, tears writes, runs full, or fails at the n-th operation.
 *
 * Errors are Node's own (ENOSPC, EIO, ...); `diskError` turns them into what a user is told.
 */
import { constants, type BigIntStats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { openBytes, type OpenedFile } from "../base/byte-source.js";
import { giveBlock, takeBlock } from "../base/blocks.js";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { openRegular, readText, type Extent } from "../base/regular-file.js";
import { openFile, type FileSink } from "../base/file-sink.js";

export interface FileInfo {
  /** `other`: a pipe, a socket, a device. */
  readonly kind: "file" | "folder" | "link" | "other";
  readonly bytes: number;
  /** Two names with the same identity are the same file (hard links). */
  readonly identity: string;
  /** When it was made, nanoseconds since 1970 where the file system knows it: tells it from a later one of its identity. */
  readonly born: string;
  /** Last change, milliseconds since 1970 by the clock of the file system. */
  readonly modified: number;
}

/** The part of a file's identity that says on which device it is. */
export function deviceOf(identity: string): string | undefined {
  return identity.split(":")[0];
}

/** Nothing of it follows a link at the end of a path, or opens what is no regular file, but `target`. */
export interface Disk {
  /** Creates a new file for appending; EEXIST when the name is taken. Read-only afterwards where the system has modes. */
  create(path: string): Promise<FileSink>;
  /** Creates a new file that is closed to other users; EEXIST when the name is taken. */
  createPrivate(path: string): Promise<FileSink>;
  /**
   * Creates a file that shares the blocks of another, and makes it durable. Read-only as with `create`.
   * @returns false where the file system has no such thing: then nothing was made
   */
  clone(from: string, path: string): Promise<boolean>;
  /** Reads a file at any place. @param links whether a link at the end of the path is followed: for paths that a person has given */
  open(path: string, links?: "follow" | "refuse"): Promise<OpenedFile>;
  /** The bytes of a file, in pieces that are valid until the next is asked for. */
  chunks(path: string): AsyncIterable<Uint8Array>;
  /** Text in UTF-8, never more of it than asked for; EFBIG when the whole is more. */
  readText(path: string, extent: Extent): Promise<string>;
  /** Names in a folder, sorted. Of a link to one, too: whoever lists looks at what it is first. */
  list(folder: string): Promise<string[]>;
  /** undefined when there is nothing. A link is told as one. */
  info(path: string): Promise<FileInfo | undefined>;
  /** What a path leads to over all links: for paths that a person has given. */
  target(path: string): Promise<FileInfo | undefined>;
  /** Where a path leads, all links followed. */
  realPath(path: string): Promise<string>;
  /** Makes a folder in one that is there; nothing happens when it is there itself. */
  makeFolder(path: string): Promise<void>;
  /** Makes a folder that is closed to other users; EEXIST when the name is taken, whatever by. */
  makePrivateFolder(path: string): Promise<void>;
  /** Replaces a file at `to`; never a folder with something in it. */
  rename(from: string, to: string): Promise<void>;
  /** Hard link; EEXIST when the name is taken. */
  link(existing: string, path: string): Promise<void>;
  remove(file: string): Promise<void>;
  /** Only an empty one. */
  removeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** Adds text at the end of a file, made when it is not there. Not synced: for what may be lost. */
  append(path: string, text: string): Promise<void>;
  /** Bytes free for this user on the file system of `path`. */
  freeSpace(path: string): Promise<number>;
  /** How many more files that file system takes (free inodes); undefined where it has no such limit, or does not say. */
  freeFiles(path: string): Promise<number | undefined>;
}

/** Node's code of a file-system error, e.g. "ENOENT". */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether an error comes from the disk, as against a bug of ours. */
export function isDiskFault(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(codeOf(error) ?? "");
}

const noSpace = new Set(["ENOSPC", "EDQUOT"]);
const notAllowed = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOTDIR",
  "EEXIST",
  "ENOENT",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
]);

export function isNoSpace(error: unknown): boolean {
  return noSpace.has(codeOf(error) ?? "");
}

/**
 * What a user is told about a failure of the disk. Errors that already say it, and bugs, pass unchanged.
 * @param free bytes; undefined when they cannot be known
 */
export function diskError(error: unknown, folder: string, needed: number, free: number | undefined): unknown {
  const code = codeOf(error) ?? "";
  if (error instanceof GuardapesosError || !isDiskFault(error)) return error;
  if (noSpace.has(code)) return new GuardapesosError("DISK_FULL", { folder, needed, free: free ?? 0 }, error);
  const data = { folder, reason: reasonOf(error) };
  return new GuardapesosError(notAllowed.has(code) ? "WEIGHTS_NOT_WRITABLE" : "SAVE_FAILED", data, error);
}

/**
 * Makes a folder and those above it. Throws what the system says of the first that cannot be made; Node's own recursive way
 * says ENOENT, whether the disk is full, read-only or closed to this user.
 * @throws LINK_LEADS_NOWHERE
 */
export async function makeFolders(disk: Disk, path: string): Promise<void> {
  const parent = dirname(path);
  const there = await disk.info(path);
  if (there?.kind === "link" && (await disk.target(path)) === undefined)
    throw new GuardapesosError("LINK_LEADS_NOWHERE", { path });
  if (parent !== path && there === undefined) await makeFolders(disk, parent);
  await disk.makeFolder(path);
}

/** Creates a file with this content and makes it durable (its name is durable after syncFolder). */
export async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const sink = await disk.create(path);
  try {
    await sink.write(new TextEncoder().encode(text));
    await sink.sync();
    await sink.close();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/**
 * Copies a file to a new name and makes its content durable.
 * @param onPiece told of each; may throw to call it off
 */
export async function copyFile(
  disk: Disk,
  from: string,
  to: string,
  onPiece?: (bytes: Uint8Array) => void,
): Promise<void> {
  const sink = await disk.create(to);
  try {
    for await (const bytes of disk.chunks(from)) {
      await sink.write(bytes);
      onPiece?.(bytes);
    }
    await sink.sync();
    await sink.close();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/** A folder cannot be synced on Windows; NTFS keeps its own journal of names. Elsewhere a failure is a failure. */
function isUnsyncableFolder(error: unknown): boolean {
  return process.platform === "win32" && ["EPERM", "EISDIR", "EACCES"].includes(codeOf(error) ?? "");
}

/**
 * Windows refuses to replace or remove a name for the moment in which another program (a virus scanner, an indexer) has
 * the file open.
 */
async function patiently(action: () => Promise<void>): Promise<void> {
  const waits = process.platform === "win32" ? [20, 80, 300, 1000] : [];
  for (const wait of waits) {
    try {
      await action();
      return;
    } catch (error) {
      if (!["EPERM", "EACCES", "EBUSY"].includes(codeOf(error) ?? "")) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return action();
}

// On Windows a read-only file cannot be replaced or removed by others' tools, so there it stays as it is.
const newFileMode = process.platform === "win32" ? 0o666 : 0o444;

// Windows has no such flag, and cannot open a folder at all.
const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_DIRECTORY } = constants;

/** @param look undefined when there is nothing */
async function infoBy(look: () => Promise<BigIntStats>): Promise<FileInfo | undefined> {
  try {
    const facts = await look();
    return {
      kind: facts.isFile()
        ? "file"
        : facts.isDirectory()
          ? "folder"
          : facts.isSymbolicLink()
            ? "link"
            : "other",
      bytes: Number(facts.size),
      identity: `${facts.dev}:${facts.ino}`,
      born: String(facts.birthtimeNs),
      modified: Number(facts.mtimeMs),
    };
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** What systems say where blocks cannot be shared, or not between these two places. */
const cannotShare = new Set(["ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOSYS", "ENOTTY", "EPERM"]);

export const nodeDisk: Disk = {
  create: (path) => openFile(path, newFileMode),
  createPrivate: (path) => openFile(path, 0o600),
  async clone(from, path) {
    try {
      await fs.copyFile(from, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    } catch (error) {
      if (cannotShare.has(codeOf(error) ?? "")) return false;
      throw error;
    }
    const file = await openRegular(path, constants.O_RDONLY);
    try {
      await file.chmod(newFileMode);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  },
  open: (path, links = "refuse") => openBytes(path, links),
  async *chunks(path) {
    const file = await openRegular(path);
    const read = (block: Uint8Array) => file.read(block, 0, block.length);
    // One is read while the other is looked at.
    let [block, next] = [takeBlock(), takeBlock()];
    let reading = read(block);
    try {
      for (;;) {
        const { bytesRead } = await reading;
        if (bytesRead === 0) return;
        reading = read(next);
        yield block.subarray(0, bytesRead);
        [block, next] = [next, block];
      }
    } finally {
      await reading.catch(() => undefined);
      giveBlock(block);
      giveBlock(next);
      await file.close();
    }
  },
  async readText(path, extent) {
    const file = await openRegular(path);
    try {
      return await readText(file, path, extent);
    } finally {
      await file.close();
    }
  },
  list: async (folder) => (await fs.readdir(folder)).sort(),
  info: (path) => infoBy(() => fs.lstat(path, { bigint: true })),
  target: (path) => infoBy(() => fs.stat(path, { bigint: true })),
  realPath: (path) => fs.realpath(path),
  makePrivateFolder: (path) => fs.mkdir(path, { mode: 0o700 }),
  async makeFolder(path) {
    if ((await nodeDisk.target(path))?.kind === "folder") return;
    try {
      await fs.mkdir(path);
    } catch (error) {
      // Two at once.
      if (codeOf(error) !== "EEXIST" || (await nodeDisk.target(path))?.kind !== "folder") throw error;
    }
  },
  rename: (from, to) => patiently(() => fs.rename(from, to)),
  link: (existing, path) => fs.link(existing, path),
  remove: (file) => patiently(() => fs.unlink(file)),
  removeFolder: (path) => patiently(() => fs.rmdir(path)),
  async syncFolder(path) {
    try {
      const folder = await fs.open(path, O_RDONLY | O_DIRECTORY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      if (!isUnsyncableFolder(error)) throw error;
    }
  },
  async append(path, text) {
    const file = await openRegular(path, O_WRONLY | O_APPEND | O_CREAT, 0o666);
    try {
      await file.appendFile(text);
    } finally {
      await file.close();
    }
  },
  async freeSpace(path) {
    const facts = await fs.statfs(path, { bigint: true });
    return Number(facts.bavail * facts.bsize);
  },
  async freeFiles(path) {
    const { files, ffree } = await fs.statfs(path);
    return files > 0 ? ffree : undefined;
  },
};

/** What the system says of itself in a file such as those of /proc; "" where it says nothing. */
export async function systemText(path: string): Promise<string> {
  return (await fs.readFile(path, "utf8").catch(() => "")).trim();
}
