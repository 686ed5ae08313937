import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBitmap } from "./bmp.js";
import { decodeImage } from "./image-decode.js";

interface Parts {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** Blue, green, red, nothing. */
  readonly palette?: readonly number[];
  readonly masks?: readonly number[];
  readonly pixels: readonly number[];
}

/** A file as Windows wrote them in 1990. */
function bitmap({ width, height, bits, compression = 0, palette = [], masks = [], pixels }: Parts): Buffer {
  const start = 54 + 4 * masks.length + palette.length;
  const file = Buffer.alloc(start + pixels.length);
  file.write("BM");
  file.writeUInt32LE(start, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(bits, 28);
  file.writeUInt32LE(compression, 30);
  file.writeUInt32LE(palette.length / 4, 46);
  for (const [i, mask] of masks.entries()) file.writeUInt32LE(mask, 54 + 4 * i);
  file.set(palette, 54 + 4 * masks.length);
  file.set(pixels, start);
  return file;
}

const colors = [
  [10, 20, 30],
  [40, 50, 60],
  [70, 80, 90],
  [100, 110, 120],
] as const;
const palette = colors.flatMap(([red, green, blue]) => [blue, green, red, 0]);
/** Rows from the top, as the index of each pixel's colour. */
const wanted = (...indexes: readonly number[]): number[] =>
  indexes.flatMap((index) => [...(colors[index] ?? [0, 0, 0]), 255]);

const decoded = (parts: Parts): number[] => [...(decodeBitmap(bitmap(parts))?.data ?? [])];

describe("decodeBitmap", () => {
  it("reads palettes of 1, 4 and 8 bits, from the bottom up", () => {
    const shape = { width: 3, height: 2, palette };
    const pixels = [0b10100000, 0, 0, 0, 0b01000000, 0, 0, 0];
    expect(decoded({ ...shape, bits: 1, pixels })).toEqual(wanted(0, 1, 0, 1, 0, 1));
    expect(decoded({ ...shape, bits: 4, pixels: [0x21, 0x00, 0, 0, 0x30, 0x10, 0, 0] })).toEqual(
      wanted(3, 0, 1, 2, 1, 0),
    );
    expect(decoded({ ...shape, bits: 8, pixels: [2, 1, 0, 0, 3, 0, 9, 0] })).toEqual(
      wanted(3, 0, -1, 2, 1, 0),
    );
  });

  it("reads from the top down where the height is negative", () => {
    expect(decoded({ width: 1, height: -2, bits: 8, palette, pixels: [3, 0, 0, 0, 1, 0, 0, 0] })).toEqual(
      wanted(3, 1),
    );
  });

  it("reads runs of 8 bits, with all of their codes", () => {
    // The bottom row: two of 1, then three as they are; the top row: one left out, then 3.
    const pixels = [2, 1, 0, 3, 2, 3, 0, 0, 0, 0, 0, 2, 1, 0, 4, 3, 0, 1];
    expect(decoded({ width: 5, height: 2, bits: 8, compression: 1, palette, pixels })).toEqual(
      wanted(0, 3, 3, 3, 3, 1, 1, 2, 3, 0),
    );
  });

  it("reads runs of 4 bits", () => {
    const pixels = [3, 0x12, 0, 0, 0, 3, 0x31, 0x20, 0, 1];
    expect(decoded({ width: 3, height: 2, bits: 4, compression: 2, palette, pixels })).toEqual(
      wanted(3, 1, 2, 1, 2, 1),
    );
  });

  it("reads 16, 24 and 32 bits, a fourth byte being nothing", () => {
    const one = { width: 1, height: 1 };
    expect(decoded({ ...one, bits: 24, pixels: [30, 20, 10, 0] })).toEqual([10, 20, 30, 255]);
    expect(decoded({ ...one, bits: 32, pixels: [30, 20, 10, 0] })).toEqual([10, 20, 30, 255]);
    expect(decoded({ ...one, bits: 16, pixels: [0x1f, 0x7c, 0, 0] })).toEqual([255, 0, 255, 255]);
    const masks = [0xf800, 0x7e0, 0x1f];
    expect(decoded({ ...one, bits: 16, compression: 3, masks, pixels: [0xe0, 0x07, 0, 0] })).toEqual([
      0, 255, 0, 255,
    ]);
  });

  it("gives no image where pixels are missing, or none that it knows", () => {
    const parts = { width: 3, height: 2, bits: 8, palette, pixels: [2, 1, 0, 0, 3, 0, 9, 0] };
    const whole = bitmap(parts);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeBitmap(whole.subarray(0, length))).toBeUndefined();
    }
    const runs = bitmap({ ...parts, compression: 1, pixels: [3, 1, 0, 0, 3, 2, 0, 1] });
    for (let length = 0; length < runs.length - 3; length++) {
      expect(decodeBitmap(runs.subarray(0, length))).toBeUndefined();
    }
    expect(decodeBitmap(bitmap({ ...parts, compression: 4 }))).toBeUndefined();
    expect(decodeBitmap(bitmap({ ...parts, width: 2 ** 20, height: 2 ** 20 }))).toBeUndefined();
  });

  it("throws at nothing that a file may hold", () => {
    const whole = bitmap({
      width: 3,
      height: 2,
      bits: 4,
      compression: 2,
      palette,
      pixels: [3, 1, 0, 0, 3, 2, 0, 1],
    });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
        const file = Buffer.from(whole.subarray(0, length));
        if (at < length) file[at] = byte;
        expect(() => decodeBitmap(file)).not.toThrow();
      }),
    );
  });
});

it("is what decodeImage reads bitmaps with, the top at the top", async () => {
  const pixels = Array.from({ length: 64 }, (_, i) => [i, i, i]).flat();
  const file = bitmap({ width: 8, height: -8, bits: 24, pixels });
  expect([...(await decodeImage(file, 8, 1))]).toEqual(Array.from({ length: 64 }, (_, i) => i));
});
