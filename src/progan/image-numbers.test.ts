/** Images that are not made of bytes, of several pages, or of channels that mean something else. */
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { halfBits, tiffOf, type PageOfTiff } from "../../test/harness/tiff.js";
import type { ImageProblem } from "../base/errors.js";
import { decodeImage, samplesOf, type DecodeOptions } from "./image-decode.js";
import { imagePages, readerOf } from "./image-pages.js";

const side = 16;
/** Every byte once. */
const bytes = Array.from({ length: side * side }, (_, i) => i);

const page = (values: readonly number[], more: Partial<PageOfTiff>): PageOfTiff => ({
  width: side,
  height: side,
  bits: 8,
  values,
  ...more,
});
const rgb = (values: readonly number[]): number[] => values.flatMap((value) => [value, value, value]);

/** How far what training sees is from the bytes that the image was made of. */
async function error(file: Uint8Array, options: DecodeOptions = {}, wanted = bytes): Promise<number> {
  let most = 0;
  for (const channels of [1, 3]) {
    const seen = await decodeImage(file, side, channels, options);
    for (let i = 0; i < seen.length; i++)
      most = Math.max(most, Math.abs(seen[i]! - wanted[i % (side * side)]!));
  }
  return most;
}

async function problemOf(file: Uint8Array, which = 0): Promise<ImageProblem> {
  const thrown = await decodeImage(file, side, 1, { page: which }).then(
    () => undefined,
    (reason: unknown) => reason as { code: string; data: ImageProblem },
  );
  expect(thrown?.code).toBe("IMAGE_NOT_READ");
  return thrown!.data;
}

const scaled = (factor: number, shift = 0): number[] => bytes.map((value) => value * factor + shift);

describe("the numbers of an image", () => {
  it.each([
    ["10 bits in 16", page(scaled(4), { bits: 16 })],
    ["12 bits in 16", page(scaled(16), { bits: 16 })],
    ["16 bits", page(scaled(257), { bits: 16 })],
    ["16 bits where 0 is white", page(scaled(-16, 4080), { bits: 16, photometric: 0 })],
    ["unsigned 32 bits", page(scaled(16_843_009), { bits: 32 })],
    ["signed 8 bits", page(scaled(1, -128), { format: 2 })],
    ["signed 16 bits", page(scaled(8, -1024), { bits: 16, format: 2 })],
    ["signed 32 bits", page(scaled(257), { bits: 32, format: 2 })],
    ["halves", page(scaled(1 / 255).map(halfBits), { bits: 16, format: 3 })],
    ["floats from 0 to 1", page(scaled(1 / 255), { bits: 32, format: 3 })],
    ["floats from 0 to 65535", page(scaled(257), { bits: 32, format: 3 })],
    ["floats of no usual range", page(scaled(0.03, -2), { bits: 32, format: 3 })],
    [
      "floats where the smallest is white",
      page(scaled(-1 / 255, 1), { bits: 32, format: 3, photometric: 0 }),
    ],
    ["floats in colour", page(rgb(scaled(1 / 255)), { bits: 32, format: 3, samples: 3, photometric: 2 })],
    [
      "signed 16 bits in colour",
      page(rgb(scaled(8, -1024)), { bits: 16, format: 2, samples: 3, photometric: 2 }),
    ],
  ])("%s look as the bytes they were made of", async (_, made) => {
    expect(await error(tiffOf(made))).toBeLessThanOrEqual(1);
  });

  it("are clipped where they lie outside of the folder's range, and never wrap", async () => {
    const file = tiffOf(page(scaled(257), { bits: 16 }));
    const seen = await decodeImage(file, side, 1, { ranges: { uint16: { black: 0, white: 4095 } } });
    expect(seen[0]).toBe(0);
    expect([...new Set(seen.slice(16))]).toEqual([255]);
  });

  it("are scaled by the range of the folder, not of the image", async () => {
    const dim = tiffOf(page(scaled(8), { bits: 16 }));
    const ranges = { uint16: { black: 0, white: 4095 } };
    expect(
      await error(
        dim,
        { ranges },
        bytes.map((value) => value / 2),
      ),
    ).toBeLessThanOrEqual(1);
    expect((await samplesOf(dim, 0))?.extent).toEqual({ min: 0, max: 2040 });
  });

  it("are those of 16-bit PNGs, too", async () => {
    const values = Uint16Array.from(scaled(16));
    const file = await sharp(values, { raw: { width: side, height: side, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    expect(await error(file)).toBeLessThanOrEqual(1);
    expect((await samplesOf(file, 0))?.extent).toEqual({ min: 0, max: 4080 });
  });

  it("are refused by name where they are not read", async () => {
    expect(await problemOf(tiffOf(page(bytes, { bits: 64, format: 3 })))).toEqual({
      problem: "numbers",
      bits: 64,
      format: "float",
    });
    expect(await problemOf(tiffOf(page(bytes, { bits: 32, format: 5 })))).toMatchObject({
      format: "complex",
    });
    const holes = scaled(1 / 255).map((value, i) => (i === 7 ? NaN : value));
    expect(await problemOf(tiffOf(page(holes, { bits: 32, format: 3 })))).toEqual({ problem: "not-finite" });
  });
});

describe("the channels of an image", () => {
  it("are refused where they are no colours", async () => {
    for (const samples of [2, 3, 5]) {
      const many = bytes.flatMap((value) => Array.from({ length: samples }, () => value));
      const extra = Array.from({ length: samples - 1 }, () => 0);
      expect(await problemOf(tiffOf(page(many, { samples, extra })))).toEqual({
        problem: "channels",
        channels: samples,
      });
    }
    const luminance = bytes.flatMap((value) => [value, 128, 128]);
    expect(await problemOf(tiffOf(page(luminance, { samples: 3, photometric: 6 })))).toEqual({
      problem: "colors",
      photometric: 6,
    });
  });

  it("are the colours alone where a fourth is nothing", async () => {
    const filled = bytes.flatMap((value) => [value, value, value, 0]);
    expect(await error(tiffOf(page(filled, { samples: 4, photometric: 2, extra: [0] })))).toBeLessThanOrEqual(
      1,
    );
  });

  it.each([
    ["RGB in a PNG", 4],
    ["grey in a PNG", 2],
  ] as const)("count without a transparency that hides all: %s", async (_, channels) => {
    const data = Uint8Array.from(bytes.flatMap((value) => [...Array<number>(channels - 1).fill(value), 0]));
    const png = sharp(data, { raw: { width: side, height: side, channels } });
    const file = await (channels === 2 ? png.toColourspace("b-w") : png).png().toBuffer();
    expect(await error(file)).toBeLessThanOrEqual(1);
  });

  it("count without a transparency that hides all: floats", async () => {
    const hidden = scaled(1 / 255).flatMap((value) => [value, value, value, 0]);
    const made = page(hidden, { bits: 32, format: 3, samples: 4, photometric: 2, extra: [2] });
    expect(await error(tiffOf(made))).toBeLessThanOrEqual(1);
  });

  it("are laid over black by half where they are half transparent", async () => {
    const half = scaled(257).flatMap((value) => [value, value, value, 32_768]);
    const made = page(half, { bits: 16, samples: 4, photometric: 2, extra: [2] });
    // One pixel is opaque, as in a picture with a soft edge.
    const values = half.map((value, i) => (i === 3 ? 65_535 : value));
    const seen = await decodeImage(tiffOf({ ...made, values }), side, 1);
    expect(Math.abs(seen[200]! - 100)).toBeLessThanOrEqual(1);
  });
});

describe("the pages of a file", () => {
  const pagesOf = async (file: Uint8Array) => {
    const { pages, thumbnails } = await imagePages(readerOf(file), () => Promise.resolve(file));
    return { pages: pages.map((one) => one.page), thumbnails };
  };

  it("are all images, each its own", async () => {
    const file = tiffOf(
      ...[0, 1, 2].map((i) =>
        page(
          bytes.map((value) => (value + 50 * i) % 256),
          {},
        ),
      ),
    );
    expect(await pagesOf(file)).toEqual({ pages: [0, 1, 2], thumbnails: 0 });
    for (const i of [0, 1, 2]) {
      const wanted = bytes.map((value) => (value + 50 * i) % 256);
      expect(await error(file, { page: i }, wanted)).toBeLessThanOrEqual(1);
    }
  });

  it("are no thumbnails, whether they say so or are merely small", async () => {
    const small = { width: 4, height: 4, values: bytes.slice(0, 16) };
    const said = tiffOf(page(bytes, { ...small, subfile: 1 }), page(bytes, {}));
    expect(await pagesOf(said)).toEqual({ pages: [1], thumbnails: 1 });
    const unsaid = tiffOf(page(bytes, {}), page(bytes, small), page(bytes, {}));
    expect(await pagesOf(unsaid)).toEqual({ pages: [0, 2], thumbnails: 1 });
    expect(await error(said, { page: 1 })).toBeLessThanOrEqual(1);
  });

  it("are the frames of an animation", async () => {
    const frames = sharp(Uint8Array.from([...bytes, ...bytes.map((value) => 255 - value)]), {
      raw: { width: side, height: 2 * side, channels: 1, pageHeight: side },
    });
    const webp = await frames.clone().webp({ lossless: true }).toBuffer();
    expect(await pagesOf(webp)).toEqual({ pages: [0, 1], thumbnails: 0 });
    expect(
      await error(
        webp,
        { page: 1 },
        bytes.map((value) => 255 - value),
      ),
    ).toBeLessThanOrEqual(1);
    expect((await pagesOf(await frames.clone().gif().toBuffer())).pages).toEqual([0, 1]);
  });

  it("are refused where one holds images that are not listed", async () => {
    expect(await problemOf(tiffOf(page(bytes, { more: { 32997: 73 } })))).toEqual({
      problem: "slices",
      slices: 73,
    });
    const description = "ImageJ=1.53k\nimages=73\nslices=73\n";
    const listed = [page(bytes, { description }), page(bytes, {})];
    expect(await problemOf(tiffOf(...listed))).toEqual({ problem: "slices", slices: 73 });
    const two = tiffOf(page(bytes, { description: description.replaceAll("73", "2") }), page(bytes, {}));
    expect(await error(two)).toBeLessThanOrEqual(1);
  });

  it("are refused in an animated PNG, of which the decoder takes the first", async () => {
    const png = await sharp(Uint8Array.from(bytes), { raw: { width: side, height: side, channels: 1 } })
      .png()
      .toBuffer();
    const header = 8 + 25;
    const control = Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.from("acTL"), Buffer.alloc(12)]);
    const animated = Buffer.concat([png.subarray(0, header), control, png.subarray(header)]);
    expect(await problemOf(animated)).toEqual({ problem: "animated-png" });
    // The same letters after the pixels mean nothing.
    expect(await error(Buffer.concat([png, control]))).toBeLessThanOrEqual(1);
  });

  it("end where directories turn in a circle, lie outside, or are cut off", async () => {
    const file = tiffOf(page(bytes, {}), page(bytes, {}));
    const last = file.length - 4;
    const circle = Buffer.from(file);
    circle.writeUInt32LE(file.readUInt32LE(4), last);
    expect((await pagesOf(circle)).pages).toEqual([0, 1]);
    const outside = Buffer.from(file);
    outside.writeUInt32LE(0x7fffffff, last);
    expect((await pagesOf(outside)).pages).toEqual([0, 1]);
    for (let length = 8; length < file.length; length += 7) {
      await pagesOf(file.subarray(0, length));
    }
  });
});
