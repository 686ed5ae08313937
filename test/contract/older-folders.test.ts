/**
 * Weights folders that versions before this one have left, kept as they made them: of manifest formats 1 and 2, and of a
 * training that was killed in a save, with its lock, its leftovers and its copy in memory. All of it goes on.
 */
import { execFileSync } from "node:child_process";
import { chmod, readdir, readFile, realpath, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { whichFolder } from "../../src/checkpoint/mirror-file.js";
import {
  backup,
  examine,
  listBackups,
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  prune,
  resolveReference,
  restore,
  storeStats,
  verifyGeneration,
} from "../../src/checkpoint/index.js";
import { takeUpLeft } from "../../src/training/outlive.js";
import { sample } from "../crash/numbers.js";
import { temporaryFolder } from "../crash/sample.js";

/** A copy of what an older version has left; hard links and modes are as they were. */
async function left(name: string): Promise<{ folder: string; weights: string }> {
  const folder = await temporaryFolder();
  const archive = fileURLToPath(new URL(`../fixtures/older/${name}.tar.gz`, import.meta.url));
  execFileSync("tar", ["-xzpf", archive], { cwd: folder });
  return { folder, weights: join(folder, "w") };
}

/** What was saved into it, by step. */
function numberAt(step: number, tensor: number, i: number): number {
  return Math.fround(Math.sin(step * 100 + tensor * 10 + i));
}

describe.each([1, 2])("a weights folder of manifest format %i", (format) => {
  const open = () => left(`format-${format}`);

  it("is listed, verified and loaded", async () => {
    const { weights } = await open();
    const { whole, damaged } = await listGenerations(weights);
    expect(damaged).toEqual([]);
    const told = whole.map(({ step, kind, reason, sequence }) => [sequence, step, kind, reason]);
    expect(told).toEqual([
      [5, 5, "auto", "every 7.5 minutes"],
      [4, 4, "auto", "every 500 batches"],
      [3, 3, "emergency", "SIGINT"],
      [2, 2, "epoch", "end of the epoch"],
      [1, 1, "manual", "asked for"],
    ]);
    for (const generation of whole) {
      expect(await verifyGeneration(generation, { deep: true })).toMatchObject({ whole: true, damages: [] });
      expect(generation).toMatchObject({ nameRemoved: false, nonFinite: 0, progress: { note: "ñ" } });
      expect(generation.verifiedAt).toBeDefined();
      const checkpoint = await loadCheckpoint(generation);
      const { data } = checkpoint.networks.get("critic")!.stateDict.get("conv.weight")!;
      expect([...data.slice(0, 3)]).toEqual([0, 1, 2].map((i) => numberAt(generation.step, 6, i)));
    }
    expect(whole.filter(({ keptByHand }) => keptByHand).map(({ step }) => step)).toEqual([1]);
    expect(new Set(whole.map(({ run }) => run)).size).toBe(1);
    for (const name of ["generator_DRUSEN_local.pth", whole[0]!.id, "emergency"])
      expect(
        (await resolveReference(weights, join(weights, name)).catch(() => resolveReference(weights, name)))
          .source.from,
      ).toBe("generation");
  });

  it("finds one damaged byte, with its tensor", async () => {
    const { weights } = await open();
    const [{ files, ...generation }] = (await listGenerations(weights)).whole as [
      Awaited<ReturnType<typeof listGenerations>>["whole"][0],
    ];
    const { path } = files.find(({ network }) => network === "critic")!;
    const bytes = await readFile(path);
    const at = bytes.indexOf(Buffer.from(Float32Array.of(numberAt(5, 6, 0)).buffer));
    bytes[at]! ^= 1;
    await chmod(path, 0o600);
    await writeFile(path, bytes);
    expect((await verifyGeneration(generation)).damages[0]).toMatchObject({ file: "critic.pth" });
    expect((await newestWhole(weights))?.generation.step).toBe(4);
  });

  it("goes on: the next save is of the same descent, counts on, and takes the names over", async () => {
    const { weights } = await open();
    const before = (await listGenerations(weights)).whole;
    const store = await openStore({
      folder: weights,
      label: "DRUSEN",
      name: "local",
      // Format 1 did not know classes: whoever names one begins apart from it.
      class: format === 1 ? undefined : "DRUSEN",
      ballast: false,
    });
    expect(store.opening).toMatchObject({ skipped: [], movedAside: [], leftovers: [], sequence: 5 });
    const { generation, movedAside, removed, problems } = await store.save(sample(6));
    await store.close();
    expect({ movedAside, problems }).toEqual({ movedAside: [], problems: [] });
    expect(generation).toMatchObject({ sequence: 6, run: before[0]!.run, parent: before[0]!.id });
    // Two automatic ones stay.
    expect(removed).toEqual([before[1]!.id]);
    const name = join(weights, "generator_DRUSEN_local.pth");
    const own = generation.files.find(({ network }) => network === "generator")!;
    expect((await readFile(name)).equals(await readFile(own.path))).toBe(true);
    expect((await readdir(weights)).filter((file) => file.startsWith("OLD_"))).toEqual([]);
    expect((await prune(weights)).damaged).toEqual([]);
    expect((await storeStats(weights)).byKind.auto.saves).toBe(3);
    const problemsFound = (await examine(weights)).filter(({ level }) => level === "problem");
    expect(
      problemsFound.filter(({ code }) => !["clock-off", "backup-ahead", "space-short"].includes(code)),
    ).toEqual([]);
  });

  it("is backed up as it is, and what is restored from it is whole", async () => {
    const { weights } = await open();
    const [older] = (await listBackups(weights)).whole;
    expect(older).toMatchObject({ step: 5 });
    const { backup: copy, source } = await backup(weights);
    const manifest = (folder: string) => readFile(join(folder, "manifest.json"), "utf8");
    expect(await manifest(copy!.folder)).toBe(await manifest(source.folder));
    const { generation } = await restore(weights, copy!.id);
    expect(generation).toMatchObject({ sequence: 6, kind: "manual", step: 5, pair: older!.pair });
    expect(generation.reason).toMatch(/^restored from \d{4}-/);
    expect(JSON.parse(await manifest(generation.folder))).toMatchObject({ manifest: { format: 3 } });
    expect((await verifyGeneration(generation, { deep: true })).whole).toBe(true);
    const { networks, step } = await loadCheckpoint(generation);
    expect([step, [...networks.keys()]]).toEqual([5, ["generator", "critic"]]);
  });
});

describe("what the version before left when it was killed in a save", () => {
  /** The process is dead and of another machine: only its silence tells. Its copy in memory knows the folder by its numbers. */
  async function killed() {
    const { folder, weights } = await left("killed");
    const memory = join(folder, "mem");
    const checkpoints = join(weights, "checkpoints");
    const [lock] = (await readdir(checkpoints)).filter((name) => name.startsWith(".lock-"));
    await utimes(join(checkpoints, lock!), 1, 1);
    for (const name of await readdir(memory)) {
      const path = join(memory, name);
      await chmod(path, 0o600);
      if (!name.endsWith(".json")) continue;
      const facts = JSON.parse(await readFile(path, "utf8")) as object;
      await writeFile(path, JSON.stringify({ ...facts, ...(await whichFolder(weights)) }));
    }
    const before = process.env["GUARDAPESOS_MIRROR"];
    process.env["GUARDAPESOS_MIRROR"] = memory;
    onTestFinished(() => {
      if (before === undefined) delete process.env["GUARDAPESOS_MIRROR"];
      else process.env["GUARDAPESOS_MIRROR"] = before;
    });
    return { weights: await realpath(weights), checkpoints, memory };
  }

  it("is cleared away, and the newest whole checkpoint is the one that was", async () => {
    const { weights, checkpoints } = await killed();
    const found = await newestWhole(weights);
    expect(found?.generation).toMatchObject({ step: 40, kind: "auto" });
    const store = await openStore({ folder: weights, label: "DRUSEN", name: "local", class: null });
    await store.close();
    expect(store.opening.leftovers.join()).toMatch(/^\.tmp-00000050-epoch-\d+_\d+$/);
    expect(store.opening.skipped).toEqual([]);
    expect(store.opening.run).toBe(found?.generation.run);
    expect((await readdir(checkpoints)).filter((name) => /^\.(tmp|lock)-/.test(name))).toEqual([]);
    const { ino } = await stat(join(weights, "critic_DRUSEN_local.pth"));
    const own = found!.generation.files.find(({ network }) => network === "critic")!;
    if (process.platform !== "win32") expect((await stat(own.path)).ino).toBe(ino);
  });

  it.skipIf(process.platform === "win32")(
    "is taken up from memory, with every batch that was done",
    async () => {
      const { weights, memory } = await killed();
      const { saved, staying } = await takeUpLeft(weights);
      expect(staying).toEqual([]);
      expect(saved).toHaveLength(1);
      expect(await readdir(memory)).toEqual([]);
      const [newest] = (await listGenerations(weights)).whole;
      expect(newest).toMatchObject({ id: saved[0], kind: "emergency" });
      expect(newest!.step).toBeGreaterThanOrEqual(15);
      const checkpoint = await loadCheckpoint(newest!);
      expect([...checkpoint.networks.keys()]).toEqual(["generator", "critic"]);
      expect(checkpoint.progress).toMatchObject({ place: { step: newest!.step } });
    },
  );
});
