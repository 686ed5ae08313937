import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  listGenerations,
  newestWhole,
  openStore,
  storeStats,
  type Series,
  type StoreOptions,
} from "../checkpoint/index.js";
import { nodeDisk, type Disk } from "./disk.js";
import { familiarName } from "./names.js";
import { chosenSeries } from "./series.js";

type Who = Pick<StoreOptions, "label" | "name" | "class" | "parent" | "apart">;

async function save(folder: string, who: Who, steps: readonly number[], disk: Disk = nodeDisk) {
  const store = await openStore({ folder, ballast: false, ...who }, disk);
  const reports = [];
  for (const step of steps) reports.push(await store.save(sample(step)));
  await store.close();
  return reports;
}

/** As a folder on FAT or on a Mac: a file is found under its name in any case. */
const caseless: Disk = {
  ...nodeDisk,
  info: (path) => nodeDisk.info(folded(path)),
  rename: (from, to) => nodeDisk.rename(folded(from), folded(to)),
  link: (existing, path) => nodeDisk.link(folded(existing), folded(path)),
  remove: (path) => nodeDisk.remove(folded(path)),
  chunks: (path) => nodeDisk.chunks(folded(path)),
};
const folded = (path: string): string =>
  path.endsWith(".pth") ? join(dirname(path), basename(path).toLowerCase()) : path;

describe("series", () => {
  const plus = { label: "HER2~1", name: "local", class: "HER2+" };
  const minus = { label: "HER2~2", name: "local", class: "HER2-" };

  it("never count with each other: the one does not go on, and nothing is removed, as the other saves", async () => {
    const folder = await temporaryFolder();
    const [first] = await save(folder, plus, [1]);
    // Who goes on from another's checkpoint begins a line of descent of its own.
    const later = await save(folder, { ...minus, parent: first!.generation.id }, [2, 3, 4, 5]);
    expect(later[0]!.generation.parent).toBe(first!.generation.id);
    const { whole } = await listGenerations(folder);
    expect(whole.map(({ step }) => step)).toEqual([5, 4, 1]);
    expect(new Set(whole.map(({ run }) => run)).size).toBe(2);
    expect((await newestWhole(folder, { series: plus }))?.generation.step).toBe(1);
    expect(await newestWhole(folder, { series: { ...plus, class: "HER2" } })).toBeUndefined();
    // The class is written down, and in no .pth: it may be called after a patient.
    expect(whole.map(({ series }) => series.class)).toEqual(["HER2-", "HER2-", "HER2+"]);
    const inside = await readFile(first!.generation.files[0]!.path, "latin1");
    expect(inside).not.toContain("HER2");
    const { bySeries } = await storeStats(folder);
    expect(bySeries.map(({ series, generations }) => [series.class, generations])).toEqual([
      ["HER2-", 2],
      ["HER2+", 1],
    ]);
  });

  it("of one class goes on, unless it is to begin apart", async () => {
    const folder = await temporaryFolder();
    const [first] = await save(folder, { label: "HER2", name: "local" }, [1]);
    const parent = first!.generation.id;
    const own = { label: "HER2", name: "local", class: "HER2" };
    const [second] = await save(folder, { ...own, parent }, [2]);
    expect(second!.generation.run).toBe(first!.generation.run);
    const [third] = await save(folder, { ...own, parent, apart: true }, [3]);
    expect(third!.generation.run).not.toBe(first!.generation.run);
    const phantoms = { ...own, class: null, parent: second!.generation.id };
    const [fourth] = await save(folder, phantoms, [4]);
    expect(fourth!.generation.run).not.toBe(second!.generation.run);
  });

  it.each<[string, Who, Who, Disk]>([
    ["read alike", { label: "A_B", name: "c" }, { label: "A", name: "B_c" }, nodeDisk],
    [
      "differ in case on such a disk",
      { label: "Drusen", name: "x" },
      { label: "DRUSEN", name: "X" },
      caseless,
    ],
  ])("whose names %s have familiar names of their own", async (_, one, other, disk) => {
    const folder = await temporaryFolder();
    const [first] = await save(folder, one, [1], disk);
    const inode = async ({ files }: { files: readonly { path: string }[] }) =>
      Promise.all(files.map(async ({ path }) => (await stat(disk === caseless ? folded(path) : path)).ino));
    const before = await inode(first!);
    const [second, third] = await save(folder, other, [2, 3], disk);
    expect(await inode(first!)).toEqual(before);
    expect(basename(second!.files[0]!.path)).toBe(familiarName("generator.pth", other, true));
    expect(third!.files).toEqual(second!.files);
    // The first has its own still, and so it stays for both.
    const [again] = await save(folder, one, [4], disk);
    expect(again!.files).toEqual(first!.files);
    const [last] = await save(folder, other, [5], disk);
    expect(last!.files).toEqual(second!.files);
    expect((await readdir(folder)).filter((name) => name.endsWith(".pth"))).toHaveLength(4);
    expect(last!.movedAside).toEqual([]);
  });

  it("have file names that a file system takes", async () => {
    const folder = await temporaryFolder();
    const who = { label: "字".repeat(64), name: "名".repeat(100) };
    const [report] = await save(folder, who, [1]);
    expect(report!.problems).toEqual([]);
    for (const { path } of report!.files) expect(Buffer.byteLength(basename(path))).toBeLessThan(230);
  });
});

describe("--class and --name", () => {
  const known: Series[] = [
    { label: "HER2~1", name: "local", class: "HER2+" },
    { label: "HER2~2", name: "local", class: "HER2-" },
    { label: "HER2", name: "local", class: "HER2" },
    { label: "HER2", name: "local" },
    { label: "CNV", name: "local" },
    { label: "CNV", name: "night" },
    { label: "DRUSEN", name: "local", class: null },
    { label: "ni\u00f1o", name: "local", class: "nin\u0303o" },
    { label: "Drusen", name: "b", class: "Drusen" },
    { label: "dRUSEN", name: "c", class: "dRUSEN" },
  ];
  const choose = (wish: { class?: string; name?: string }) =>
    chosenSeries(known, wish, "weights").map((one) => known.indexOf(one));

  it.each([
    [{ class: "HER2+" }, [0]],
    [{ class: "HER2" }, [2]],
    [{ class: "HER2~2" }, [1]],
    [{ class: "her2-" }, [1]],
    [{ class: "CNV" }, [4, 5]],
    [{ class: "CNV", name: "night" }, [5]],
    [{ name: "night" }, [5]],
    [{ class: "DRUSEN" }, [6]],
    [{ class: "ni\u00f1o" }, [7]],
  ])("%j choose %j", (wish, expected) => expect(choose(wish)).toEqual(expected));

  it.each([
    [{ class: "HER2?" }],
    [{ class: "HER2+", name: "night" }],
    [{ name: "x" }],
    [{ class: "drusen" }],
  ])("%j choose nothing", (wish) => expect(() => choose(wish)).toThrow("SERIES_NOT_FOUND"));
});
