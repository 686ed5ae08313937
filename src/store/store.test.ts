import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, spoilt, temporaryFolder } from "../../test/crash/sample.js";
import {
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  type StoreOptions,
} from "../checkpoint/index.js";

const options = (folder: string): StoreOptions => ({ folder, label: "DRUSEN", name: "local" });

async function saved(folder: string, ...steps: number[]) {
  const store = await openStore(options(folder));
  const reports = [];
  for (const step of steps) reports.push(await store.save(sample(step)));
  await store.close();
  return reports;
}

describe("the store", () => {
  it("gives back what it was given: weights, ties, moments, order, progress", async () => {
    const folder = await temporaryFolder("guardapesos con espacios y eñes áé-");
    const before = sample(7, "manual");
    const store = await openStore(options(folder));
    const report = await store.save(before);
    await store.close();
    expect(report.problems).toEqual([]);

    const found = await newestWhole(folder);
    expect(found?.generation).toEqual((await listGenerations(folder)).whole[0]);
    const after = await loadCheckpoint(found!.generation);
    expect(after).toEqual(before);
    for (const state of after.networks.values()) {
      expect(state.stateDict.get("rgb_layers.0.weight")).toBe(state.stateDict.get("initial_rgb.weight"));
    }
  });

  it("gives the newest verified pair its familiar names, as links", async () => {
    const folder = await temporaryFolder();
    const [first, second] = await saved(folder, 1, 2);
    expect(first!.files.map((file) => file.path)).toEqual([
      join(folder, "generator_DRUSEN_local.pth"),
      join(folder, "critic_DRUSEN_local.pth"),
    ]);
    for (const [index, file] of second!.files.entries()) {
      const [named, inside] = [await stat(file.path), await stat(second!.generation.files[index]!.path)];
      expect(named.ino).toBe(inside.ino);
      expect(named.size).toBe(file.bytes);
    }
  });

  it("gives an emergency names of its own, and a second one in the same second others", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    const [first, second] = [
      await store.save(sample(1, "emergency")),
      await store.save(sample(2, "emergency")),
    ];
    await store.close();
    const names = [...first.files, ...second.files].map((file) => file.path);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/EMERGENCY_(generator|critic)_\d{8}_\d{6}(_\d+)?\.pth$/);
    const list = await readdir(folder);
    expect(list.filter((name) => name.startsWith("EMERGENCY_"))).toHaveLength(4);
    expect(list).toContain("generator_DRUSEN_local.pth");
  });

  it("keeps a checkpoint with NaN, says so, and leaves the familiar names on the finite pair", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    const good = await store.save(sample(1));
    for (let step = 2; step < 8; step++) {
      const bad = await store.save(spoilt(sample(step)));
      expect(bad.generation.nonFinite).toBe(2);
      expect(bad.files.every((file) => file.path.startsWith(bad.generation.folder))).toBe(true);
    }
    await store.close();
    expect((await stat(good.files[0]!.path)).ino).toBe((await stat(good.generation.files[0]!.path)).ino);
    expect((await listGenerations(folder)).whole.map((one) => one.id)).toContain(good.generation.id);
  });

  it("never replaces a file of the user's own at a familiar name", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "generator_DRUSEN_local.pth"), "from the Python script");
    const [report] = await saved(folder, 1);
    expect(report!.movedAside).toHaveLength(1);
    expect(await readFile(report!.movedAside[0]!, "utf8")).toBe("from the Python script");
    expect(report!.movedAside[0]).toMatch(/OLD_generator_DRUSEN_local_\d{8}_\d{6}\.pth$/);
    const [again] = await saved(folder, 2);
    expect(again!.movedAside).toEqual([]);
  });

  it("says that weights have not changed although steps have passed", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    const before = sample(1);
    expect((await store.save(before)).stale).toBe(false);
    expect((await store.save({ ...before, step: 2 })).stale).toBe(true);
    expect((await store.save(sample(3))).stale).toBe(false);
    await store.close();
  });

  it("orders by the order of saving, whatever the steps are, and chains parents", async () => {
    const folder = await temporaryFolder();
    const [, old] = await saved(folder, 500, 1000);
    const fresh = await openStore({ ...options(folder), parent: null });
    const report = await fresh.save(sample(5));
    await fresh.close();
    expect(report.generation.parent).toBeUndefined();
    expect(report.generation.run).not.toBe(old!.generation.run);
    const { whole } = await listGenerations(folder);
    expect(whole.map((one) => one.step)).toEqual([5, 1000, 500]);
    expect(whole[1]!.parent).toBe(whole[2]!.id);
    const [next] = await saved(folder, 6);
    expect(next!.generation).toMatchObject({ parent: report.generation.id, run: report.generation.run });
  });

  it("does not mix the generations of two labels in one folder", async () => {
    const folder = await temporaryFolder();
    await saved(folder, 10);
    const other = await openStore({ folder, label: "CNV", name: "local" });
    const report = await other.save(sample(3));
    await other.close();
    expect(report.generation.parent).toBeUndefined();
    const drusen = await newestWhole(folder, { series: { label: "DRUSEN", name: "local" } });
    expect(drusen?.generation.step).toBe(10);
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(["generator_CNV_local.pth", "generator_DRUSEN_local.pth"]),
    );
  });

  it("removes what the policy lets go, and only that", async () => {
    const folder = await temporaryFolder();
    const reports = await saved(folder, 1, 2, 3, 4);
    expect(reports.map((one) => one.removed.length)).toEqual([0, 0, 1, 1]);
    const names = await readdir(join(folder, "checkpoints"));
    expect(names.filter((name) => !name.startsWith("."))).toEqual([
      reports[2]!.generation.id,
      reports[3]!.generation.id,
      "journal.jsonl",
    ]);
  });

  it("takes the deletion of EMERGENCY files for a wish, once newer ones are verified", async () => {
    const folder = await temporaryFolder();
    const { rm } = await import("node:fs/promises");
    const store = await openStore(options(folder));
    const report = await store.save(sample(1, "emergency"));
    await store.save(sample(2));
    await store.save(sample(3));
    expect((await listGenerations(folder)).whole).toHaveLength(3);
    for (const file of report.files) await rm(file.path);
    expect((await store.save(sample(4))).removed).toContain(report.generation.id);
    await store.close();
  });

  it("refuses a second writer in the folder, and lets the next one in after the first has closed", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    await expect(openStore(options(folder))).rejects.toMatchObject({
      code: "WEIGHTS_IN_USE",
      data: { pid: process.pid },
    });
    await store.close();
    await (await openStore(options(folder))).close();
  });

  it("says that a folder cannot be written to when it lies below a file", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    await expect(openStore(options(join(folder, "file", "weights")))).rejects.toMatchObject({
      code: "WEIGHTS_NOT_WRITABLE",
    });
  });

  it("clears away what interrupted saves left, and nothing that is not its own", async () => {
    const folder = await temporaryFolder();
    await saved(folder, 1);
    const inside = join(folder, "checkpoints");
    for (const name of [
      ".tmp-00000009-auto-20200101_000000",
      ".trash-00000008-auto-20200101_000000",
      "mine",
    ]) {
      await mkdir(join(inside, name));
      await writeFile(join(inside, name, "generator.pth"), "half");
    }
    const store = await openStore(options(folder));
    expect(store.opening.leftovers).toHaveLength(2);
    await store.close();
    expect((await readdir(inside)).filter((name) => /tmp|trash|mine/.test(name))).toEqual(["mine"]);
  });

  it("saves several at once one after the other", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    const reports = await Promise.all([1, 2, 3].map((step) => store.save(sample(step, "manual"))));
    await store.close();
    expect(reports.map((one) => one.generation.sequence)).toEqual([1, 2, 3]);
  });

  it("tells its progress from 0 to 1 without going back", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    const shares: number[] = [];
    await store.save(sample(1, "auto", 400), (share) => shares.push(share));
    await store.close();
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });
});
