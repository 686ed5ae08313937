/** What lies in a folder: images, sub-folders, and files that are something else. Reads names, and files that have no ending. */
import type { Dirent } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { GuardapesosError, isGuardapesosError, reasonOf, type LeftOut } from "../base/errors.js";
import type { ImageFault } from "../base/image-note.js";
import { endingOf, headBytes, kindOf, promisesImage } from "./image-kind.js";

export interface Listing {
  /** Sorted by UTF-16 code units, the same everywhere, unlike the order of a locale or of a file system. */
  readonly folders: readonly string[];
  readonly images: readonly string[];
  /** Names without an ending: only the files themselves can tell. */
  readonly unsure: readonly string[];
  /** Endings of what is no image, one for each file. */
  readonly others: readonly string[];
}

/** Links are followed, hidden names left out, and whatever is no file and no folder. */
export async function listFolder(folder: string): Promise<Listing> {
  return sortOut(folder, await readdir(folder, { withFileTypes: true }));
}

async function sortOut(folder: string, entries: readonly Dirent[]): Promise<Listing> {
  const listing = { folders: [], images: [], unsure: [], others: [] } as {
    [Kind in keyof Listing]: string[];
  };
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    if (await isNotUtf8(folder, entry))
      throw new GuardapesosError("NAME_NOT_DECODED", { folder, name: entry.name });
    // A link that leads nowhere counts as a file: reading it will fail, and that will be told.
    const target = entry.isSymbolicLink()
      ? await stat(join(folder, entry.name)).catch(() => undefined)
      : entry;
    if (target?.isDirectory()) listing.folders.push(entry.name);
    else if (target === undefined || target.isFile()) {
      const promises = promisesImage(entry.name);
      if (promises) listing.images.push(entry.name);
      else if (promises === undefined) listing.unsure.push(entry.name);
      else listing.others.push(endingOf(entry.name));
    }
  }
  listing.folders.sort();
  listing.images.sort();
  return listing;
}

/** Whether a folder, or what may be an image, has a name that Node gives with its unknown bytes replaced: it opens nothing. */
async function isNotUtf8(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.name.includes("\ufffd")) return false;
  if (!entry.isDirectory() && promisesImage(entry.name) === false) return false;
  // A name may hold that very sign.
  return lstat(join(folder, entry.name)).then(
    () => false,
    () => true,
  );
}

/** What a file without an ending is. */
export async function kindOfFile(path: string): Promise<ReturnType<typeof kindOf>> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return kindOf(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

export interface Found {
  /** Relative to the folder, with "/" between names on every system, sorted. */
  readonly images: readonly string[];
  /** Files that are no images, by ending, the most frequent first. */
  readonly leftOut: readonly LeftOut[];
}

/** Every image under a folder. `onUnreadable` is told of folders that cannot be read; they are passed over. */
export async function findImages(
  root: string,
  onUnreadable: (path: string, fault: ImageFault) => void,
): Promise<Found> {
  const images: string[] = [];
  const counts = new Map<string, number>();
  const leaveOut = (kind: string): unknown => counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const seen = new Set<string>();

  async function search(folder: string, prefix: string): Promise<void> {
    const listing = await listOnce(folder, seen).catch((error: unknown) => {
      if (isGuardapesosError(error)) throw error;
      onUnreadable(folder, { reason: reasonOf(error) });
      return undefined;
    });
    if (!listing) return;
    for (const name of listing.images) images.push(prefix + name);
    for (const kind of listing.others) leaveOut(kind);
    for (const name of listing.unsure) {
      const kind = await kindOfFile(join(folder, name)).catch(() => undefined);
      if (kind === undefined || kind === "dicom") leaveOut(kind === "dicom" ? "DICOM" : "");
      else images.push(prefix + name);
    }
    for (const name of listing.folders) await search(join(folder, name), `${prefix}${name}/`);
  }

  await search(root, "");
  const leftOut = [...counts].map(([kind, count]) => ({ kind, count }));
  leftOut.sort((one, other) => other.count - one.count || (one.kind < other.kind ? -1 : 1));
  return { images: images.sort(), leftOut };
}

/**
 * What a folder holds; undefined when its real path is in `seen`, which then has it.
 * @param seen real paths of folders already searched, so that a cycle of links ends
 */
export async function listOnce(folder: string, seen: Set<string>): Promise<Listing | undefined> {
  const real = await realpath(folder);
  if (seen.has(real)) return undefined;
  seen.add(real);
  return listFolder(folder);
}
