import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createGrid, isPictureName, numberedPictures, writeGrid, type Images } from "./picture.js";

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

describe("numbered pictures", () => {
  const out = () => join(folder, "out");

  it("get the numbers after those that are there, and never stand over another file", async () => {
    const write = await numberedPictures(out(), "DRUSEN");
    const images = numbered(3, 1, 8);
    const paths: string[] = [];
    for (const index of [0, 1, 2]) paths.push(await write(images, index));
    expect(paths).toEqual([1, 2, 3].map((i) => join(out(), `DRUSEN_000${i}.png`)));
    const picture = await read(paths[2]!);
    expect(picture).toMatchObject({ width: 8, height: 8 });
    expect(picture.at(5)).toBe(2 * 64 + 5);

    await writeFile(join(out(), "DRUSEN_12345.png"), "theirs");
    await writeFile(join(out(), "DRUSEN_OTHER_99999.png"), "another's");
    const again = await numberedPictures(out(), "DRUSEN");
    // Someone else takes the next number in between: a file, and a link that leads nowhere.
    await writeFile(join(out(), "DRUSEN_12346.png"), "theirs");
    await symlink(join(folder, "nowhere"), join(out(), "DRUSEN_12347.png"));
    expect(await again(images, 0)).toBe(join(out(), "DRUSEN_12348.png"));
    expect(await readFile(join(out(), "DRUSEN_12346.png"), "utf8")).toBe("theirs");
    expect((await readdir(out())).filter((name) => name.startsWith("."))).toEqual([]);
    expect(await readdir(folder)).toEqual(["out"]);
  });

  it("of two that write at once are all kept", async () => {
    const writers = await Promise.all([1, 2, 3].map(() => numberedPictures(out(), "x")));
    const images = numbered(1, 1, 4);
    const paths = await Promise.all(writers.flatMap((write) => [write(images, 0), write(images, 0)]));
    expect(new Set(paths).size).toBe(6);
    expect(await readdir(out())).toHaveLength(6);
  });

  it.each(["n".repeat(255), "ñ".repeat(120), "\u{1f431}".repeat(63)])("fit into a name of any length: %s", async (name) => {
    const write = await numberedPictures(out(), name);
    const path = await write(numbered(1, 1, 4), 0);
    expect(await readdir(out())).toEqual([basename(path)]);
    expect(basename(path)).not.toContain("\ufffd");
    expect(await (await numberedPictures(out(), name))(numbered(1, 1, 4), 0)).not.toBe(path);
  }); // prettier-ignore

  it("say where they cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const path = join(folder, "file", "deep");
    await expect(numberedPictures(path, "x")).rejects.toMatchObject({ code: "OUTPUT_NOT_WRITABLE", data: { path } }); // prettier-ignore
  });
});

describe("a grid", () => {
  it("filled bit by bit is the picture of all of them", async () => {
    const all = numbered(5, 3, 4);
    const [one, two] = [join(folder, "one.png"), join(folder, "two.png")];
    await writeGrid(one, all, { tile: 8 });
    const grid = createGrid(two, all, { tile: 8 });
    const size = 3 * 4 * 4;
    for (const [from, count] of [
      [0, 2],
      [2, 3],
    ] as const)
      // prettier-ignore
      grid.add({ ...all, count, data: all.data.slice(from * size, (from + count) * size) });
    await grid.write(false);
    expect(await readFile(two)).toEqual(await readFile(one));
  });

  it.each([["png", "png"], ["JPG", "jpeg"], ["jpeg", "jpeg"], ["webp", "webp"], ["tiff", "tiff"], ["", "png"]])(
    "is in the format of its name: .%s", async (ending, format) => {
      const path = join(folder, ending === "" ? "grid" : `grid.${ending}`);
      expect(isPictureName(path)).toBe(true);
      await writeGrid(path, numbered(1, 1, 64));
      expect(await read(path)).toMatchObject({ format, width: 64, height: 64 });
    },
  ); // prettier-ignore

  it("has no other names, and stands over no file but where it is meant to", async () => {
    for (const name of ["a.gif", "a.bmp", "a.pth"]) expect(isPictureName(name)).toBe(false);
    const path = join(folder, "grid.png");
    await writeFile(path, "theirs");
    const grid = createGrid(path, numbered(1, 1, 4));
    grid.add(numbered(1, 1, 4));
    await expect(grid.write(false)).rejects.toMatchObject({ code: "OUTPUT_EXISTS", data: { path } });
    expect(await readFile(path, "utf8")).toBe("theirs");
    await grid.write(true);
    expect((await read(path)).format).toBe("png");
    expect(await readdir(folder)).toEqual(["grid.png"]);
  });

  it("says how many fit before it takes any memory", () => {
    const sized = (path: string, count: number) => () => createGrid(path, { count, channels: 3, resolution: 1024 });
    const most = 18 ** 2;
    expect(sized("a.png", 2_000_000_000)).toThrow(expect.objectContaining({ code: "GRID_TOO_LARGE", data: { path: "a.png", count: 2_000_000_000, resolution: 1024, most } }) as Error);
    // A picture of its kind has no more pixels along a side.
    expect(() => createGrid("a.webp", { count: 16, channels: 1, resolution: 1024 }, { columns: 16 })).toThrow(expect.objectContaining({ code: "GRID_TOO_LARGE", data: expect.objectContaining({ most: 225 }) as object }) as Error);
  }); // prettier-ignore
});
