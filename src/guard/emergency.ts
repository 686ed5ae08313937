/**
 * The copy of a snapshot beside the script's own files, for a script that was interrupted and has not saved since: under the
 * name that the seed page's scripts give such files, loaded by the script's own code.
 */
import { constants } from "node:fs";
import { copyFile, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { GuardedFile } from "../events/guarded.js";

/** "20251106_153045", by the clock on the wall. */
export function stampOf(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${date}_${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}

/** weights/generator_DRUSEN_local.pth -> weights/EMERGENCY_generator_DRUSEN_local_20251106_153045.pth */
export function emergencyPath(path: string, stamp: string): string {
  const ending = extname(path);
  return join(dirname(path), `EMERGENCY_${basename(path, ending)}_${stamp}${ending}`);
}

/** A file of a snapshot. */
export interface SnapshotFile {
  /** Where its bytes lie. */
  readonly from: string;
  /** Beside which its copy is to appear. */
  readonly beside: string;
}

/** Copies all of them, durably; a file has its name only once it is whole, and takes nobody's place. */
export async function copyBeside(
  files: readonly SnapshotFile[],
  time: Date,
): Promise<readonly GuardedFile[]> {
  const copies: GuardedFile[] = [];
  for (const { from, beside } of files) {
    const path = await free(beside, stampOf(time));
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    try {
      await copyFile(from, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      const file = await open(temporary, "r+");
      await file.sync().finally(() => file.close());
      await give(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
    copies.push({ path, bytes: (await stat(path)).size });
  }
  return copies;
}

/** Where the disk has hard links a name that somebody has just taken is not taken over. */
async function give(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    await rename(temporary, path);
  }
}

async function free(path: string, stamp: string): Promise<string> {
  for (let number = 1; ; number++) {
    const wanted = emergencyPath(path, number === 1 ? stamp : `${stamp}-${number}`);
    const taken = await stat(wanted).then(
      () => true,
      () => false,
    );
    if (!taken) return wanted;
  }
}
