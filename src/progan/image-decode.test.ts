import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage } from "./image-decode.js";

const width = 40;
const height = 24;

/** Every pixel the same. */
function flat(channels: 1 | 3 | 4, pixel: readonly number[]): Sharp {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => pixel[i % channels]!);
  return sharp(data, { raw: { width, height, channels } });
}

function flat16(channels: 1 | 3, pixel: readonly number[]): Sharp {
  const data = Uint16Array.from({ length: width * height * channels }, (_, i) => pixel[i % channels]!);
  return sharp(data, { raw: { width, height, channels } });
}

/** The one value of each plane; fails when a plane is not flat. */
async function planes(file: Uint8Array, channels: number): Promise<number[]> {
  const pixels = await decodeImage(file, 8, channels, { ranges: { uint16: { black: 0, white: 65_535 } } });
  expect(pixels).toHaveLength(channels * 64);
  return Array.from({ length: channels }, (_, channel) => {
    const plane = pixels.subarray(channel * 64, (channel + 1) * 64);
    expect(Math.max(...plane) - Math.min(...plane)).toBeLessThanOrEqual(1);
    return plane[27]!;
  });
}

const orange = [200, 100, 50];
/** Its grey, by luminance in linear light. */
const orangeGrey = 128;

const files: readonly (readonly [name: string, make: () => Sharp, grey: number, rgb: readonly number[]])[] = [
  ["a grey PNG", () => flat(1, [120]).toColourspace("b-w").png(), 120, [120, 120, 120]],
  ["a grey JPEG", () => flat(1, [120]).toColourspace("b-w").jpeg(), 120, [120, 120, 120]],
  ["an RGB PNG", () => flat(3, orange).png(), orangeGrey, orange],
  ["a palette PNG", () => flat(3, orange).png({ palette: true }), orangeGrey, orange],
  ["a lossless WebP", () => flat(3, orange).webp({ lossless: true }), orangeGrey, orange],
  ["a TIFF", () => flat(3, orange).tiff({ compression: "lzw" }), orangeGrey, orange],
  ["a half transparent PNG", () => flat(4, [...orange, 128]).png(), 64, [100, 50, 25]],
  [
    "a 16-bit grey PNG",
    () =>
      flat16(1, [120 * 257])
        .toColourspace("grey16")
        .png(),
    120,
    [120, 120, 120],
  ],
  [
    "a 16-bit RGB PNG",
    () =>
      flat16(
        3,
        orange.map((value) => value * 257),
      )
        .toColourspace("rgb16")
        .png(),
    orangeGrey,
    orange,
  ],
];

describe("decodeImage", () => {
  it.each(files)("reads %s, as grey and as colour", async (_, make, grey, rgb) => {
    const file = await make().toBuffer();
    expect(await planes(file, 1)).toEqual([grey]);
    expect(await planes(file, 3)).toEqual(rgb);
  });

  it("reads a CMYK JPEG in about its colours", async () => {
    const file = await flat(3, orange).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    const [red, green, blue] = await planes(file, 3);
    expect(red).toBeGreaterThan(180);
    expect(green).toBeGreaterThan(80);
    expect(green).toBeLessThan(120);
    expect(blue).toBeLessThan(70);
  });

  it("keeps the order of rows, columns and channels", async () => {
    // Red grows to the right, green grows downwards, blue is 7.
    const data = new Uint8Array(64 * 64 * 3);
    for (let i = 0; i < 64 * 64; i++) data.set([(i % 64) * 4, Math.floor(i / 64) * 4, 7], i * 3);
    const file = await sharp(data, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    const pixels = await decodeImage(file, 16, 3);
    for (const [x, y] of [
      [0, 0],
      [3, 9],
      [12, 5],
    ] as const) {
      // The middle of a block of four.
      expect(Math.abs(pixels[y * 16 + x]! - (16 * x + 6))).toBeLessThanOrEqual(2 + (x === 0 ? 1 : 0));
      expect(Math.abs(pixels[256 + y * 16 + x]! - (16 * y + 6))).toBeLessThanOrEqual(2 + (y === 0 ? 1 : 0));
      expect(pixels[512 + y * 16 + x]).toBe(7);
    }
  });

  it("averages when it makes smaller: a fine chequerboard becomes its mean", async () => {
    const data = Uint8Array.from(
      { length: 128 * 96 },
      (_, i) => (((i % 128) + Math.floor(i / 128)) % 2) * 200,
    );
    const file = await sharp(data, { raw: { width: 128, height: 96, channels: 1 } })
      .png()
      .toBuffer();
    for (const value of await decodeImage(file, 16, 1)) expect(Math.abs(value - 100)).toBeLessThanOrEqual(3);
  });

  it("makes larger without shifting: what is symmetric stays so, along an axis that keeps its size too", async () => {
    const data = Uint8Array.from({ length: 32 * 16 }, (_, i) => (i % 32 < 16 ? 0 : 240));
    const file = await sharp(data, { raw: { width: 32, height: 16, channels: 1 } })
      .png()
      .toBuffer();
    const same = await decodeImage(file, 32, 1);
    expect([...same.subarray(0, 32)]).toEqual([...data.subarray(0, 32)]);
    const larger = await decodeImage(file, 64, 1);
    const row = larger.subarray(64 * 5, 64 * 6);
    expect([...row.subarray(30, 34)]).toEqual([0, 60, 180, 240]);
    for (let x = 0; x < 64; x++) expect(row[x]! + row[63 - x]!).toBe(240);
  });

  it("turns a photograph as its camera was held", async () => {
    const data = Uint8Array.from({ length: 32 * 16 }, (_, i) => (i % 32 < 16 ? 0 : 240));
    const file = await sharp(data, { raw: { width: 32, height: 16, channels: 1 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    // A quarter turn clockwise: the bright right half is at the bottom.
    const pixels = await decodeImage(file, 8, 1);
    expect(pixels[8 * 1 + 6]).toBe(0);
    expect(pixels[8 * 6 + 1]).toBe(240);
  });

  it("refuses a file that has been cut, however small the result", async () => {
    const noise = Uint8Array.from({ length: 256 * 256 }, (_, i) => (i * i * 31) >> 3);
    const image = sharp(noise, { raw: { width: 256, height: 256, channels: 1 } });
    for (const file of [
      await image.clone().jpeg().toBuffer(),
      await image.clone().jpeg({ progressive: true }).toBuffer(),
      await image.clone().png().toBuffer(),
      await image.clone().webp().toBuffer(),
      await image.clone().tiff().toBuffer(),
    ]) {
      await expect(decodeImage(file, 4, 1)).resolves.toHaveLength(16);
      for (const kept of [0.3, 0.9]) {
        await expect(decodeImage(file.subarray(0, file.length * kept), 4, 1)).rejects.toThrow();
      }
    }
  });
});
