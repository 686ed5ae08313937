/** Whether saved files are where they were saved. */
import { nodeDisk } from "../store/index.js";
import type { SavedFile } from "../events/event.js";

/** Which files are there: only those may be named as safe. */
export async function whichAreThere(
  files: readonly SavedFile[],
): Promise<{ there: readonly SavedFile[]; missing: readonly string[] }> {
  const found = await Promise.all(files.map(({ path }) => isThere(path)));
  return {
    there: files.filter((_, i) => found[i]),
    missing: files.filter((_, i) => !found[i]).map(({ path }) => path),
  };
}

/** Seconds for which a disk that does not answer is waited for. */
const patience = 5;

/** A file that cannot be reached is not named; one on a disk that does not answer cannot be known to be gone. */
async function isThere(path: string): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), patience * 1000).unref());
  const found = nodeDisk.info(path).then(
    (info) => info !== undefined,
    () => false,
  );
  return Promise.race([found, late]);
}

/** Whether all of them are there still. */
export async function areThere(files: readonly SavedFile[]): Promise<boolean> {
  return (await whichAreThere(files)).missing.length === 0;
}
