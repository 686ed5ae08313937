/** Generated images -> files. A picture appears whole or not at all: written beside its place, then given its name. */
import { randomUUID } from "node:crypto";
import { link, lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { loadSharp, type Picture } from "./sharp.js";

/** Images as the networks make them, or as they were decoded. */
export interface Images {
  /**
   * (count, channels, resolution, resolution): floats from -1 black to 1 white, what lies outside is clamped, NaN is
   * black; or bytes from 0 to 255.
   */
  readonly data: Float32Array | Uint8Array;
  readonly count: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly resolution: number;
}

export interface GridOptions {
  /** Images in a row; about as many as rows when left out. */
  readonly columns?: number;
  /** Least pixels along an image's side: smaller ones are enlarged by a whole factor, pixels staying squares. */
  readonly tile?: number;
}

/** Writes them in the format that a file's name ends with. */
const formats: Readonly<
  Record<string, { readonly side: number; readonly written: (picture: Picture) => Picture }>
> = {
  ".png": { side: 2 ** 31 - 1, written: (picture) => picture.png() },
  ".jpg": { side: 65_535, written: (picture) => picture.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }) },
  ".webp": { side: 16_383, written: (picture) => picture.webp({ lossless: true }) },
  ".tif": { side: 2 ** 31 - 1, written: (picture) => picture.tiff({ compression: "deflate" }) },
};
const otherEndings: Readonly<Record<string, string>> = { ".jpeg": ".jpg", ".tiff": ".tif", "": ".png" };

/** Endings of pictures that can be written. */
export const pictureEndings = [...Object.keys(formats), ".jpeg", ".tiff"];

const formatOf = (path: string) => {
  const ending = extname(path).toLowerCase();
  return formats[otherEndings[ending] ?? ending];
};

/** Whether a picture can be written under a name: it ends as one of them does, or is a PNG without an ending. */
export function isPictureName(path: string): boolean {
  return formatOf(path) !== undefined;
}

/** Bytes of the largest grid: it lies in memory whole. */
const largestGrid = 2 ** 30;

/** A picture of many images, filled bit by bit. */
export interface Grid {
  /** Puts images at the next places. */
  add(images: Images): void;
  /**
   * Writes it in the format of its name. Makes the folder.
   * @throws OUTPUT_NOT_WRITABLE; OUTPUT_EXISTS when there is a file and it is not to be replaced
   */
  write(replace: boolean): Promise<void>;
}

/**
 * An empty grid, row by row, without gaps; places that stay unused are black.
 * REQUIRES: isPictureName(path)
 * @throws GRID_TOO_LARGE
 */
export function createGrid(
  path: string,
  { count, channels, resolution }: Omit<Images, "data">,
  options: GridOptions = {},
): Grid {
  const columns = options.columns ?? Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const factor = Math.max(1, Math.ceil((options.tile ?? 1) / resolution));
  const { side } = formatOf(path)!;
  const pixels = resolution * factor;
  const area = columns * rows * pixels ** 2 * channels;
  if (Math.max(columns, rows) * pixels > side || area > largestGrid) {
    const along = Math.min(Math.floor(side / pixels), Math.floor(Math.sqrt(largestGrid / channels) / pixels));
    throw new GuardapesosError("GRID_TOO_LARGE", { path, count, resolution, most: along ** 2 });
  }
  const picture = new Uint8ClampedArray(rows * columns * channels * resolution ** 2);
  let filled = 0;
  return {
    add(images) {
      for (let index = 0; index < images.count; index++, filled++) {
        const left = (filled % columns) * resolution;
        const top = Math.floor(filled / columns) * resolution;
        const place = (top * columns * resolution + left) * channels;
        interleave(images, index, picture, place, columns * resolution);
      }
    },
    async write(replace) {
      const size = [columns * resolution, rows * resolution] as const;
      const bytes = await encode(path, picture, ...size, channels, factor);
      if (replace) await replaceFile(path, bytes);
      else if (!(await createFile(path, bytes))) throw new GuardapesosError("OUTPUT_EXISTS", { path });
    },
  };
}

/**
 * Writes all images as one picture, see createGrid, over what was there.
 * @throws OUTPUT_NOT_WRITABLE, GRID_TOO_LARGE
 */
export async function writeGrid(path: string, images: Images, options: GridOptions = {}): Promise<void> {
  const grid = createGrid(path, images, options);
  grid.add(images);
  await grid.write(true);
}

/** Whether anything stands at a path, a link that leads nowhere included. */
export async function isTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Bytes that a file's name may have, with room for a number and an ending. */
const longestPrefix = 200;

/** The beginning of a name, as much of it as fits in a file's; whole characters. */
function shortened(name: string): string {
  let end = name.length;
  while (Buffer.byteLength(name.slice(0, end)) > longestPrefix) end--;
  return name.slice(0, end).replace(/[\uD800-\uDBFF]$/, "");
}

/**
 * Numbered PNG files in a folder: PREFIX_0001.png, PREFIX_0002.png, ..., after those that are there; none is ever
 * written over. Makes the folder.
 * @returns writes the image at `index` under the next number, and tells its path
 * @throws OUTPUT_NOT_WRITABLE
 */
export async function numberedPictures(
  folder: string,
  name: string,
): Promise<(images: Images, index: number) => Promise<string>> {
  const prefix = `${shortened(name)}_`;
  const taken = await mkdir(folder, { recursive: true })
    .then(() => readdir(folder))
    .catch((error: unknown) => {
      throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path: folder, reason: reasonOf(error) }, error);
    });
  const numbers = taken.map((file) =>
    file.startsWith(prefix) ? Number(/^(\d{4,15})\.png$/i.exec(file.slice(prefix.length))?.[1] ?? 0) : 0,
  );
  let next = numbers.reduce((most, number) => Math.max(most, number), 0) + 1;
  return async (images, index) => {
    const { channels, resolution } = images;
    const pixels = new Uint8ClampedArray(channels * resolution ** 2);
    interleave(images, index, pixels, 0, resolution);
    const bytes = await encode("", pixels, resolution, resolution, channels, 1);
    for (;;) {
      const path = join(folder, `${prefix}${String(next++).padStart(4, "0")}.png`);
      if (await createFile(path, bytes)) return path;
    }
  };
}

/** Planes of floats -> interleaved bytes, from element `offset` of a picture that is `width` pixels wide. */
function interleave(
  images: Images,
  index: number,
  picture: Uint8ClampedArray,
  offset: number,
  width: number,
): void {
  const { data, channels, resolution } = images;
  const [scale, shift] = data instanceof Uint8Array ? [1, 0] : [127.5, 1];
  for (let channel = 0; channel < channels; channel++) {
    const plane = (index * channels + channel) * resolution ** 2;
    for (let y = 0; y < resolution; y++) {
      const row = offset + y * width * channels + channel;
      for (let x = 0; x < resolution; x++) {
        picture[row + x * channels] = (data[plane + y * resolution + x]! + shift) * scale;
      }
    }
  }
}

async function encode(
  path: string,
  pixels: Uint8ClampedArray,
  width: number,
  height: number,
  channels: number,
  factor: number,
): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { width, height, channels: channels === 1 ? 1 : 3 } as const;
  const picture = sharp(pixels, { raw, limitInputPixels: false })
    .resize(width * factor, height * factor, { kernel: "nearest", fit: "fill" })
    .toColourspace(channels === 1 ? "b-w" : "srgb");
  return formatOf(path)!.written(picture).toBuffer();
}

/** All or nothing, whatever was there before. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await beside(path, bytes, async (temporary) => {
    await rename(temporary, path);
    return true;
  });
}

/** All or nothing, and nothing when there is a file already: then false. */
async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  return beside(path, bytes, async (temporary) => {
    try {
      await link(temporary, path);
      await rm(temporary);
      return true;
    } catch (error) {
      if (codeIn(error) === "EEXIST") return false;
      // A disk without hard links: the name is taken by an empty file, which the picture then replaces.
      const taken = await (await open(path, "wx").catch(unlessThere))?.close().then(() => true);
      if (taken === true) await rename(temporary, path);
      return taken === true;
    }
  });
}

const codeIn = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

function unlessThere(error: unknown): undefined {
  if (codeIn(error) !== "EEXIST") throw error;
}

/** Writes a temporary file beside `path` and hands it over; whatever happens, it does not stay. */
async function beside(
  path: string,
  bytes: Uint8Array,
  place: (temporary: string) => Promise<boolean>,
): Promise<boolean> {
  const folder = dirname(path);
  // Not after `path`: its name may be as long as one can be.
  const temporary = join(folder, `.guardapesos-${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, bytes, { flag: "wx" });
    const placed = await place(temporary);
    if (!placed) await rm(temporary, { force: true });
    return placed;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path, reason: reasonOf(error) }, error);
  }
}
