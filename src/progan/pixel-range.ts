/**
 * Which numbers of an image are black and white, where its file does not say: in all but 8-bit images. One answer for
 * all images of a folder, from the smallest and the largest number in it, so that brightness means the same in each. Pure.
 */

import type { Extent, NumberType, PixelRange } from "../base/image-note.js";

export type PixelRanges = Readonly<Partial<Record<NumberType, PixelRange>>>;

export const widened = (one: Extent | undefined, other: Extent): Extent =>
  one ? { min: Math.min(one.min, other.min), max: Math.max(one.max, other.max) } : other;

const depths: readonly number[] = Array.from({ length: 25 }, (_, i) => 8 + i);

/** What whole numbers of so many bits hold, from 8 to 32. */
const unsigned: readonly PixelRange[] = depths.map((bits) => ({ black: 0, white: 2 ** bits - 1 }));
const signed: readonly PixelRange[] = depths.map((bits) => ({
  black: -(2 ** (bits - 1)),
  white: 2 ** (bits - 1) - 1,
}));
/** What programs usually store images in, the narrowest first. */
const usual: readonly PixelRange[] = [
  { black: 0, white: 1 },
  { black: -1, white: 1 },
  ...unsigned,
  ...signed,
].sort((one, other) => one.white - one.black - (other.white - other.black));

const holds = ({ black, white }: PixelRange, { min, max }: Extent): boolean => black <= min && max <= white;

/**
 * Whole numbers that are never negative: the smallest depth that holds the largest, so that 10 and 12 bits in 16 use all
 * of the brightness. Anything else: the smallest of the usual ranges, or just what there is where that would leave more
 * than half of the brightness unused.
 */
export function rangeOf(type: NumberType, extent: Extent): PixelRange {
  const { min, max } = extent;
  const counts =
    type === "uint16" || type === "uint32" || type === "int16" || type === "int32" || type === "int8";
  if (counts && min >= 0) return unsigned.find((range) => holds(range, extent))!;
  const range = usual.find((candidate) => holds(candidate, extent));
  if (range && 2 * (max - min) >= range.white - range.black) return range;
  // One single value has no contrast to be shown: it is black, as nothing.
  return { black: min, white: max > min ? max : min + 1 };
}
