import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeGrid, writeImages, type Images } from "./picture.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "guardapesos picture [1] ñ-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const toFloat = (byte: number): number => byte / 127.5 - 1;

/** Each element is its own position, as a byte. */
function numbered(count: number, channels: number, resolution: number): Images {
  const data = Float32Array.from({ length: count * channels * resolution ** 2 }, (_, i) => toFloat(i % 256));
  return { data, count, channels, resolution };
}

async function read(path: string) {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const metadata = await sharp(path).metadata();
  return {
    ...info,
    format: metadata.format,
    space: metadata.space,
    at: (i: number) => data[i * info.channels]!,
    data,
  };
}

describe("writeGrid", () => {
  it("lays images out row by row, the places left over black", async () => {
    const path = join(folder, "grid.png");
    await writeGrid(path, numbered(3, 1, 4));
    const picture = await read(path);
    expect(picture).toMatchObject({ width: 8, height: 8, format: "png", space: "b-w" });
    const rows = Array.from({ length: 8 }, (_, y) =>
      Array.from({ length: 8 }, (_, x) => picture.at(y * 8 + x)),
    );
    expect(rows[0]).toEqual([0, 1, 2, 3, 16, 17, 18, 19]);
    expect(rows[3]).toEqual([12, 13, 14, 15, 28, 29, 30, 31]);
    expect(rows[4]).toEqual([32, 33, 34, 35, 0, 0, 0, 0]);
    expect(await readdir(folder)).toEqual(["grid.png"]);
  });

  it("keeps colours with their pixels", async () => {
    const path = join(folder, "grid.png");
    await writeGrid(path, numbered(2, 3, 4), { columns: 2 });
    const picture = await read(path);
    expect(picture).toMatchObject({ width: 8, height: 4, channels: 3 });
    expect([...picture.data.subarray(0, 3)]).toEqual([0, 16, 32]);
    expect([...picture.data.subarray(4 * 3, 5 * 3)]).toEqual([48, 64, 80]);
  });

  it("enlarges small images by a whole factor, each pixel a square", async () => {
    const path = join(folder, "grid.png");
    await writeGrid(path, numbered(1, 1, 4), { tile: 10 });
    const picture = await read(path);
    expect(picture).toMatchObject({ width: 12, height: 12 });
    for (let y = 0; y < 12; y++) {
      for (let x = 0; x < 12; x++) {
        expect(picture.at(y * 12 + x)).toBe(Math.floor(y / 3) * 4 + Math.floor(x / 3));
      }
    }
    await writeGrid(path, numbered(1, 1, 16), { tile: 10 });
    expect(await read(path)).toMatchObject({ width: 16, height: 16 });
  });

  it("clamps what lies outside, and shows NaN as black", async () => {
    const path = join(folder, "grid.png");
    const values = [-3, -1, 0, 1, 9, NaN, Infinity, -Infinity];
    const data = Float32Array.from({ length: 16 }, (_, i) => values[i % 8]!);
    await writeGrid(path, { data, count: 1, channels: 1, resolution: 4 });
    const picture = await read(path);
    expect(values.map((_, i) => picture.at(i))).toEqual([0, 0, 128, 255, 255, 0, 255, 0]);
  });

  it("makes the folder and replaces an older picture", async () => {
    const path = join(folder, "samples", "deep", "grid.png");
    await writeGrid(path, numbered(1, 1, 4));
    await writeGrid(path, numbered(4, 1, 8));
    expect(await read(path)).toMatchObject({ width: 16, height: 16 });
    expect(await readdir(join(folder, "samples", "deep"))).toEqual(["grid.png"]);
  });

  it("says where it cannot write, and leaves nothing behind", async () => {
    await writeFile(join(folder, "file"), "");
    const inFile = join(folder, "file", "grid.png");
    await expect(writeGrid(inFile, numbered(1, 1, 4))).rejects.toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
      data: { path: inFile },
    });
    const onFolder = join(folder, "taken.png");
    await mkdir(join(onFolder, "inside"), { recursive: true });
    await expect(writeGrid(onFolder, numbered(1, 1, 4))).rejects.toMatchObject({
      code: "OUTPUT_NOT_WRITABLE",
    });
    expect((await readdir(folder)).sort()).toEqual(["file", "taken.png"]);
  });
});

it("writes each image to a file of its own", async () => {
  const paths = await writeImages(join(folder, "out"), numbered(3, 1, 8), "DRUSEN");
  expect(paths).toEqual([1, 2, 3].map((i) => join(folder, "out", `DRUSEN_000${i}.png`)));
  const picture = await read(paths[2]!);
  expect(picture).toMatchObject({ width: 8, height: 8 });
  expect(picture.at(5)).toBe(2 * 64 + 5);
});
