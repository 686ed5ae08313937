/** The bytes of an image file -> square planes of pixels at the training's resolution. */
import { GuardapesosError } from "../base/errors.js";
import { invariant } from "../base/invariant.js";
import { decodeBitmap } from "./bmp.js";
import { imagePages, readerOf, tiffProblem, type ImageFile } from "./image-pages.js";
import { brightnessOf, readSamples, type Samples } from "./image-samples.js";
import { rangeOf, type PixelRanges } from "./pixel-range.js";
import { loadSharp, type Picture } from "./sharp.js";

export interface DecodeOptions {
  /** Which image of the file, from 0. */
  readonly page?: number;
  /** What is black and what is white in images that are not made of bytes. Without it: the image's own. */
  readonly ranges?: PixelRanges;
}

/**
 * Decodes, turns as the camera's orientation says, squashes to a square as torchvision's `Resize((R, R))` does (the
 * triangle filter, with antialiasing), and converts to grey or sRGB, 8 bits, what is transparent over black.
 *
 * Rejects with the decoder's message when the file is cut short, or cannot be decoded in full. A JPEG with flipped bits
 * that decodes to its last row is taken as it is: no decoder can tell. Mere warnings (an odd colour profile, a private
 * TIFF tag, a phone's unusual JPEG header) do not make an image unusable.
 * @param channels 1 or 3
 * @returns (channels, resolution, resolution) bytes
 * @throws IMAGE_NOT_READ when it is no image, or of a kind that is not read
 */
export async function decodeImage(
  file: Uint8Array,
  resolution: number,
  channels: number,
  { page = 0, ranges = {} }: DecodeOptions = {},
): Promise<Uint8Array> {
  const { image, size } = await openImage(file, page, ranges);
  const width = Math.min(size.width, resolution);
  const height = Math.min(size.height, resolution);
  const { data, info } = await image
    .resize(width, height, { fit: "fill", kernel: "linear" })
    .flatten({ background: "black" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  invariant(info.channels === channels, `sharp converts to ${channels} channels, not ${info.channels}`);
  const planes = new Uint8Array(channels * resolution * resolution);
  for (let channel = 0; channel < channels; channel++) {
    const plane = planes.subarray(channel * resolution ** 2, (channel + 1) * resolution ** 2);
    if (width === resolution && height === resolution) {
      for (let i = 0; i < plane.length; i++) plane[i] = data[i * channels + channel]!;
    } else {
      enlarge({ data, width, height, stride: channels, offset: channel }, plane, resolution);
    }
  }
  return planes;
}

/** The samples of an image that is not made of bytes; undefined for any other. Rejects as `decodeImage` does. */
export async function samplesOf(file: Uint8Array, page: number): Promise<Samples | undefined> {
  return samplesIn(file, await imageFile(file, page), page);
}

async function imageFile(file: Uint8Array, page: number): Promise<ImageFile> {
  const found = await imagePages(readerOf(file), () => Promise.resolve(file));
  const directory = found.tiff[page];
  const problem = directory
    ? tiffProblem(directory, found.tiff.length)
    : isAnimatedPng(file, found)
      ? animated
      : undefined;
  if (problem) throw new GuardapesosError("IMAGE_NOT_READ", problem);
  return found;
}

const animated = { problem: "animated-png" } as const;

/** The decoder would take its first picture alone. */
function isAnimatedPng(file: Uint8Array, { kind }: ImageFile): boolean {
  if (kind !== "png") return false;
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const control = bytes.indexOf("acTL");
  return control > 0 && control < bytes.indexOf("IDAT");
}

async function samplesIn(file: Uint8Array, { pages, tiff }: ImageFile, page: number) {
  const numbers = pages.find((candidate) => candidate.page === page)?.numbers;
  return numbers && readSamples(file, numbers, tiff[page]);
}

interface Opened {
  /** Bytes, or 16 bits of brightness. */
  readonly image: Picture;
  /** As it is to be seen. */
  readonly size: { readonly width: number; readonly height: number };
}

async function openImage(file: Uint8Array, page: number, ranges: PixelRanges): Promise<Opened> {
  const found = await imageFile(file, page);
  const samples = await samplesIn(file, found, page);
  if (samples) return openSamples(samples, ranges);
  if (found.kind === "bmp") return openBitmap(file);
  const sharp = await loadSharp();
  const options = { failOn: "error", autoOrient: true, page } as const;
  const image = sharp(file, options);
  const { autoOrient: size, hasAlpha } = await image.metadata();
  const filler = found.tiff[page]?.photometric === 2 && found.tiff[page].extra[0] === 0;
  const hidden = filler || (hasAlpha && (await hidesAll(sharp(file, options))));
  return { image: hidden ? await withoutAlpha(sharp(file, options)) : image, size };
}

/** Whether transparency hides all of an image: a fault of the program that has written it. */
async function hidesAll(image: Picture): Promise<boolean> {
  const alpha = await image.extractChannel("alpha").toColourspace("b-w").raw({ depth: "uchar" }).toBuffer();
  return alpha.every((value) => value === 0);
}

/** Its colours alone. Taken apart first: making an image smaller weighs them by transparency. */
async function withoutAlpha(image: Picture): Promise<Picture> {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels } });
}

async function openSamples(samples: Samples, ranges: PixelRanges): Promise<Opened> {
  const { numbers, extent, width, height, colors: channels } = samples;
  const bright = brightnessOf(samples, ranges[numbers] ?? rangeOf(numbers, extent));
  const sharp = await loadSharp();
  return { image: sharp(bright, { raw: { width, height, channels } }), size: { width, height } };
}

async function openBitmap(file: Uint8Array): Promise<Opened> {
  const bitmap = decodeBitmap(file);
  if (!bitmap) throw new GuardapesosError("IMAGE_NOT_READ", { problem: "bitmap" });
  const { data, width, height } = bitmap;
  const sharp = await loadSharp();
  const image = sharp(data, { raw: { width, height, channels: 4 } });
  const hidden = data.every((value, i) => i % 4 !== 3 || value === 0);
  return { image: hidden ? await withoutAlpha(image) : image, size: { width, height } };
}

/** One channel among interleaved ones. */
interface Plane {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Elements from one pixel to the next, and before the first. */
  readonly stride: number;
  readonly offset: number;
}

/**
 * Bilinear enlargement to (resolution, resolution), pixel centres at halves, edges repeated. Ours because libvips, when
 * it enlarges, shifts the image by half a pixel and so blurs even the axis that keeps its size.
 */
export function enlarge(from: Plane, to: Uint8Array, resolution: number): void {
  const columns = samplePoints(from.width, resolution);
  const rows = samplePoints(from.height, resolution);
  // Of the two source rows that the current target row lies between, both enlarged along x.
  const stretch = (y: number): Float32Array => {
    const row = new Float32Array(resolution);
    const start = from.offset + y * from.width * from.stride;
    for (let x = 0; x < resolution; x++) {
      const left = from.data[start + columns.before[x]! * from.stride]!;
      const right = from.data[start + columns.after[x]! * from.stride]!;
      row[x] = left + (right - left) * columns.share[x]!;
    }
    return row;
  };
  let above: { y: number; row: Float32Array } = { y: -1, row: new Float32Array(0) };
  let below = above;
  for (let y = 0; y < resolution; y++) {
    const [before, after, share] = [rows.before[y]!, rows.after[y]!, rows.share[y]!];
    if (above.y !== before) above = below.y === before ? below : { y: before, row: stretch(before) };
    if (below.y !== after) below = above.y === after ? above : { y: after, row: stretch(after) };
    for (let x = 0; x < resolution; x++) {
      const value = above.row[x]!;
      to[y * resolution + x] = value + (below.row[x]! - value) * share + 0.5;
    }
  }
}

/** For each target position: the source positions before and after it, and how far it lies from the first. */
function samplePoints(source: number, target: number) {
  const before = new Int32Array(target);
  const after = new Int32Array(target);
  const share = new Float32Array(target);
  for (let i = 0; i < target; i++) {
    const position = Math.min(source - 1, Math.max(0, ((i + 0.5) * source) / target - 0.5));
    before[i] = Math.floor(position);
    after[i] = Math.min(source - 1, before[i]! + 1);
    share[i] = position - before[i]!;
  }
  return { before, after, share };
}
