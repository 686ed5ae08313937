/** A file that is read at any place. */
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { NotRegular, openRegular } from "./regular-file.js";

export interface ByteSource {
  readonly path: string;
  /** Bytes of the file when it was opened. */
  readonly size: number;
  /** Fills `target` from byte `position` on. REQUIRES: it lies inside the file. */
  readInto(position: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A file on a disk. */
export interface OpenedFile extends ByteSource {
  /** Whether it is this user's and closed to all others: nobody else can have written to it. */
  readonly isPrivate: boolean;
}

export function isPrivateFile({ uid, mode }: Pick<Stats, "uid" | "mode">): boolean {
  const user = process.getuid?.();
  return user === undefined || (uid === user && (mode & 0o077) === 0);
}

/** A file became shorter while it was read. */
export class Shrunk extends Error {
  readonly code = "EIO";

  constructor(path: string) {
    super(`EIO: ${path} became shorter while it was read`);
  }
}

/**
 * Opens a regular file.
 * @param links whether a link at the end of the path is followed: for paths that a person has given
 * @throws NotRegular, and what the system says
 */
export async function openBytes(path: string, links: "follow" | "refuse"): Promise<OpenedFile> {
  const handle = links === "refuse" ? await openRegular(path) : await openFollowing(path);
  try {
    const facts = await handle.stat();
    return {
      path,
      size: facts.size,
      isPrivate: isPrivateFile(facts),
      async readInto(position, target) {
        for (let done = 0; done < target.length;) {
          const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
          if (bytesRead === 0) throw new Shrunk(path);
          done += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openFollowing(path: string) {
  // Before opening: a named pipe would not even open until someone writes to it.
  const found = await stat(path);
  if (!found.isFile()) throw new NotRegular(path, found.isDirectory() ? "folder" : "other");
  return open(path, "r");
}
