import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { writeImages } from "../../test/harness/images.js";
import { generationsIn } from "../../test/harness/state.js";
import { trainHere, type Wishes } from "../../test/harness/training.js";
import type { Generation } from "../checkpoint/index.js";
import { renderManifest, type Manifest } from "../store/manifest.js";
import { formerLabel } from "../progan/image-source.js";
import { presets } from "../progan/config.js";
import { openPhantoms } from "../progan/phantom.js";
import { firstPlace } from "../progan/schedule.js";
import { claim } from "./whose.js";

/** A generation of the version before: the label that several classes had, and no class. */
async function makeFormer({ folder, series }: Generation): Promise<void> {
  const path = join(folder, "manifest.json");
  const { manifest } = JSON.parse(await readFile(path, "utf8")) as { manifest: Manifest };
  const { class: own, ...rest } = manifest;
  await chmod(path, 0o644);
  await writeFile(path, renderManifest({ ...rest, label: own == null ? series.label : formerLabel(own) }));
}

/** Class folders with as many images each as its place says, and a training of two batches for any of them. */
async function classes(...names: readonly string[]) {
  const folder = await testFolder();
  const data = join(folder, "data");
  for (const [index, name] of names.entries()) await writeImages(join(data, name), 8 + index);
  const trainOn = async (className: string, wishes: Wishes = {}) => {
    const { overrides, ...rest } = wishes;
    const config = {
      imageChannels: 1,
      end: 4,
      autosave: 1,
      batchSizes: Array<number>(9).fill(2),
      ...overrides,
    } as const;
    const { events, weights } = await trainHere(folder, { data, className, overrides: config, ...rest });
    const resumed = events.find((event) => event.type === "resumed");
    return { from: resumed?.type === "resumed" ? resumed.id : undefined, all: await generationsIn(weights) };
  };
  return { folder, trainOn };
}

describe("trainings of classes that differ in signs", { timeout: 300_000 }, () => {
  it("are several, and each goes on from its own", async () => {
    const { trainOn } = await classes("HER2+", "HER2-", "HER2");
    const last = new Map<string, string>();
    for (const batches of [2, 4]) {
      for (const name of ["HER2+", "HER2-", "HER2"]) {
        const { from, all } = await trainOn(name, { maxBatches: batches });
        expect(from).toBe(last.get(name));
        expect(all[0]!.series.class).toBe(name);
        last.set(name, all[0]!.id);
      }
    }
  });

  it("of the version before go on where the images are those, and are asked for elsewhere", async () => {
    const { trainOn } = await classes("HER2+", "HER2-", "HER2");
    const before = (await trainOn("HER2+", { maxBatches: 2 })).all;
    for (const one of before) await makeFormer(one);
    for (const name of ["HER2-", "HER2"]) {
      for (const resume of [undefined, "latest"]) {
        await expect(trainOn(name, { resume })).rejects.toMatchObject({
          code: "CHECKPOINT_OF_OTHERS",
          data: { id: before[0]!.id, class: name, label: "HER2" },
        });
      }
    }
    expect((await trainOn("HER2+", { maxBatches: 4 })).from).toBe(before[0]!.id);
    // The label is HER2's own: it begins beside the others', and they stay.
    const fresh = await trainOn("HER2", { fresh: true, maxBatches: 5 });
    expect(fresh.from).toBeUndefined();
    expect(fresh.all.map(({ id }) => id)).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
    expect((await trainOn("HER2", { maxBatches: 6 })).from).toBe(fresh.all[0]!.id);
    // Who names one has decided.
    expect((await trainOn("HER2-", { resume: before[0]!.id, maxBatches: 6 })).from).toBe(before[0]!.id);
  });

  it("does not take images for generated ones, nor the other way round", async () => {
    const { folder, trainOn } = await classes("DRUSEN");
    const { events } = await trainHere(folder, { maxBatches: 2 });
    expect(events.some(({ type }) => type === "saved")).toBe(true);
    await expect(trainOn("DRUSEN")).rejects.toMatchObject({
      code: "CHECKPOINT_OF_OTHERS",
      data: { class: "DRUSEN", other: null },
    });
  });
});

describe("what a training claims", () => {
  const config = presets.demo;
  const progress = { place: firstPlace(config), config, preset: "demo", device: "cpu", threads: 1 };
  const series = { label: "HER2~1", name: "local", class: "HER2+" };
  const of = (step: number, fingerprint: string, own: Partial<Generation["series"]> = {}) =>
    ({
      id: `${step}`,
      step,
      series: { ...series, label: "HER2", class: undefined, ...own },
      progress: { ...progress, data: { fingerprint, images: 1 } },
    }) as unknown as Generation;

  it("is nothing of another name, and nothing that was asked and is not known", async () => {
    const nobody = () => Promise.resolve(false);
    const others = [
      of(1, "a", { name: "other" }),
      of(2, "a", { label: "CNV" }),
      of(3, "a", { class: "HER2" }),
    ];
    const { accepts, apart } = await claim(others, series, nobody);
    expect([others.filter(accepts), apart]).toEqual([[], false]);
    await expect(claim([of(4, "a")], series, nobody)).rejects.toMatchObject({ code: "CHECKPOINT_OF_OTHERS" });
    const own = of(5, "b", series);
    const mixed = await claim([own, of(4, "a")], series, nobody);
    expect([mixed.accepts(own), mixed.accepts(of(4, "a")), mixed.apart]).toEqual([true, false, true]);
  });

  it("is of a class written with composed or decomposed letters where the images say so", async () => {
    const wanted = { label: "ni\u00f1o", name: "local", class: "ni\u00f1o" };
    const there = [of(1, "a", { ...wanted, class: "nin\u0303o" })];
    const { accepts } = await claim(there, wanted, () => Promise.resolve(true));
    expect(there.filter(accepts)).toHaveLength(1);
    const nobody = () => Promise.resolve(false);
    await expect(claim(there, wanted, nobody)).rejects.toMatchObject({ code: "CHECKPOINT_OF_OTHERS" });
  });

  it("knows its generated images again", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    for (const one of await generationsIn(weights)) await makeFormer(one);
    const { events } = await trainHere(folder, { maxBatches: 3 });
    expect(events.some(({ type }) => type === "resumed")).toBe(true);
    const { label } = openPhantoms({ count: 1, seed: 1, channels: 1 });
    expect((await generationsIn(weights))[0]!.series).toEqual({ label, name: "local", class: null });
  });
});
