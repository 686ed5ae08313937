import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { keepByHand, listGenerations, openStore, prune } from "../checkpoint/index.js";

async function withEmergencies() {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, label: "DRUSEN", name: "local" });
  const reports = [];
  for (const [step, kind] of [
    [1, "emergency"],
    [2, "emergency"],
    [3, "emergency"],
    [4, "epoch"],
    [5, "auto"],
    [6, "auto"],
  ] as const) {
    reports.push(await store.save(sample(step, kind)));
  }
  return { folder, store, reports };
}

describe("prune", () => {
  it("first says what would go and what it would free, then does that, EMERGENCY files included", async () => {
    const { folder, store, reports } = await withEmergencies();
    await expect(prune(folder)).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
    const plan = await prune(folder, { dryRun: true });
    expect(plan.removals.map(({ generation }) => generation.step)).toEqual([1, 2]);
    expect(plan).toMatchObject({ removed: [], kept: 4 });
    expect((await listGenerations(folder)).whole).toHaveLength(6);
    await store.close();

    const done = await prune(folder);
    expect(done).toMatchObject({ problems: [], freed: plan.freed });
    expect([...done.removed].sort()).toEqual(plan.removals.map(({ generation }) => generation.id));
    expect((await listGenerations(folder)).whole.map((one) => one.step)).toEqual([6, 5, 4, 3]);
    for (const [index, report] of reports.slice(0, 3).entries()) {
      for (const file of report.files) expect(existsSync(file.path)).toBe(index === 2);
    }
    expect(await readdir(folder)).toContain("generator_DRUSEN_local.pth");
    expect((await prune(folder)).removed).toEqual([]);
  });

  it("leaves alone what a person has marked, until the mark is taken away, while a training runs", async () => {
    const { folder, store, reports } = await withEmergencies();
    const [first] = reports;
    await keepByHand(folder, first!.generation.id, true);
    const marked = (await listGenerations(folder)).whole.find((one) => one.keptByHand);
    expect(marked?.id).toBe(first!.generation.id);
    const ids = async () =>
      (await prune(folder, { dryRun: true })).removals.map(({ generation }) => generation.step);
    expect(await ids()).toEqual([2]);
    await keepByHand(folder, first!.generation.id, false);
    expect(await ids()).toEqual([1, 2]);
    await expect(keepByHand(folder, "nothing", true)).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
    await store.close();
  });

  it("has nothing to do where there is nothing, and makes nothing", async () => {
    const folder = await temporaryFolder();
    expect(await prune(folder)).toMatchObject({ removed: [], freed: 0 });
    expect(await readdir(folder)).toEqual([]);
  });
});
