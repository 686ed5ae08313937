/**
 * Opening files in folders where others may have put anything: only a regular file is ever opened. A link is not followed
 * (it may lead anywhere); a pipe, a socket or a device is not opened (it may never answer, or do something).
 */
import { constants, fstatSync, openSync, closeSync, type Stats } from "node:fs";
import { lstat, open, type FileHandle } from "node:fs/promises";

/** Flags with which an `open` ends at once, whatever it meets. Windows has neither (undefined); there `lstat` alone decides. */
const carefully = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What stands at a path instead of a regular file. */
export type Unfit = "link" | "folder" | "other";

const codes = { link: "ELOOP", folder: "EISDIR", other: "ENXIO" } as const;
const words = { link: "is a link, which is not followed", folder: "is a folder", other: "is not a file" };

/** What stands at a path is no regular file. Its code is the system's nearest one. */
export class NotRegular extends Error {
  readonly code: string;
  readonly unfit: Unfit;

  constructor(path: string, unfit: Unfit) {
    super(`${codes[unfit]}: ${path} ${words[unfit]}`);
    this.code = codes[unfit];
    this.unfit = unfit;
  }
}

/** A file is larger than anything that belongs there. */
export class TooLarge extends Error {
  readonly code = "EFBIG";
  readonly bytes: number;

  constructor(path: string, bytes: number) {
    super(`EFBIG: ${path} has ${bytes} bytes`);
    this.bytes = bytes;
  }
}

function refuse(path: string, found: Pick<Stats, "isFile" | "isSymbolicLink" | "isDirectory">): void {
  if (found.isFile()) return;
  throw new NotRegular(path, found.isSymbolicLink() ? "link" : found.isDirectory() ? "folder" : "other");
}

/**
 * Opens a regular file.
 * @param flags of open(2), such as O_WRONLY | O_CREAT
 * @param mode of a file that it makes
 * @throws NotRegular, and what the system says
 */
export async function openRegular(
  path: string,
  flags: number = constants.O_RDONLY,
  mode?: number,
): Promise<FileHandle> {
  // Before opening: some devices do something when they are opened.
  const there = await lstat(path).catch(() => undefined);
  if (there) refuse(path, there);
  const file = await open(path, flags | carefully, mode);
  try {
    refuse(path, await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The same at once: for a thread that has nothing else to do. Does not look before it opens. */
export function openRegularSync(path: string, flags: number = constants.O_RDONLY): number {
  const file = openSync(path, flags | carefully);
  try {
    refuse(path, fstatSync(file));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** How many bytes of a file are wanted: all, where there are not more; or only its first or last ones. */
export type Extent = { readonly whole: number } | { readonly first: number } | { readonly last: number };

/**
 * The text (UTF-8) of a file that is open; never more than `extent` says, however large it is or becomes.
 * @throws TooLarge
 */
export async function readText(file: FileHandle, path: string, extent: Extent): Promise<string> {
  const { size } = await file.stat();
  const most = "whole" in extent ? extent.whole : "first" in extent ? extent.first : extent.last;
  if ("whole" in extent && size > most) throw new TooLarge(path, size);
  const bytes = Buffer.alloc(Math.min(size, most));
  const start = "last" in extent ? size - bytes.length : 0;
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.toString("utf8", 0, done);
}
