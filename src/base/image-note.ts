/** What is worth telling about all images of a data set together: their folder says it, and runs pass it on. */
import type { LeftOut } from "./errors.js";

/** How the samples of an image are stored. 8-bit unsigned ones need no range. */
export const numberTypes = ["uint16", "int8", "int16", "int32", "uint32", "float16", "float32"] as const;
export type NumberType = (typeof numberTypes)[number];

/** The smallest and the largest sample. */
export interface Extent {
  readonly min: number;
  readonly max: number;
}

/** What becomes 0, and what becomes 255. */
export interface PixelRange {
  readonly black: number;
  readonly white: number;
}

/** Counts are of images where nothing else is said. */
export type ImageNote =
  /** Files that are no images, by their ending. */
  | { readonly type: "images-left-out"; readonly kinds: readonly LeftOut[] }
  /** Of files, or of images whose numbers have no range of their own, before any is decoded. */
  | { readonly type: "images-examining"; readonly done: number; readonly total: number }
  /** Files of several images, how many these have, and pages that are only smaller copies. */
  | {
      readonly type: "image-stacks";
      readonly files: number;
      readonly images: number;
      readonly thumbnails: number;
    }
  /** What is black and white in all images whose samples are such numbers, and between which they lie. */
  | ({ readonly type: "pixel-range"; readonly numbers: NumberType; readonly images: number } & Extent &
      PixelRange)
  /** Images that cannot be used, by reason, the most frequent first; `images` can. */
  | {
      readonly type: "images-unusable";
      readonly unusable: number;
      readonly images: number;
      readonly reasons: readonly { readonly reason: string; readonly count: number }[];
    }
  /** Images that are one single brightness, of all. */
  | { readonly type: "images-flat"; readonly flat: number; readonly images: number; readonly first: string };
