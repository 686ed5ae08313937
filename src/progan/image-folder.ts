/**
 * A folder on disk -> the images to train on. Decides which folder is meant (the folder itself, or one class in it) and
 * reads files; a file that cannot be used is told once and left out, because no single file may stop a training.
 */
import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { readFile, readdir, realpath, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { createImageCache, type CacheOptions } from "./image-cache.js";
import { decodeImage } from "./image-decode.js";
import { resolutions } from "./config.js";
import { decodesAtOnce, fileLabel, type ImageSource } from "./image-source.js";

const imageEnding = /\.(?:jpe?g|png|webp|tiff?)$/i;

export interface ImageFolderOptions extends CacheOptions {
  /** Holds images, or class folders that do. */
  readonly folder: string;
  /** Which class folder; with none there, merely what the images are called. */
  readonly className: string | undefined;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** Told once for each file or sub-folder that cannot be used. */
  readonly onSkipped: (path: string, reason: string) => void;
}

export interface ImageFolder extends ImageSource {
  readonly className: string;
  /**
   * Whether a fingerprint of so many images is of these. Decodes them only where it could be of those among them that can be
   * used.
   */
  isThat(before: { readonly fingerprint: string; readonly images: number }): Promise<boolean>;
}

/**
 * Finds the images: JPEG, PNG, WebP and TIFF, sub-folders and links included, hidden names not, sorted by name.
 * @throws FOLDER_NOT_FOUND, FOLDER_NOT_READABLE, CLASS_NEEDED, UNKNOWN_CLASS, NO_IMAGES
 */
export async function openImageFolder(options: ImageFolderOptions): Promise<ImageFolder> {
  const { channels, onSkipped } = options;
  const { folder, label } = await chooseFolder(resolve(options.folder), options.className);
  const names: string[] = [];
  for await (const name of imagesUnder(folder, onSkipped)) names.push(name);
  if (names.length === 0) throw new GuardapesosError("NO_IMAGES", { folder });
  // By UTF-16 code units, the same everywhere, unlike the order of a locale or of a file system.
  names.sort();

  /** Why a file cannot be used; it stays out for good, so that all resolutions train on the same images. */
  const unusable = new Map<string, string>();
  const lost = new Set<string>();
  const sizes = new Map<string, number>();
  const cache = createImageCache(options);

  const source: ImageSource = {
    className: label,
    label: fileLabel(label),
    description: folder,
    files: names.length,
    async prepare(resolution, { onProgress, signal }) {
      const { usable, pixels } = await cache.fill(
        names.filter((name) => !unusable.has(name)),
        {
          async load(name) {
            const file = await readFile(join(folder, name));
            sizes.set(name, file.length);
            return decodeImage(file, resolution, channels);
          },
          imageBytes: channels * resolution ** 2,
          atOnce: decodesAtOnce,
          onProgress,
          signal,
          onUnusable(name, error) {
            unusable.set(name, oneLine(error));
            onSkipped(join(folder, name), oneLine(error));
          },
          onLost(name, error) {
            if (lost.has(name)) return;
            lost.add(name);
            onSkipped(join(folder, name), oneLine(error));
          },
        },
      );
      if (usable.length === 0) {
        const [[name, reason] = ["", ""]] = unusable;
        throw new GuardapesosError("IMAGES_UNREADABLE", { folder, first: join(folder, name), reason });
      }
      return {
        count: usable.length,
        resolution,
        channels,
        fingerprint: fingerprintOf(usable.map((name) => [name, sizes.get(name)!])),
        pixels,
      };
    },
    releaseDisk: () => cache.releaseDisk(),
  };
  return {
    ...source,
    className: label,
    async isThat({ fingerprint, images }) {
      if (images > names.length) return false;
      const all = names.map(async (name) => [name, (await stat(join(folder, name))).size] as const);
      const files = await Promise.all(all).catch(() => []);
      if (fingerprintOf(files) === fingerprint) return true;
      if (images === names.length) return false;
      const usable = await source
        .prepare(resolutions[0], { onProgress: () => undefined })
        .catch(() => undefined);
      return usable?.fingerprint === fingerprint;
    },
  };
}

/** Which folder holds the images that were asked for, and what they are called. */
async function chooseFolder(
  root: string,
  className: string | undefined,
): Promise<{ readonly folder: string; readonly label: string }> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (missing) throw new GuardapesosError("FOLDER_NOT_FOUND", { folder: root }, error);
    throw new GuardapesosError("FOLDER_NOT_READABLE", { folder: root, reason: reasonOf(error) }, error);
  });
  const top = await sortOut(root, entries);
  const classes: string[] = [];
  for (const name of top.folders) if (await hasImages(join(root, name))) classes.push(name);

  if (className !== undefined) {
    const alike = [String, (name: string) => name.normalize(), loose].map((form) =>
      top.folders.filter((name) => form(name) === form(className)),
    );
    const [found, ...others] = alike.find((names) => names.length > 0) ?? [];
    if (others.length > 0) throw new GuardapesosError("CLASS_NEEDED", { folder: root, classes });
    if (found !== undefined) return { folder: join(root, found), label: found };
    if (classes.length > 0) {
      throw new GuardapesosError("UNKNOWN_CLASS", { folder: root, wanted: className, classes });
    }
    return { folder: root, label: className };
  }
  // Images beside several class folders are more likely strays than a class of their own: ask, and mix nothing.
  if (classes.length > 1) throw new GuardapesosError("CLASS_NEEDED", { folder: root, classes });
  const [only] = classes;
  if (only !== undefined && top.images.length === 0) return { folder: join(root, only), label: only };
  return { folder: root, label: basename(root) };
}

const loose = (name: string): string => name.normalize().toLowerCase();

/** Names of the sub-folders and of the images among the entries of a folder, links followed, sorted. */
async function sortOut(folder: string, entries: readonly Dirent[]) {
  const folders: string[] = [];
  const images: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    // A link that leads nowhere counts as a file: reading it will fail, and that will be told.
    const target = entry.isSymbolicLink()
      ? await stat(join(folder, entry.name)).catch(() => undefined)
      : entry;
    if (target?.isDirectory()) folders.push(entry.name);
    else if (imageEnding.test(entry.name) && (target === undefined || target.isFile()))
      images.push(entry.name);
  }
  return { folders: folders.sort(), images: images.sort() };
}

/**
 * Yields the path of every image under a folder, relative to it, with "/" between names on every system.
 * @param seen real paths of folders already searched, so that a cycle of links ends
 */
async function* imagesUnder(
  folder: string,
  onUnreadable: (path: string, reason: string) => void,
  prefix = "",
  seen = new Set<string>(),
): AsyncGenerator<string> {
  const found = await searchOnce(folder, seen).catch((error: unknown) => {
    onUnreadable(folder, reasonOf(error));
    return undefined;
  });
  if (found === undefined) return;
  for (const name of found.images) yield prefix + name;
  for (const name of found.folders) {
    yield* imagesUnder(join(folder, name), onUnreadable, `${prefix}${name}/`, seen);
  }
}

/** What a folder holds; undefined when its real path is in `seen`, which then has it. */
async function searchOnce(folder: string, seen: Set<string>) {
  const real = await realpath(folder);
  if (seen.has(real)) return undefined;
  seen.add(real);
  return sortOut(folder, await readdir(folder, { withFileTypes: true }));
}

async function hasImages(folder: string): Promise<boolean> {
  const { done } = await imagesUnder(folder, () => undefined).next();
  return done !== true;
}

/** SHA-256 over names and sizes, its first 16 hex digits; NFC, because macOS may store names decomposed. */
function fingerprintOf(files: readonly (readonly [name: string, bytes: number])[]): string {
  const hash = createHash("sha256");
  for (const [name, bytes] of files) hash.update(`${name.normalize()}\0${bytes}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** The decoder's message; libvips writes several lines, some of them again and again. */
function oneLine(error: unknown): string {
  const lines = reasonOf(error)
    .split("\n")
    .map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line !== "").join("; ");
}
