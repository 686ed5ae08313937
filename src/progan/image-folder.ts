/**
 * A folder on disk -> the images to train on. Finds them, looks at how they are stored, and reads them; a file that
 * cannot be used is told once and left out, because no single file may stop a training.
 */
import { createHash } from "node:crypto";
import { lstat, open, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { GuardapesosError, isGuardapesosError, reasonOf, type ImageProblem } from "../base/errors.js";
import {
  numberTypes,
  type Extent,
  type ImageFault,
  type ImageNote,
  type NumberType,
  type PixelRange,
} from "../base/image-note.js";
import { createReportPace } from "../base/report-pace.js";
import { chooseFolder } from "./folder-layout.js";
import { findImages } from "./folder-listing.js";
import { createImageCache, inTurn, type CacheOptions } from "./image-cache.js";
import { decodeImage, samplesOf } from "./image-decode.js";
import { imagePages, type ImageFile } from "./image-pages.js";
import { decodesAtOnce, fileLabel, type ImageSource, type PrepareOptions } from "./image-source.js";
import { rangeOf, widened } from "./pixel-range.js";
import { createPresence, isGone, type PresenceOptions } from "./presence.js";
import { resolutions } from "./config.js";

export interface ImageFolderOptions extends CacheOptions, Pick<PresenceOptions, "every"> {
  /** Holds images, or class folders that do. */
  readonly folder: string;
  /** Which class folder, "." for all of them; with none there, merely what the images are called. */
  readonly className: string | undefined;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  /** Told once for each file, sub-folder or page (from 1) that cannot be used. */
  readonly onSkipped: (path: string, fault: ImageFault, page?: number) => void;
  /** Told of what is worth knowing about all of them together. */
  readonly onNote?: (note: ImageNote) => void;
}

/** One image of a file. */
interface Item {
  readonly name: string;
  readonly page: number;
  /** The file has others. */
  readonly several: boolean;
  readonly numbers: NumberType | undefined;
}

/** What was found out about all images before the first was decoded. */
interface Survey {
  readonly items: readonly Item[];
  readonly ranges: ReadonlyMap<NumberType, PixelRange>;
}

export interface ImageFolder extends ImageSource {
  readonly className: string;
  /** Looks into every file, once: how many images there are, a file may hold several. */
  count(): Promise<number>;
  /**
   * Whether a fingerprint of so many images is of these. Decodes them only where it could be of those among them that can be
   * used.
   */
  isThat(before: { readonly fingerprint: string; readonly images: number }): Promise<boolean>;
}

/**
 * Finds the images: JPEG, PNG, WebP, TIFF, GIF and BMP, by content where the name has no ending, sub-folders and links
 * included, hidden names not, sorted by name. Every page of a file is an image.
 * @throws FOLDER_NOT_FOUND, FOLDER_NOT_READABLE, CLASS_NEEDED, UNKNOWN_CLASS, NO_IMAGES
 */
export async function openImageFolder(options: ImageFolderOptions): Promise<ImageFolder> {
  const { channels, onSkipped, onNote = () => undefined } = options;
  const root = resolve(options.folder);
  const { folder, label } = await chooseFolder(root, options.className);
  const { images: names, leftOut } = await findImages(folder, onSkipped);
  if (names.length === 0) throw new GuardapesosError("NO_IMAGES", { folder, leftOut });
  const files = createFileReader(folder);
  const pathOf = ({ name }: Item): string => join(folder, name);
  /** Why an image cannot be used; it stays out for good, so that all resolutions train on the same images. */
  const unusable = new Map<Item, ImageFault>();
  const tellUnusable = (item: Item, error: unknown): void => {
    unusable.set(item, faultOf(error));
    onSkipped(pathOf(item), faultOf(error), item.several ? item.page + 1 : undefined);
    if (survey !== undefined) presence.gone(pathOf(item));
  };
  const lost = new Set<Item>();
  const sizes = new Map<string, number>();
  const samples = new Map<string, number>();
  const flat = new Set<Item>();
  const cache = createImageCache(options);
  const presence = createPresence({ folder, every: options.every });
  presence.watch(names.map((name) => join(folder, name)));

  let listed: Promise<readonly Item[]> | undefined;
  const list = (passing: Partial<PrepareOptions>): Promise<readonly Item[]> => {
    listed ??= listItems(folder, names, { ...passing, onUnusable: tellUnusable, onNote });
    // Whoever was interrupted may look again.
    listed.catch(() => (listed = undefined));
    return listed;
  };
  let survey: Survey | undefined;

  async function examine(passing: PrepareOptions): Promise<Survey> {
    if (leftOut.length > 0) onNote({ type: "images-left-out", kinds: leftOut });
    const items = await list(passing);
    const ranges = await findRanges(items, files.read, { ...passing, onUnusable: tellUnusable, onNote });
    return { items, ranges };
  }

  const source: ImageSource = {
    className: label,
    label: fileLabel(label),
    description: folder,
    origin: root,
    files: names.length,
    async prepare(resolution, passing) {
      const first = survey === undefined;
      const { items, ranges } = survey ?? (await examine(passing));
      const { usable, pixels } = await cache.fill(
        items.filter((item) => !unusable.has(item)),
        {
          async load(item) {
            const file = await files.read(item);
            sizes.set(item.name, file.length);
            if (!samples.has(item.name) || !item.several) samples.set(item.name, contentSample(file));
            const planes = await decodeImage(file, resolution, channels, {
              page: item.page,
              ranges: Object.fromEntries(ranges),
            });
            if (first && planes.every((value) => value === planes[0])) flat.add(item);
            return planes;
          },
          imageBytes: channels * resolution ** 2,
          atOnce: decodesAtOnce,
          onProgress: passing.onProgress,
          signal: passing.signal,
          onUnusable: tellUnusable,
          onLost(item, error) {
            if (lost.has(item)) return;
            lost.add(item);
            onSkipped(pathOf(item), faultOf(error), item.several ? item.page + 1 : undefined);
            presence.gone(pathOf(item));
          },
        },
      );
      if (first) {
        // What was found and is gone already is no image that never could be used.
        for (const item of unusable.keys())
          if (await isGone(pathOf(item), lstat)) presence.gone(pathOf(item));
        presence.watch([...new Set(usable.map(pathOf))]);
      }
      survey = { items, ranges };
      if (usable.length === 0) throw nothingUsable(folder, unusable);
      if (first) tellOfAll(usable.length, unusable, [...flat].map(pathOf), onNote);
      return {
        count: usable.length,
        resolution,
        channels,
        fingerprint: fingerprintOf(usable, sizes),
        sample: fingerprintOf(usable, samples),
        pixels,
      };
    },
    look: () => presence.look(),
    releaseDisk: () => cache.releaseDisk(),
  };
  return {
    ...source,
    className: label,
    count: async () => (await list({})).length,
    async isThat({ fingerprint, images }) {
      const sizesNow = await sizesOf(folder, names);
      // As versions counted that took the first page of each file alone.
      const firsts = names.map((name) => ({ name, page: 0 }));
      if (images === names.length && fingerprintOf(firsts, sizesNow) === fingerprint) return true;
      const items = await list({});
      if (images > items.length) return false;
      if (fingerprintOf(items, sizesNow) === fingerprint) return true;
      if (images === items.length) return false;
      const usable = await source
        .prepare(resolutions[0], { onProgress: () => undefined })
        .catch(() => undefined);
      return usable?.fingerprint === fingerprint;
    },
  };
}

/** Bytes of each file; NaN where it cannot be asked for them. */
async function sizesOf(folder: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const sizeOf = async (name: string): Promise<number> => (await stat(join(folder, name))).size;
  for await (const { item, result } of inTurn(names, headersAtOnce, sizeOf, undefined)) {
    sizes.set(item, "value" in result ? result.value : NaN);
  }
  return sizes;
}

/** Reads files whole; the newest stack stays in memory, because its pages are asked for one after the other. */
function createFileReader(folder: string) {
  let newest: { readonly name: string; readonly bytes: Promise<Uint8Array> } | undefined;
  return {
    read: ({ name, several }: Item): Promise<Uint8Array> => {
      if (newest?.name === name) return newest.bytes;
      const bytes = readFile(join(folder, name));
      newest = several ? { name, bytes } : undefined;
      return bytes;
    },
  };
}

interface Passing extends Partial<PrepareOptions> {
  readonly onUnusable: (item: Item, error: unknown) => void;
  readonly onNote: (note: ImageNote) => void;
}

/** Looks into the header of every file. */
async function listItems(
  folder: string,
  names: readonly string[],
  { signal, onUnusable, onNote }: Passing,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  const stacks = { files: 0, images: 0, thumbnails: 0 };
  const isTime = createReportPace();
  let done = 0;
  for await (const { item: name, result } of inTurn(
    names,
    headersAtOnce,
    (one) => headerOf(join(folder, one)),
    signal,
  )) {
    if ("error" in result) {
      const item = { name, page: 0, several: false, numbers: undefined };
      items.push(item);
      onUnusable(item, result.error);
    } else {
      const { pages, thumbnails } = result.value;
      const several = pages.length > 1;
      for (const { page, numbers } of pages) items.push({ name, page, several, numbers });
      stacks.thumbnails += thumbnails;
      if (several) [stacks.files, stacks.images] = [stacks.files + 1, stacks.images + pages.length];
    }
    done++;
    if (names.length > manyFiles && isTime(done === names.length)) {
      onNote({ type: "images-examining", done, total: names.length });
    }
  }
  if (stacks.files > 0 || stacks.thumbnails > 0) onNote({ type: "image-stacks", ...stacks });
  return items;
}

/** Files whose headers are read at once: that waits for the disk, not for the processor. */
const headersAtOnce = 16;
/** From here on it takes so long that its progress is told. */
const manyFiles = 1000;

async function headerOf(path: string): Promise<ImageFile> {
  const file = await open(path, "r");
  try {
    return await imagePages(
      async (offset, length) => {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      },
      () => readFile(path),
    );
  } finally {
    await file.close();
  }
}

/** Looks at every pixel of the images that are not made of bytes: one answer for all of them. */
async function findRanges(
  items: readonly Item[],
  read: (item: Item) => Promise<Uint8Array>,
  { signal, onUnusable, onNote }: Passing,
): Promise<ReadonlyMap<NumberType, PixelRange>> {
  const extents = new Map<NumberType, Extent>();
  const counts = new Map<NumberType, number>();
  const numbered = items.filter(({ numbers }) => numbers !== undefined);
  const extentOf = async (item: Item) => (await samplesOf(await read(item), item.page))?.extent;
  const isTime = createReportPace();
  let done = 0;
  for await (const { item, result } of inTurn(numbered, decodesAtOnce, extentOf, signal)) {
    const numbers = item.numbers!;
    if ("error" in result) onUnusable(item, result.error);
    else if (result.value) {
      extents.set(numbers, widened(extents.get(numbers), result.value));
      counts.set(numbers, (counts.get(numbers) ?? 0) + 1);
    }
    done++;
    if (isTime(done === numbered.length)) {
      onNote({ type: "images-examining", done, total: numbered.length });
    }
  }
  const ranges = new Map<NumberType, PixelRange>();
  for (const numbers of numberTypes) {
    const extent = extents.get(numbers);
    if (!extent) continue;
    const range = rangeOf(numbers, extent);
    ranges.set(numbers, range);
    onNote({ type: "pixel-range", numbers, images: counts.get(numbers)!, ...extent, ...range });
  }
  return ranges;
}

function nothingUsable(folder: string, unusable: ReadonlyMap<Item, ImageFault>): GuardapesosError {
  const [[item, fault] = [undefined, { reason: "" }]] = unusable;
  return new GuardapesosError("IMAGES_UNREADABLE", {
    folder,
    first: join(folder, item?.name ?? ""),
    ...fault,
  });
}

/** What the first look at every image has shown. */
function tellOfAll(
  images: number,
  unusable: ReadonlyMap<Item, ImageFault>,
  flat: readonly string[],
  onNote: (note: ImageNote) => void,
): void {
  if (unusable.size > 0) {
    const counts = new Map<string, ImageFault & { readonly count: number }>();
    for (const fault of unusable.values())
      counts.set(fault.reason, { ...fault, count: (counts.get(fault.reason)?.count ?? 0) + 1 });
    const reasons = [...counts.values()];
    reasons.sort((one, other) => other.count - one.count);
    onNote({ type: "images-unusable", unusable: unusable.size, images, reasons });
  }
  const [first] = flat;
  if (first !== undefined) onNote({ type: "images-flat", flat: flat.length, images, first });
}

/** Pieces of a file that are looked at, and bytes in each: of most files, all. */
const [samplePieces, samplePiece] = [16, 2 ** 16];

/** CRC-32 of a file, or of pieces all through it where it is large, so that looking never holds anything up. */
function contentSample(file: Uint8Array): number {
  if (file.length <= samplePieces * samplePiece) return crc32(file);
  let crc = 0;
  for (let piece = 0; piece < samplePieces; piece++) {
    const start = Math.floor(((file.length - samplePiece) * piece) / (samplePieces - 1));
    crc = crc32(file.subarray(start, start + samplePiece), crc);
  }
  return crc;
}

/**
 * SHA-256 over names and a number of each file, its size or a sample of it, its first 16 hex digits; NFC, because macOS may store names decomposed. A file's first
 * page counts as the file, so that data of single pages keeps the fingerprint it always had.
 */
function fingerprintOf(
  items: readonly Pick<Item, "name" | "page">[],
  numbers: ReadonlyMap<string, number>,
): string {
  const hash = createHash("sha256");
  for (const { name, page } of items) {
    hash.update(`${name.normalize()}\0${numbers.get(name)!}${page === 0 ? "" : `\0${page}`}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Why an image cannot be used. */
function faultOf(error: unknown): ImageFault {
  const reason = oneLine(error);
  return isGuardapesosError(error) && error.code === "IMAGE_NOT_READ"
    ? { reason, problem: error.data as ImageProblem }
    : { reason };
}

/** The decoder's message; libvips writes several lines, some of them again and again. */
function oneLine(error: unknown): string {
  const lines = reasonOf(error)
    .split("\n")
    .map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line !== "").join("; ");
}
