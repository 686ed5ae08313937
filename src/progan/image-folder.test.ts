import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuardapesosError, type ErrorCode } from "../base/errors.js";
import { tiffOf, type PageOfTiff } from "../../test/harness/tiff.js";
import { openImageFolder, type ImageFolderOptions } from "./image-folder.js";
import type { ImageNote } from "../base/image-note.js";
import { fileLabel, type ImageSource } from "./image-source.js";

let root: string;
let skipped: { path: string; reason: string }[];
let notes: ImageNote[];
let opened: ImageSource[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "guardapesos images á-"));
  skipped = [];
  notes = [];
  opened = [];
});
afterEach(async () => {
  for (const source of opened) await source.releaseDisk();
  await rm(root, { recursive: true, force: true });
});

/** A flat picture of one grey, in the format that its name says; odd sizes, so that it must be squashed. */
async function put(name: string, level = 100): Promise<string> {
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  const flat = sharp({
    create: { width: 50, height: 30, channels: 3, background: { r: level, g: level, b: level } },
  });
  const format = /\.(\w+)$/.exec(name)![1]!.toLowerCase() as "jpeg" | "png" | "webp" | "tiff";
  await writeFile(path, await flat.toFormat(format).toBuffer());
  return path;
}

async function open(options: Partial<ImageFolderOptions> = {}) {
  const source = await openImageFolder({
    folder: root,
    className: undefined,
    channels: 1,
    onSkipped: (path, fault) => skipped.push({ path, ...fault }),
    onNote: (note) => notes.push(note),
    ...options,
  });
  opened.push(source);
  return source;
}

async function prepare(options: Partial<ImageFolderOptions> = {}, resolution = 8) {
  return (await open(options)).prepare(resolution, { onProgress: () => undefined });
}

/** The mean grey of each image, in order. */
async function levels(options: Partial<ImageFolderOptions> = {}): Promise<number[]> {
  const set = await prepare(options);
  const means: number[] = [];
  for (let i = 0; i < set.count; i++) {
    const pixels = await set.pixels(i);
    means.push(Math.round(pixels.reduce((sum, value) => sum + value, 0) / pixels.length));
  }
  return means;
}

async function failure(promise: Promise<unknown>): Promise<{ code: ErrorCode; data: unknown }> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GuardapesosError)) throw new Error(`no error for the user, but ${String(error)}`);
  const { code, data }: { code: ErrorCode; data: unknown } = error as GuardapesosError;
  return { code, data };
}

describe("which folder is meant", () => {
  it("takes the images of the folder itself, and its name as the label", async () => {
    await put("one.png");
    const source = await open();
    expect(source).toMatchObject({ description: root, files: 1 });
    expect(source.label).toBe(fileLabel(basename(root)));
  });

  it("takes the class that was named, sub-folders and all", async () => {
    await put("DRUSEN/a.png", 10);
    await put("DRUSEN/left eye/b.png", 20);
    await put("NORMAL/c.png", 30);
    const source = await open({ className: "DRUSEN" });
    expect(source).toMatchObject({ label: "DRUSEN", description: join(root, "DRUSEN"), files: 2 });
    expect(await levels({ className: "DRUSEN" })).toEqual([10, 20]);
  });

  it("finds a class written in other letters, and calls it by its own name", async () => {
    await put("DRUSEN/a.png", 10);
    await put("Ñandú/b.png", 20);
    expect((await open({ className: "drusen" })).label).toBe("DRUSEN");
    expect(await levels({ className: "ÑANDÚ".normalize("NFD") })).toEqual([20]);
  });

  // Other systems' folders cannot hold both.
  it.runIf(process.platform === "linux")("prefers the exact class name to one in other letters", async () => {
    await put("DRUSEN/a.png", 10);
    await put("drusen/b.png", 20);
    expect(await levels({ className: "drusen" })).toEqual([20]);
    expect(await levels({ className: "DRUSEN" })).toEqual([10]);
    // Which of the two "Drusen" is, nobody can know.
    const data = { folder: root, classes: ["DRUSEN", "drusen"] };
    expect(await failure(open({ className: "Drusen" }))).toMatchObject({ code: "CLASS_NEEDED", data });
  });

  it("lists the classes when the one named is not there, even beside images", async () => {
    await put("stray.png");
    await put("CNV/a.png");
    await put("DME/a.png");
    await mkdir(join(root, "empty"));
    expect(await failure(open({ className: "DRUSEN" }))).toEqual({
      code: "UNKNOWN_CLASS",
      data: { folder: root, wanted: "DRUSEN", classes: ["CNV", "DME"], places: [] },
    });
    expect((await failure(open({ className: "../CNV" }))).code).toBe("UNKNOWN_CLASS");
  });

  it("takes the class name as a mere label when there are no class folders", async () => {
    await put("one.png");
    await mkdir(join(root, "notes"));
    expect(await open({ className: "Drusas: ojo/izquierdo" })).toMatchObject({
      label: fileLabel("Drusas: ojo/izquierdo"),
      description: root,
    });
  });

  it("asks for a class when there are several, images beside them or not", async () => {
    await put("CNV/a.png");
    await put("DME/deep/a.png");
    const asked = {
      code: "CLASS_NEEDED",
      data: { folder: root, inside: false, classes: ["CNV", "DME"], deeper: [], together: false },
    };
    expect(await failure(open())).toEqual(asked);
    await put("stray.png");
    expect(await failure(open())).toEqual(asked);
  });

  it("takes the only class there is, without being told", async () => {
    await put("DRUSEN/a.png");
    await mkdir(join(root, "empty"));
    expect(await open()).toMatchObject({ label: "DRUSEN", files: 1 });
  });

  it("says that a folder is not there, is no folder, or has no images", async () => {
    const missing = join(root, "nowhere");
    expect(await failure(open({ folder: missing }))).toEqual({
      code: "FOLDER_NOT_FOUND",
      data: { folder: missing },
    });
    expect((await failure(open({ folder: await put("one.png") }))).code).toBe("FOLDER_NOT_READABLE");
    const folder = join(root, "notes");
    await mkdir(folder);
    await writeFile(join(folder, "read me.txt"), "no images here");
    const none = { code: "NO_IMAGES", data: { folder, leftOut: [{ kind: ".txt", count: 1 }] } };
    expect(await failure(open({ folder }))).toEqual(none);
    expect(await failure(open({ folder, className: "DRUSEN" }))).toEqual(none);
    expect(await failure(open({ className: "notes" }))).toEqual(none);
  });
});

describe("folders of folders", () => {
  const kermany = async (...parts: readonly string[]): Promise<void> => {
    let level = 0;
    for (const part of parts)
      for (const name of ["CNV", "DME", "DRUSEN", "NORMAL"])
        await put(`${part}/${name}/a.png`, (level += 10));
  };
  const classes = ["CNV", "DME", "DRUSEN", "NORMAL"];
  const train = () => join(root, "train");

  it("finds a class in what is for training, and mixes in nothing of the rest", async () => {
    await kermany("test", "train", "val");
    expect(await open({ className: "drusen" })).toMatchObject({
      label: "DRUSEN",
      description: join(train(), "DRUSEN"),
      files: 1,
    });
    await put("archive/OCT2017 /train/AMD/a.png", 5);
    expect(await open({ className: "AMD" })).toMatchObject({ label: "AMD", files: 1 });
  });

  it.each([[["test", "train", "val"]], [["train"]], [["Training set", "Test set"]]])(
    "asks for the class, not for the part: %j",
    async (parts) => {
      await kermany(...parts);
      const folder = join(
        root,
        parts.find((part) => /train/i.test(part))!,
      );
      const data = { folder, inside: true, classes, deeper: [], together: false };
      expect(await failure(open())).toEqual({ code: "CLASS_NEEDED", data });
      // Nor is the part taken for a class by who asks for it.
      expect(await failure(open({ className: basename(folder) }))).toEqual({ code: "CLASS_NEEDED", data });
      expect(await failure(open({ className: "AMD" }))).toMatchObject({
        code: "UNKNOWN_CLASS",
        data: { folder, classes },
      });
    },
  );

  it("asks where a class is in several folders, and none is for training", async () => {
    await kermany("2017", "2018");
    expect(await failure(open({ className: "DRUSEN" }))).toEqual({
      code: "UNKNOWN_CLASS",
      data: { folder: root, wanted: "DRUSEN", classes: [], places: ["2017/DRUSEN", "2018/DRUSEN"] },
    });
    // A folder that holds classes is no choice itself.
    expect(await failure(open())).toMatchObject({
      code: "CLASS_NEEDED",
      data: { classes: [], deeper: ["2017", "2018"] },
    });
  });

  it("asks about the only folder, too, where it holds several", async () => {
    await kermany("scans");
    const data = { folder: join(root, "scans"), inside: true, classes, together: false };
    expect(await failure(open())).toMatchObject({ code: "CLASS_NEEDED", data });
  });

  it("takes parts of one class together when the class is named", async () => {
    await put("DRUSEN/train/a.png", 10);
    await put("DRUSEN/test/b.png", 20);
    await put("CNV/train/a.png", 30);
    await put("CNV/test/a.png", 40);
    expect(await levels({ className: "DRUSEN" })).toEqual([20, 10]);
    expect(await failure(open())).toMatchObject({
      code: "CLASS_NEEDED",
      data: { classes: ["CNV", "DRUSEN"] },
    });
  });

  it("takes a folder for each patient together when that is asked for", async () => {
    for (let i = 1; i <= 25; i++) await put(`patient_${i}/OS.png`, 10 * i);
    expect(await failure(open())).toMatchObject({
      code: "CLASS_NEEDED",
      data: { inside: false, together: true },
    });
    expect(await open({ className: "." })).toMatchObject({ description: root, files: 25 });
    expect((await open({ className: "." })).label).toBe((await open({ folder: root, className: "." })).label);
    await rm(root, { recursive: true });
    for (const patient of ["Ana", "Bea"]) await put(`CNV/${patient}/OD.png`);
    for (let i = 1; i <= 3; i++) await put(`DRUSEN/p${i}/OD.png`);
    // Classes with patients inside: that those of CNV are patients, nobody can know.
    expect(await failure(open())).toMatchObject({ data: { classes: ["DRUSEN"], deeper: ["CNV"] } });
    expect((await open({ className: "CNV" })).files).toBe(2);
  });
});

describe("which files are images", () => {
  it("knows them by their endings, in any letters, and leaves hidden ones out", async () => {
    const images = ["a.JPG", "b.jpeg", "c.PNG", "d.WebP", "e.tif", "f.TIFF"];
    for (const name of images) {
      const format = name.replace(/JPG$/, "jpeg").replace(/tif$/, "tiff");
      const path = await put(format);
      if (format !== name)
        await writeFile(join(root, name), await sharp(path).toBuffer()).then(() => unlink(path));
    }
    await put(".hidden.png");
    await put(".thumbnails/a.png");
    await writeFile(join(root, "notes.txt"), "text");
    expect((await open()).files).toBe(images.length);
    expect(await levels()).toEqual(images.map(() => 100));
    expect(skipped).toEqual([]);
  });

  it("orders them by code units, whatever the locale, in folders too", async () => {
    const names = ["B.png", "a 10.png", "a 9.png", "sub/a.png", "z.png", "á.png", "ñ[1].png"];
    for (const [i, name] of names.entries()) await put(name, 10 * (i + 1));
    expect(await levels()).toEqual([10, 20, 30, 40, 50, 60, 70]);
  });

  it("follows links, and ends where they turn in a circle", async () => {
    await put("real/a.png", 10);
    await mkdir(join(root, "data"));
    await symlink(join(root, "real"), join(root, "data", "DRUSEN"), "junction");
    await symlink(root, join(root, "real", "back"), "junction");
    const source = await open({ folder: join(root, "data") });
    expect(source).toMatchObject({ label: "DRUSEN", files: 1 });
  });

  // Windows lets only administrators link to files.
  it.skipIf(process.platform === "win32")("tells of a link that leads nowhere", async () => {
    await put("a.png");
    await symlink(join(root, "gone.png"), join(root, "b.png"));
    expect((await prepare()).count).toBe(1);
    expect(skipped).toEqual([
      { path: join(root, "b.png"), reason: expect.stringContaining("ENOENT") as string },
    ]);
  });
});

const noteOf = (type: ImageNote["type"]) => notes.filter((note) => note.type === type);

describe("what else people keep images in", () => {
  it("is read by content where a name has no ending, or promises another format", async () => {
    const png = await put("a.png", 10);
    await writeFile(join(root, "IM0001"), await sharp(png).jpeg({ quality: 100 }).toBuffer());
    await writeFile(join(root, "IM.0002"), await sharp(png).gif().toBuffer());
    await writeFile(join(root, "d.jfif"), await sharp(png).jpeg({ quality: 100 }).toBuffer());
    await writeFile(join(root, "e.bmp"), await sharp(png).webp({ lossless: true }).toBuffer());
    expect((await open()).files).toBe(5);
    expect(await levels()).toEqual([10, 10, 10, 10, 10]);
  });

  it("is told with its count, once, and what it was that cannot be used", async () => {
    await put("a.png", 10);
    await put("sub/b.png", 20);
    for (const name of ["1.dcm", "2.DCM", "sub/3.dcm", "notes.txt", "README"])
      await writeFile(join(root, name), "text");
    const dicom = Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]);
    await writeFile(join(root, "IM0001"), dicom);
    for (const name of ["x.jpg", "y.jpg"]) await writeFile(join(root, name), dicom);
    await writeFile(join(root, "z.png"), "<html>");
    const source = await open();
    for (const resolution of [4, 8])
      expect((await source.prepare(resolution, { onProgress: () => undefined })).count).toBe(2);
    expect(noteOf("images-left-out")).toEqual([
      {
        type: "images-left-out",
        kinds: [
          { kind: ".dcm", count: 3 },
          { kind: "", count: 1 },
          { kind: ".txt", count: 1 },
          { kind: "DICOM", count: 1 },
        ],
      },
    ]);
    expect(noteOf("images-unusable")).toEqual([
      {
        type: "images-unusable",
        unusable: 3,
        images: 2,
        reasons: [
          { reason: 'IMAGE_NOT_READ {"problem":"dicom"}', problem: { problem: "dicom" }, count: 2 },
          { reason: 'IMAGE_NOT_READ {"problem":"no-image"}', problem: { problem: "no-image" }, count: 1 },
        ],
      },
    ]);
  });

  it("is told where there is nothing else", async () => {
    await writeFile(join(root, "1.dcm"), "text");
    expect(await failure(open())).toEqual({
      code: "NO_IMAGES",
      data: { folder: root, leftOut: [{ kind: ".dcm", count: 1 }] },
    });
  });
});

describe("images that are not made of bytes", () => {
  const page = (level: number, more: Partial<PageOfTiff> = {}): PageOfTiff => ({
    width: 8,
    height: 8,
    bits: 16,
    values: Array.from({ length: 64 }, () => level),
    ...more,
  });

  it("have one range for all of the folder, said once, the same in every session", async () => {
    await writeFile(join(root, "a.tif"), tiffOf(page(2048)));
    await writeFile(join(root, "b.tif"), tiffOf(page(4095)));
    await put("c.png", 77);
    expect(await levels()).toEqual([128, 255, 77]);
    const source = await open();
    for (const resolution of [4, 8]) {
      const set = await source.prepare(resolution, { onProgress: () => undefined });
      expect((await set.pixels(0))[0]).toBe(128);
    }
    const range = { numbers: "uint16", images: 2, min: 2048, max: 4095, black: 0, white: 4095 };
    expect(noteOf("pixel-range")).toEqual([
      { type: "pixel-range", ...range },
      { type: "pixel-range", ...range },
    ]);
    // Decoded again, from neither memory nor disk.
    expect(await levels({ cacheBytes: 0, spillFolders: [] })).toEqual([128, 255, 77]);
  });

  it("do not count where they cannot be used", async () => {
    await writeFile(join(root, "a.tif"), tiffOf(page(1023)));
    await writeFile(
      join(root, "b.tif"),
      tiffOf(page(65_535, { samples: 2, values: Array<number>(128).fill(65_535) })),
    );
    expect(await levels()).toEqual([255]);
    expect(noteOf("pixel-range")).toMatchObject([{ images: 1, white: 1023 }]);
  });

  it("are all the pages of a stack, but for its thumbnail", async () => {
    const stack = [page(10), page(200), page(255)].map((one) => ({ ...one, bits: 8 }));
    const thumbnail = { ...page(99), width: 2, height: 2, values: [9, 9, 9, 9], bits: 8, subfile: 1 };
    await writeFile(join(root, "a.tif"), tiffOf(thumbnail, ...stack));
    await put("b.png", 77);
    expect(await levels()).toEqual([10, 200, 255, 77]);
    expect(noteOf("image-stacks")).toEqual([{ type: "image-stacks", files: 1, images: 3, thumbnails: 1 }]);
    expect(await (await open()).count()).toBe(4);
    const fingerprint = (await prepare()).fingerprint;
    await writeFile(
      join(root, "a.tif"),
      tiffOf(thumbnail, ...stack.slice(0, 2), { ...stack[2]!, subfile: 1 }),
    );
    expect((await prepare()).fingerprint).not.toBe(fingerprint);
  });

  it("can be interrupted while they are looked at, and looked at again", async () => {
    for (const name of ["a", "b", "c", "d", "e", "f"])
      await writeFile(join(root, `${name}.tif`), tiffOf(page(4095)));
    const stop = new AbortController();
    const reason = { signal: "SIGINT" };
    const source = await open({ onNote: () => stop.abort(reason) });
    await expect(source.prepare(8, { onProgress: () => undefined, signal: stop.signal })).rejects.toBe(
      reason,
    );
    const set = await source.prepare(8, { onProgress: () => undefined });
    expect([set.count, (await set.pixels(0))[0]]).toEqual([6, 255]);
  });
});

it("tells of images that are one single brightness", async () => {
  const first = await put("a.png", 10);
  const data = Uint8Array.from({ length: 64 }, (_, i) => i);
  await writeFile(
    join(root, "b.png"),
    await sharp(data, { raw: { width: 8, height: 8, channels: 1 } })
      .png()
      .toBuffer(),
  );
  await prepare();
  expect(noteOf("images-flat")).toEqual([{ type: "images-flat", flat: 1, images: 2, first }]);
});

describe("images that cannot be used", () => {
  async function spoil() {
    const cut = await put("cut.jpeg");
    await truncate(cut, 200);
    const cutPng = await put("cut.png");
    await truncate(cutPng, 90);
    const empty = join(root, "empty.jpg");
    await writeFile(empty, "");
    const text = join(root, "text.jpg");
    await writeFile(text, "<p>404 not found</p>");
    // What the headers show is found first.
    return [empty, text, cut, cutPng];
  }

  it("are told once each, with a reason, and left out at every resolution", async () => {
    const bad = await spoil();
    await put("good.png", 70);
    await put("good too.png", 80);
    const source = await open();
    expect(source.files).toBe(6);
    for (const resolution of [4, 32, 256]) {
      const set = await source.prepare(resolution, { onProgress: () => undefined });
      expect(set.count).toBe(2);
      expect((await set.pixels(1))[0]).toBe(70);
    }
    expect(skipped.map(({ path }) => path)).toEqual(bad);
    for (const { reason } of skipped) expect(reason).toMatch(/^\S.+$/);
  });

  it("do not hide that a checkpoint was trained on the others", async () => {
    await put("good.png", 70);
    await put("good too.png", 80);
    const all = await open();
    const before = (await all.prepare(8, { onProgress: () => undefined })).fingerprint;
    await spoil();
    const source = await openImageFolder({
      folder: root,
      className: undefined,
      channels: 1,
      onSkipped: () => undefined,
    });
    opened.push(source);
    const answers = [
      { fingerprint: before, images: 2 },
      { fingerprint: before, images: 6 },
      { fingerprint: before, images: 7 },
      { fingerprint: "0".repeat(16), images: 2 },
    ].map((one) => source.isThat(one));
    expect(await Promise.all(answers)).toEqual([true, false, false, false]);
    await put("good.png", 75);
    await truncate(join(root, "good.png"), 60);
    expect(await source.isThat({ fingerprint: before, images: 2 })).toBe(false);
  });

  it("stop the training only when there is no other", async () => {
    const [first] = await spoil();
    const { code, data } = await failure(prepare());
    expect(code).toBe("IMAGES_UNREADABLE");
    expect(data).toMatchObject({ folder: root, first });
    expect(skipped).toHaveLength(4);
  });

  it("are replaced by another, and told once, when they vanish later", async () => {
    await put("a.png", 10);
    await put("b.png", 20);
    const last = await put("c.png", 30);
    for (let i = 0; i < 7; i++) await put(`d${i}.png`, 40);
    // Two images fit in memory.
    const set = await prepare({ cacheBytes: 2 * 64, spillFolders: [] });
    expect((await set.pixels(2))[0]).toBe(30);
    await unlink(last);
    expect((await set.pixels(2))[0]).toBe(10);
    expect((await set.pixels(2))[0]).toBe(10);
    expect((await set.pixels(1))[0]).toBe(20);
    expect(skipped).toEqual([{ path: last, reason: expect.stringContaining("ENOENT") as string }]);
  });
});

it("does not miss a file that vanishes later while its image is on disk", async () => {
  await put("a.png", 10);
  const last = await put("b.png", 20);
  for (let i = 0; i < 8; i++) await put(`c${i}.png`, 40);
  const source = await open({ cacheBytes: 64 });
  const set = await source.prepare(8, { onProgress: () => undefined });
  await unlink(last);
  expect((await set.pixels(1))[0]).toBe(20);
  expect(skipped).toEqual([]);
  await source.releaseDisk();
  expect((await set.pixels(1))[0]).toBe(10);
  expect(skipped.map(({ path }) => path)).toEqual([last]);
});

describe("the fingerprint", () => {
  it("is that of the usable files: not of the resolution, the channels, or the way they were named", async () => {
    await put("DRUSEN/a.png");
    await put("NORMAL/a.png");
    const plain = (await prepare({ className: "DRUSEN" }, 8)).fingerprint;
    expect(plain).toMatch(/^[0-9a-f]{16}$/);
    expect((await prepare({ className: "drusen", channels: 3 }, 32)).fingerprint).toBe(plain);
    await writeFile(join(root, "DRUSEN", "b.png"), "unreadable");
    expect((await prepare({ folder: join(root, "DRUSEN") })).fingerprint).toBe(plain);
  });

  it("changes with a name, a size or the number of files", async () => {
    const fingerprints = new Set<string>();
    await put("a.png", 10);
    fingerprints.add((await prepare()).fingerprint);
    const path = await put("b.png", 10);
    fingerprints.add((await prepare()).fingerprint);
    await writeFile(path, await sharp(path).resize(90, 90).png().toBuffer());
    fingerprints.add((await prepare()).fingerprint);
    await writeFile(join(root, "c.png"), await sharp(path).toBuffer());
    await unlink(path);
    fingerprints.add((await prepare()).fingerprint);
    expect(fingerprints.size).toBe(4);
  });
});

it("gives the same bytes from memory, from the disk and from the files", async () => {
  for (let i = 0; i < 5; i++) await put(`${i}.jpeg`, 40 * i);
  const kept = await prepare({ channels: 3 }, 16);
  const onDisk = await prepare({ channels: 3, cacheBytes: 0 }, 16);
  const decoded = await prepare({ channels: 3, cacheBytes: 0, spillFolders: [] }, 16);
  expect(kept.count).toBe(5);
  for (let i = 0; i < 5; i++) {
    expect(await onDisk.pixels(i)).toEqual(await kept.pixels(i));
    expect(await decoded.pixels(i)).toEqual(await kept.pixels(i));
    expect(await kept.pixels(i)).toBe(await kept.pixels(i));
  }
});

it("stops preparing with the signal's own reason", async () => {
  for (let i = 0; i < 8; i++) await put(`${i}.png`);
  const source = await open();
  const stop = new AbortController();
  const reason = { signal: "SIGINT" };
  const told: number[] = [];
  const preparing = source.prepare(8, {
    onProgress(done) {
      told.push(done);
      stop.abort(reason);
    },
    signal: stop.signal,
  });
  await expect(preparing).rejects.toBe(reason);
  expect(told).toEqual([0]);
  // The same source can be prepared again.
  expect((await source.prepare(8, { onProgress: () => undefined })).count).toBe(8);
});

describe("images that are exchanged or vanish", () => {
  const names = Array.from({ length: 20 }, (_, i) => `scan${String(i).padStart(2, "0")}.tiff`);
  const quiet = { onProgress: () => undefined };
  const putAll = async (level = 50) => {
    for (const [i, name] of names.entries()) await put(name, level + i);
  };
  const vanished = (gone: number) => ({
    code: "IMAGES_VANISHED",
    data: { folder: root, gone, of: names.length },
  });

  it("have another sample with other contents, and the same at another place or time", async () => {
    await putAll();
    const before = await prepare();
    const elsewhere = join(root, "elsewhere");
    await mkdir(elsewhere);
    for (const name of names) {
      await copyFile(join(root, name), join(elsewhere, name));
      await utimes(join(elsewhere, name), 1, 1);
    }
    const { fingerprint, sample } = before;
    expect(sample).toMatch(/^[0-9a-f]{16}$/);
    expect(await prepare({ folder: elsewhere }, 16)).toMatchObject({ fingerprint, sample });

    // One single image, as large as before.
    const path = join(elsewhere, names[7]!);
    const { size } = await stat(path);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(path, bytes);
    expect((await stat(path)).size).toBe(size);
    const after = await prepare({ folder: elsewhere });
    expect(after.fingerprint).toBe(fingerprint);
    expect(after.sample).not.toBe(sample);
  });

  it("between two resolutions end it from more than a tenth on", async () => {
    await putAll();
    const source = await open();
    await source.prepare(4, quiet);
    for (const name of names.slice(0, 2)) await unlink(join(root, name));
    expect((await source.prepare(8, quiet)).count).toBe(18);
    // What went before counts, too.
    await unlink(join(root, names[5]!));
    expect(await failure(source.prepare(16, quiet))).toEqual(vanished(3));
  });

  it("while they are read for the first time do so, too, unlike those that never could be used", async () => {
    await putAll();
    for (const name of names.slice(0, 8)) await truncate(join(root, name), 10);
    await symlink(join(root, "nowhere"), join(root, "zz.tiff"));
    const source = await open();
    expect((await source.prepare(4, quiet)).count).toBe(12);
    const other = await open();
    for (const name of names.slice(10)) await unlink(join(root, name));
    expect(await failure(other.prepare(4, quiet))).toMatchObject({
      code: "IMAGES_VANISHED",
      data: { of: 21 },
    });
  });

  it("while a batch needs them end it, and a few are stood in for", async () => {
    await putAll();
    const source = await open({ cacheBytes: 64, spillFolders: [] });
    const set = await source.prepare(8, quiet);
    for (const name of names.slice(-2)) await unlink(join(root, name));
    for (const index of [18, 19]) expect(await set.pixels(index)).toHaveLength(64);
    await unlink(join(root, names[17]!));
    expect(await failure(set.pixels(17))).toEqual(vanished(3));
  });

  it("while all of them are in memory are seen, but not those of a folder that is exchanged just then", async () => {
    await putAll();
    const source = await open({ every: 0 });
    await source.prepare(4, quiet);
    const looksAt = async (times: number): Promise<unknown> => {
      for (let i = 0; i < times; i++) {
        try {
          source.look();
        } catch (error) {
          return error;
        }
        await setTimeout(30);
      }
      return undefined;
    };
    expect(await looksAt(3)).toBeUndefined();
    for (const name of names.slice(0, 2)) await unlink(join(root, name));
    expect(await looksAt(5)).toBeUndefined();
    await unlink(join(root, names[2]!));
    expect(await looksAt(100)).toMatchObject(vanished(3));
  });
});
