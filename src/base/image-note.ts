/** What is worth telling about all images of a data set together: their folder says it, and runs pass it on. */
import type { ImageProblem, LeftOut } from "./errors.js";

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

/** Why an image cannot be used: ours as data, or the decoder's words. Of ours, `reason` is its data once more, in one text. */
export interface ImageFault {
  readonly reason: string;
  readonly problem?: ImageProblem | undefined;
}

/** Why decoded images are not kept on a disk. `detail`: the system's words, empty for other reasons. */
export interface SpillTrouble {
  /** The one that failed, or all that there are. */
  readonly folders: readonly string[];
  /** Too little room; it gave back something else than was written; none of the folders is on a disk; the system's failure. */
  readonly reason: "full" | "changed" | "no-disk" | "system";
  readonly detail: string;
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
      readonly reasons: readonly (ImageFault & { readonly count: number })[];
    }
  /** Images that are one single brightness, of all. */
  | { readonly type: "images-flat"; readonly flat: number; readonly images: number; readonly first: string };
