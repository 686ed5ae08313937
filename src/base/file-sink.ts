/**
 * Where a file goes. The writer only knows this small interface, so that a test can lose power or fill the disk at any
 * write; `openFile` is the real one.
 */
import { randomBytes } from "node:crypto";
import { link, lstat, open, readdir, rename, unlink, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

export interface FileSink {
  /** Appends all of `bytes`. They may be reused once the promise has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes everything written survive a power cut (fsync). */
  sync(): Promise<void>;
  close(): Promise<void>;
  /** After a failure: closes and, where it can, removes the half-written file. */
  discard(): Promise<void>;
}

export type OpenSink = (path: string) => Promise<FileSink>;

/** Bytes after which the disk gets what there is while the rest is still being made. */
const EARLY = 16 * 2 ** 20;

/** Creates a new file. Node's own errors (EEXIST, ENOSPC, EIO and so on) pass through. */
export async function openFile(path: string, mode?: number): Promise<FileSink> {
  return sinkOver(await open(path, "wx", mode), () => unlink(path));
}

/**
 * A new file that has its name only once it is whole: it is written beside it, under a hidden name, and gets its own when it is
 * closed. Whatever ends the process meanwhile, nothing that is cut off stands under the name that was asked for. What killed
 * processes of this computer have left in the folder is removed. Never writes over a file.
 */
export async function openWhole(path: string): Promise<FileSink> {
  const folder = dirname(path);
  await refuseExisting(path);
  await removeLeftovers(folder);
  const hidden = join(folder, `${leftoverStart()}${process.pid}-${randomBytes(6).toString("hex")}.part`);
  const named = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      // The user has never heard of the hidden name.
      if (error instanceof Error) error.message = error.message.replaceAll(hidden, path);
      throw error;
    });
  const sink = await named(openFile(hidden));
  return {
    write: (bytes) => named(sink.write(bytes)),
    sync: () => named(sink.sync()),
    discard: () => sink.discard(),
    async close() {
      await sink.close();
      await named(takeName(hidden, path));
      await syncFolder(folder);
    },
  };
}

async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  throw Object.assign(new Error(`EEXIST: file already exists, open '${path}'`), {
    code: "EEXIST",
    syscall: "open",
  });
}

/** A link fails where the name has been taken meanwhile; where there are no links, that is looked at right before. */
async function takeName(hidden: string, path: string): Promise<void> {
  try {
    await link(hidden, path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(String(code))) throw error;
    await refuseExisting(path);
    await rename(hidden, path);
    return;
  }
  await unlink(hidden).catch(() => undefined);
}

/** Makes the new name survive a power cut, where the system can sync a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Of this computer alone: a folder may be shared, and nothing is known of the processes of others. */
function leftoverStart(): string {
  const host = Buffer.from(hostname()).toString("hex").slice(-12);
  return `.guardapesos-${host}-`;
}

async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(leftoverStart()) || !name.endsWith(".part")) continue;
    const pid = Number(/^\d+/.exec(basename(name).slice(leftoverStart().length))?.[0]);
    if (Number.isSafeInteger(pid) && pid > 0 && !isAlive(pid))
      await unlink(join(folder, name)).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/**
 * Left alone, the system keeps hundreds of megabytes in memory until `sync`, which then waits for all of them; so the
 * disk is set to work after every EARLY bytes, beside the writing.
 */
export function sinkOver(
  handle: Pick<FileHandle, "write" | "sync" | "datasync" | "close">,
  remove: () => Promise<void>,
): FileSink {
  let unsent = 0;
  let sending = false;
  let sent: Promise<void> = Promise.resolve();
  const send = (): void => {
    unsent = 0;
    sending = true;
    sent = sent
      .then(() => handle.datasync())
      .finally(() => {
        sending = false;
      });
    sent.catch(() => undefined); // `sync` tells it: the system reports a failed write once, to whoever asks first
  };
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
      }
      unsent += bytes.length;
      if (unsent >= EARLY && !sending) send();
    },
    async sync() {
      await sent;
      await handle.sync();
    },
    close: () => handle.close(),
    async discard() {
      // What failed is reported already; a second failure while cleaning up would hide it.
      await handle.close().catch(() => undefined);
      await remove().catch(() => undefined);
    },
  };
}
