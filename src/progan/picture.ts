/** Generated images -> PNG files. A picture appears whole or not at all: written beside its place, then renamed. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { loadSharp } from "./sharp.js";

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

/**
 * Writes all images as one PNG, row by row, without gaps; unused places at the end are black. Makes the folder.
 * @throws OUTPUT_NOT_WRITABLE
 */
export async function writeGrid(path: string, images: Images, options: GridOptions = {}): Promise<void> {
  const { count, channels, resolution } = images;
  const columns = options.columns ?? Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const pixels = new Uint8ClampedArray(rows * columns * channels * resolution ** 2);
  for (let index = 0; index < count; index++) {
    const left = (index % columns) * resolution;
    const top = Math.floor(index / columns) * resolution;
    interleave(images, index, pixels, (top * columns * resolution + left) * channels, columns * resolution);
  }
  const factor = Math.max(1, Math.ceil((options.tile ?? 1) / resolution));
  const png = await encode(pixels, columns * resolution, rows * resolution, channels, factor);
  await replaceFile(path, png);
}

/**
 * Writes each image as a PNG of its own: PREFIX_0001.png, PREFIX_0002.png, ... Makes the folder.
 * @returns the paths
 * @throws OUTPUT_NOT_WRITABLE
 */
export async function writeImages(folder: string, images: Images, prefix: string): Promise<string[]> {
  const { count, channels, resolution } = images;
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    const pixels = new Uint8ClampedArray(channels * resolution ** 2);
    interleave(images, index, pixels, 0, resolution);
    const path = join(folder, `${prefix}_${String(index + 1).padStart(4, "0")}.png`);
    await replaceFile(path, await encode(pixels, resolution, resolution, channels, 1));
    paths.push(path);
  }
  return paths;
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
  pixels: Uint8ClampedArray,
  width: number,
  height: number,
  channels: number,
  factor: number,
): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { width, height, channels: channels === 1 ? 1 : 3 } as const;
  return sharp(pixels, { raw, limitInputPixels: false })
    .resize(width * factor, height * factor, { kernel: "nearest", fit: "fill" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .png()
    .toBuffer();
}

let written = 0;

/** All or nothing, whatever was there before. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${written++}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path, reason: reasonOf(error) }, error);
  }
}
