/** A file -> the images in it, by its headers alone: how many there are, how their numbers are stored, what is not read. */
import { GuardapesosError, type ImageProblem } from "../base/errors.js";
import { headBytes, kindOf, type ImageKind } from "./image-kind.js";
import type { NumberType } from "../base/image-note.js";
import { loadSharp } from "./sharp.js";
import { tiffPages, type ReadAt, type TiffPage } from "./tiff.js";

/** One image of a file. */
export interface ImagePage {
  /** As the decoder counts them, from 0. */
  readonly page: number;
  /** How its samples are stored; undefined for bytes, which need no range. */
  readonly numbers: NumberType | undefined;
}

export interface ImageFile {
  readonly kind: ImageKind;
  /** Never empty. */
  readonly pages: readonly ImagePage[];
  /** Pages that are only a smaller copy or a mask of another. */
  readonly thumbnails: number;
  /** Of a TIFF: every page. */
  readonly tiff: readonly TiffPage[];
}

const refuse = (problem: ImageProblem): never => {
  throw new GuardapesosError("IMAGE_NOT_READ", problem);
};

/** Reads from bytes that are in memory. */
export const readerOf =
  (file: Uint8Array): ReadAt =>
  (offset, length) =>
    Promise.resolve(file.subarray(offset, offset + length));

/**
 * What a file holds. A page that cannot be read is among the pages: decoding it says why.
 * @param whole reads all of the file; only asked for where frames have to be counted
 * @throws IMAGE_NOT_READ when it is no image, or none that is read
 */
export async function imagePages(read: ReadAt, whole: () => Promise<Uint8Array>): Promise<ImageFile> {
  const head = await read(0, headBytes);
  const kind = kindOf(head);
  if (kind === "dicom") return refuse({ problem: "dicom" });
  if (kind === undefined) return refuse({ problem: head.length === 0 ? "empty" : "no-image" });
  if (kind === "tiff") return tiffFile(await tiffPages(read));
  const frames = kind === "gif" || (kind === "webp" && isAnimated(head)) ? await framesOf(await whole()) : 1;
  const numbers = kind === "png" && head[24] === 16 ? "uint16" : undefined;
  return {
    kind,
    pages: Array.from({ length: frames }, (_, page) => ({ page, numbers })),
    thumbnails: 0,
    tiff: [],
  };
}

/** Of a WebP: its extended header has a bit for that. */
const isAnimated = (head: Uint8Array): boolean =>
  String.fromCharCode(...head.subarray(12, 16)) === "VP8X" && (head[20]! & 0b10) !== 0;

async function framesOf(file: Uint8Array): Promise<number> {
  const sharp = await loadSharp();
  const { pages = 1 } = await sharp(file).metadata();
  return pages;
}

function tiffFile(tiff: readonly TiffPage[]): ImageFile {
  // Where a file is cut before its first page, the decoder says so better.
  const first = { page: 0, numbers: undefined };
  const pictures = tiff.filter((page) => !isThumbnail(page, tiff));
  const pages = pictures.map((page) => ({ page: page.index, numbers: numbersOf(page) }));
  return {
    kind: "tiff",
    pages: pages.length > 0 ? pages : [first],
    thumbnails: tiff.length - pictures.length,
    tiff,
  };
}

/** One that says so, or is less than half as wide and as high as another page: the slices of a stack are all alike. */
function isThumbnail(page: TiffPage, all: readonly TiffPage[]): boolean {
  const full = all.filter(({ reduced }) => !reduced);
  if (page.reduced) return full.length > 0;
  return full.some(({ width, height }) => 2 * page.width < width && 2 * page.height < height);
}

/** How the samples of a TIFF page are stored; undefined for 8 bits and fewer, and for what `tiffProblem` refuses. */
export function numbersOf(page: TiffPage): NumberType | undefined {
  const [bits] = page.bits;
  if (page.sampleFormat === 3) return bits === 16 ? "float16" : bits === 32 ? "float32" : undefined;
  if (page.sampleFormat === 2) {
    return bits === 8 ? "int8" : bits === 16 ? "int16" : bits === 32 ? "int32" : undefined;
  }
  // Ink and Lab have their own 16 bits, which the decoder knows.
  if (page.photometric > 2) return undefined;
  return bits === 16 ? "uint16" : bits === 32 ? "uint32" : undefined;
}

const jpegCompressions: readonly number[] = [6, 7];
/** Colour channels of each way to say colours that is read: grey twice, RGB, palette, mask, CMYK, YCbCr, Lab. */
const colorChannels: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3 };

/** Why a page of a TIFF of so many is not read; undefined when it is. */
export function tiffProblem(page: TiffPage, pages: number): ImageProblem | undefined {
  const { bits, samples, sampleFormat, photometric, extra, compression, predictor } = page;
  if (page.slices > 1) return { problem: "slices", slices: page.slices };
  if (page.announced > pages) return { problem: "slices", slices: page.announced };
  const [depth = 1] = bits;
  const whole = sampleFormat === 1 || sampleFormat === 4;
  const depths = whole
    ? [1, 2, 4, 8, 16, 32]
    : sampleFormat === 2
      ? [8, 16, 32]
      : sampleFormat === 3
        ? [16, 32]
        : [];
  // The decoder undoes the difference of halves no more than that of signed numbers.
  const halfDifference = predictor === 3 && depth !== 32;
  if (bits.length > 1 || !depths.includes(depth) || halfDifference) {
    return { problem: "numbers", bits: Math.max(...bits), format: formatNames[sampleFormat] ?? "unknown" };
  }
  const colors = colorChannels[photometric];
  const raw = photometric === 6 && !jpegCompressions.includes(compression);
  const bytesOnly = photometric > 2 && (numbersOf(page) !== undefined || depth > 16);
  if (colors === undefined || raw || bytesOnly) return { problem: "colors", photometric };
  const further = samples - colors;
  const alpha = further === 1 && (extra[0] === 1 || extra[0] === 2);
  const filler = further === 1 && photometric === 2;
  if (further !== 0 && !alpha && !filler) return { problem: "channels", channels: samples };
  return undefined;
}

const formatNames: Readonly<Record<number, "unsigned" | "signed" | "float" | "complex">> = {
  1: "unsigned",
  2: "signed",
  3: "float",
  5: "complex",
  6: "complex",
};
