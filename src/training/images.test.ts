/** On which images a training goes on when nobody says so again. */
import { mkdir, readFile, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { writeImages } from "../../test/harness/images.js";
import { generationsIn } from "../../test/harness/state.js";
import { tinyPlan, trainHere, type Trained, type Wishes } from "../../test/harness/training.js";
import { backup, restore } from "../checkpoint/index.js";
import { parseManifest, renderManifest, type Manifest } from "../store/manifest.js";
import type { RunEventOf } from "../events/event.js";

/** Nothing is said of images, nor of anything else that a checkpoint remembers. */
const bare: Wishes = { bare: true };
const started = ({ events }: Trained): RunEventOf<"run-started"> =>
  events.find((event) => event.type === "run-started")!;
const goesOn = ({ events }: Trained): boolean => events.some(({ type }) => type === "resumed");
const warnings = ({ events }: Trained): string[] =>
  events.flatMap((event) => (event.type === "warning" ? [event.code] : []));

/** A folder with class folders of images, and one to train in. */
async function place(classes: readonly string[] = ["CNV"]) {
  const [folder, data] = [await testFolder(), await testFolder()];
  for (const [i, name] of classes.entries()) await writeImages(join(data, name), 16 + i);
  const train = (wishes: Wishes) => trainHere(folder, wishes);
  return { folder, data, train, weights: join(folder, "weights") };
}

/** Changes the manifest of every generation, as an older version would have written it. */
async function rewritten(weights: string, change: (manifest: Manifest) => Manifest): Promise<void> {
  for (const { id, folder } of await generationsIn(weights)) {
    const path = join(folder, "manifest.json");
    const manifest = change(parseManifest(id, await readFile(path, "utf8")));
    await rm(path);
    await writeFile(path, renderManifest(manifest));
  }
}

/** Before the place of the images was remembered: format 2 without `local`, and no sample of the images' contents. */
const older = ({ local: _, ...manifest }: Manifest): Manifest => {
  const { sample: __, ...data } = manifest.metadata["data"] as Record<string, string>;
  return { ...manifest, metadata: { ...manifest.metadata, data } };
};

describe("a training without --data", { timeout: 120_000 }, () => {
  it("goes on with the images and the class of its checkpoint, from any current folder", async () => {
    const { train, data, weights } = await place(["CNV", "DRUSEN"]);
    await train({ data, className: "CNV", maxBatches: 1 });
    const next = await train({ ...bare, maxBatches: 2 });
    expect(goesOn(next)).toBe(true);
    expect(started(next)).toMatchObject({ data: join(data, "CNV"), label: "CNV", images: 16 });
    expect(warnings(next)).toEqual([]);
    const [newest] = await generationsIn(weights);
    expect(newest!.local).toEqual({ data: { folder: data, class: "CNV", images: join(data, "CNV") } });
    // No .pth names the folder: people hand these on.
    for (const name of await readdir(weights, { recursive: true })) {
      if (!name.endsWith(".pth")) continue;
      expect((await readFile(join(weights, name))).includes(data), name).toBe(false);
    }
  });

  it("remembers a class that was not asked for, when another appears beside it", async () => {
    const { train, data } = await place();
    await train({ data, maxBatches: 1 });
    await writeImages(join(data, "DRUSEN"), 3);
    const next = await train({ ...bare, maxBatches: 2 });
    expect(started(next)).toMatchObject({ data: join(data, "CNV"), label: "CNV" });
  });

  it("remembers a folder without classes, by whatever it was called, and through a link", async () => {
    const { train, data, folder } = await place();
    const link = join(folder, "scans");
    await symlink(join(data, "CNV"), link);
    await train({ data: link, className: "AMD", maxBatches: 1 });
    const next = await train({ ...bare, maxBatches: 2 });
    expect(started(next)).toMatchObject({ data: link, label: "AMD" });
    expect(goesOn(next)).toBe(true);
  });

  it("goes on with what was trained last, and with the class that is asked for", async () => {
    const { train, data } = await place(["CNV", "DRUSEN", "DME"]);
    await train({ data, className: "DRUSEN", maxBatches: 1 });
    await train({ data, className: "CNV", maxBatches: 1 });
    expect(started(await train({ ...bare, maxBatches: 2 }))).toMatchObject({ label: "CNV" });
    const other = await train({ ...bare, className: "DRUSEN", maxBatches: 2 });
    expect(started(other)).toMatchObject({ label: "DRUSEN", data: join(data, "DRUSEN") });
    expect(goesOn(other)).toBe(true);
    const third = await train({ className: "DME", maxBatches: 1 });
    expect(started(third)).toMatchObject({ label: "DME", data: join(data, "DME") });
    expect(goesOn(third)).toBe(false);
  });

  it("from a checkpoint that is named goes on with the images of that one", async () => {
    const { train, data, weights } = await place(["CNV", "DRUSEN"]);
    await train({ data, className: "DRUSEN", maxBatches: 1 });
    const [first] = await generationsIn(weights);
    await train({ data, className: "CNV", maxBatches: 1 });
    const next = await train({ ...bare, resume: first!.id, maxBatches: 2 });
    expect(started(next)).toMatchObject({ data: join(data, "DRUSEN"), label: "DRUSEN" });
  });

  it("that begins anew stays with the images that are there, unless generated ones are asked for", async () => {
    const { train, data } = await place();
    await train({ data, maxBatches: 1 });
    const { phantoms: _, ...plan } = tinyPlan;
    const fresh = await train({ bare: true, preset: "demo", overrides: plan, fresh: true, maxBatches: 1 });
    expect(goesOn(fresh)).toBe(false);
    expect(started(fresh)).toMatchObject({ data: join(data, "CNV"), label: "CNV" });
    const drawn = await train({ fresh: true, maxBatches: 1 });
    expect(started(drawn)).toMatchObject({ data: "phantom", label: "DRUSEN" });
  });

  it("has generated images only where it has begun with them", async () => {
    const { train } = await place();
    await train({ maxBatches: 1 });
    const next = await train({ ...bare, maxBatches: 2 });
    expect(started(next)).toMatchObject({ data: "phantom", images: 24 });
    expect(goesOn(next)).toBe(true);
    const more = await train({ ...bare, overrides: { phantoms: 12 }, maxBatches: 3 });
    expect(started(more)).toMatchObject({ data: "phantom", images: 12 });
    expect(started(await train({ ...bare, maxBatches: 4 }))).toMatchObject({ images: 12 });
  });

  it("asks for --data where an older version has saved, whatever else is said, and not where it drew its images", async () => {
    const { train, data, weights } = await place();
    await train({ data, maxBatches: 1 });
    await rewritten(weights, older);
    const [newest] = await generationsIn(weights);
    const needed = { code: "DATA_NEEDED", data: { id: newest!.id, class: "CNV", mayDraw: false } };
    await expect(train(bare)).rejects.toMatchObject(needed);
    await expect(train({ ...bare, overrides: { phantoms: 9 } })).rejects.toMatchObject(needed);
    await expect(train({ ...bare, resume: "latest" })).rejects.toMatchObject(needed);
    await expect(train({ ...bare, resume: join(weights, "generator_CNV_local.pth") })).rejects.toMatchObject(
      needed,
    );
    await expect(train({ ...bare, fresh: true })).rejects.toMatchObject({
      data: { id: newest!.id, mayDraw: true },
    });
    const told = await train({ ...bare, data, maxBatches: 2 });
    expect(goesOn(told)).toBe(true);
    expect(warnings(told)).toEqual([]);
    // From then on it is known.
    expect(started(await train({ ...bare, maxBatches: 3 }))).toMatchObject({ data: join(data, "CNV") });

    const drawn = await place();
    await drawn.train({ maxBatches: 1 });
    await rewritten(drawn.weights, older);
    expect(started(await drawn.train({ ...bare, maxBatches: 2 }))).toMatchObject({ data: "phantom" });
  });

  it("names the folder that is gone, also behind a backup that was brought to another computer", async () => {
    const { train, data, weights, folder } = await place();
    await train({ data, maxBatches: 1 });
    const { backup: made } = await backup(weights, { destination: join(folder, "usb") });
    await rename(data, `${data}-moved`);
    const gone = { code: "DATA_GONE", data: { folder: join(data, "CNV") } };
    await expect(train(bare)).rejects.toMatchObject(gone);
    // An empty place where a disk was, or other images in the class folder's stead.
    await mkdir(data);
    await expect(train(bare)).rejects.toMatchObject(gone);
    await writeImages(data, 3);
    await expect(train(bare)).rejects.toMatchObject(gone);
    await rm(data, { recursive: true });

    const elsewhere = await testFolder();
    await restore(join(elsewhere, "weights"), made!.folder);
    await expect(trainHere(elsewhere, bare)).rejects.toMatchObject(gone);
    const next = await trainHere(elsewhere, { ...bare, data: `${data}-moved`, maxBatches: 2 });
    expect(goesOn(next)).toBe(true);
    expect(warnings(next)).toEqual([]);
    await rename(`${data}-moved`, data);
    expect(started(await train({ ...bare, maxBatches: 2 }))).toMatchObject({ data: join(data, "CNV") });
  });

  it("says once that images were exchanged for others of the same names and sizes", async () => {
    const { train, data } = await place();
    const folder = join(data, "CNV");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".jpg"));
    const contents = await Promise.all(names.map((name) => readFile(join(folder, name))));
    // What comes after its end is nothing to a JPEG.
    const bytes = Math.max(...contents.map(({ length }) => length));
    const padded = contents.map((content) => Buffer.concat([content, Buffer.alloc(bytes - content.length)]));
    for (const [i, name] of names.entries()) await writeFile(join(folder, name), padded[i]!);
    await train({ data, maxBatches: 1 });
    for (const [i, name] of names.entries()) await writeFile(join(folder, name), padded.at(i - 1)!);
    const next = await train({ ...bare });
    expect(warnings(next)).toEqual(["DATA_DIFFERS"]);
    expect(warnings(await train({ ...bare, overrides: { end: 16 } }))).toEqual([]);
  });

  it("ends when more than a tenth of the images vanish, its weights saved", async () => {
    const { train, data, weights } = await place();
    let batches = 0;
    const running = train({
      data,
      overrides: { epochs: Array.from({ length: 9 }, () => 3) },
      onEvent: (event) => {
        if (event.type === "stepped") batches = event.batches;
        if (event.type === "stepped" && batches === 2) {
          void readdir(join(data, "CNV")).then(async (names) => {
            for (const name of names.slice(0, 2)) await rm(join(data, "CNV", name));
          });
        }
      },
    });
    await expect(running).rejects.toMatchObject({
      code: "IMAGES_VANISHED",
      data: { folder: join(data, "CNV"), gone: 2, of: 16 },
    });
    const [newest] = await generationsIn(weights);
    expect(newest!.progress["place"]).toMatchObject({ batches });
  });
});
