/** The few operations on a disk that must not wait for anything: those of a thread that is about to compute for long. */
import { closeSync, constants, fstatSync, rmSync, statfsSync, writeSync } from "node:fs";
import { isPrivateFile } from "../base/byte-source.js";
import { openRegularSync } from "../base/regular-file.js";

export interface SyncFile {
  /** Whether it is this user's and closed to all others. */
  readonly isPrivate: boolean;
  /** Writes all of it at that place. */
  write(bytes: Uint8Array, position: number): void;
  close(): void;
}

/** As Disk: links are not followed. Errors are Node's own. */
export interface SyncDisk {
  /** Opens a regular file that is there for writing over it. */
  open(path: string): SyncFile;
  /** Nothing happens where there is nothing. */
  remove(path: string): void;
  /** Bytes free for this user on the file system of `path`. */
  freeSpace(path: string): number;
  /** The system's number for the kind of that file system. */
  kindOf(path: string): number;
}

export const nodeSyncDisk: SyncDisk = {
  open(path) {
    const file = openRegularSync(path, constants.O_WRONLY);
    return {
      isPrivate: isPrivateFile(fstatSync(file)),
      write(bytes, position) {
        for (let done = 0; done < bytes.length;)
          done += writeSync(file, bytes, done, bytes.length - done, position + done);
      },
      close: () => closeSync(file),
    };
  },
  remove: (path) => rmSync(path, { force: true }),
  freeSpace(path) {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  },
  kindOf: (path) => statfsSync(path).type,
};
