/**
 * Where a file goes. The writer only knows this small interface, so that a test can lose power or fill the disk at any
 * write; `openFile` is the real one.
 */
import { open, unlink, type FileHandle } from "node:fs/promises";

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
