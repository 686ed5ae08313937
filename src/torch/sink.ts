/**
 * Where a file goes. The writer only knows this small interface, so that a test can lose power or fill the disk at any
 * write; `openFile` is the real one.
 */
import { open, unlink } from "node:fs/promises";

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

/** Creates a new file. Node's own errors (EEXIST, ENOSPC, EIO and so on) pass through. */
export const openFile: OpenSink = async (path) => {
  const handle = await open(path, "wx");
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
      }
    },
    sync: () => handle.sync(),
    close: () => handle.close(),
    async discard() {
      // What failed is reported already; a second failure while cleaning up would hide it.
      await handle.close().catch(() => undefined);
      await unlink(path).catch(() => undefined);
    },
  };
};
