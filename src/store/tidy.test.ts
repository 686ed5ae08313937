/** What retention looks at before it removes: files as they are now, and marks as they are at that moment. */
import { chmod, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  keepByHand,
  listGenerations,
  newestWhole,
  openStore,
  prune,
  type CheckpointKind,
  type Generation,
  type Store,
} from "../checkpoint/index.js";
import { nodeDisk, type Disk } from "./disk.js";

const series = { label: "DRUSEN", name: "local" };

/** A store with these saves, by step from 1 on. */
async function storeWith(kinds: readonly CheckpointKind[], disk: Disk = nodeDisk) {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, ...series, ballast: false }, disk);
  const saved: Generation[] = [];
  for (const [index, kind] of kinds.entries()) {
    saved.push((await store.save(sample(index + 1, kind))).generation);
  }
  const steps = async () => (await listGenerations(folder)).whole.map(({ step }) => step);
  return { folder, store, saved, steps };
}

/** Changes one byte of a tensor, as a disk does that decays: the size stays. */
async function rot({ files }: Generation): Promise<void> {
  const { path } = files[0]!;
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}

describe("prune", () => {
  it("removes nothing while the newest are not whole any more, and says which", async () => {
    const { folder, store, saved, steps } = await storeWith(["emergency", "emergency", "epoch", "emergency"]);
    await store.close();
    await rot(saved[2]!);
    await rot(saved[3]!);
    for (const dryRun of [true, false]) {
      const report = await prune(folder, { dryRun });
      expect(report).toMatchObject({ removals: [], removed: [], freed: 0, kept: 2 });
      expect(report.damaged.map(({ id }) => id)).toEqual([saved[3]!.id, saved[2]!.id]);
    }
    expect(await steps()).toEqual([4, 3, 2, 1]);
    expect((await newestWhole(folder))?.generation.step).toBe(2);
  });

  it("counts on the next older ones for those that are not whole, and lets go what they guard", async () => {
    const { folder, store, saved, steps } = await storeWith([
      "emergency",
      "emergency",
      "auto",
      "auto",
      "epoch",
    ]);
    await store.close();
    await rot(saved[4]!);
    const report = await prune(folder);
    expect(report.damaged.map(({ id }) => id)).toEqual([saved[4]!.id]);
    expect(report.removed).toEqual([saved[0]!.id]);
    expect(await steps()).toEqual([5, 4, 3, 2]);
  });

  it("removes no emergency for a newer one that is not whole", async () => {
    const { folder, store, saved, steps } = await storeWith(["emergency", "emergency", "auto", "auto"]);
    await store.close();
    await rot(saved[1]!);
    expect((await prune(folder)).removed).toEqual([]);
    expect(await steps()).toEqual([4, 3, 2, 1]);
  });
});

describe("retention beside training", () => {
  it("counts on what was just read back, and on others only when they are whole now", async () => {
    const { store, saved, steps } = await storeWith(["auto", "auto"]);
    await rot(saved[1]!);
    const third = await store.save(sample(3));
    expect(third).toMatchObject({ removed: [], problems: [], damaged: [{ id: saved[1]!.id }] });
    expect(await steps()).toEqual([3, 2, 1]);
    const fourth = await store.save(sample(4));
    expect(fourth).toMatchObject({ removed: [saved[0]!.id, saved[1]!.id], damaged: [] });
    await store.close();
  });

  it("reads nothing where nothing goes, and one more than was just saved where something does", async () => {
    const read: string[] = [];
    const disk: Disk = {
      ...nodeDisk,
      chunks(path) {
        read.push(path);
        return nodeDisk.chunks(path);
      },
    };
    const { store, saved } = await storeWith(["auto", "auto"], disk);
    read.length = 0;
    const { generation } = await store.save(sample(3));
    await store.close();
    const filesOf = ({ files }: Generation) => files.map(({ path }) => path);
    expect(read).toEqual([...filesOf(generation), ...filesOf(saved[1]!)]);
  });

  it("is left to the next save when an emergency save comes", async () => {
    const known: { store?: Store; second?: Generation; emergency?: ReturnType<Store["save"]> } = {};
    const disk: Disk = {
      ...nodeDisk,
      async *chunks(path) {
        if (path === known.second?.files[0]!.path)
          known.emergency ??= known.store!.save(sample(4, "emergency"));
        yield* nodeDisk.chunks(path);
      },
    };
    const prepared = await storeWith(["auto", "auto"], disk);
    const { store, saved } = prepared;
    Object.assign(known, { store, second: saved[1] });
    expect(await store.save(sample(3))).toMatchObject({ removed: [], problems: [] });
    expect((await known.emergency)!.generation.kind).toBe("emergency");
    // The emergency save has nothing urgent behind it.
    expect(await prepared.steps()).toEqual([4, 3, 2]);
    await store.close();
  });
});

describe("a generation that a person marks", () => {
  /** Acts right before a generation's name goes; `save` is then under way and has made its plan. */
  async function saveWhile(act: (generation: Generation) => Promise<unknown>, when: "before" | "after") {
    const known: { goes?: Generation } = {};
    const disk: Disk = {
      ...nodeDisk,
      async rename(from, to) {
        const going = to.includes(".trash-") && from === known.goes?.folder ? known.goes : undefined;
        if (going && when === "before") await act(going);
        await nodeDisk.rename(from, to);
        if (going && when === "after") await act(going);
      },
    };
    const prepared = await storeWith(["emergency", "auto", "auto"], disk);
    const goes = prepared.saved[1]!;
    known.goes = goes;
    const report = await prepared.store.save(sample(4));
    await prepared.store.close();
    return { ...prepared, report, goes };
  }

  it("beside a save stays, whenever the mark comes", async () => {
    let folder = "";
    const during: Disk = {
      ...nodeDisk,
      async create(path) {
        const [first] =
          folder === "" ? [] : (await listGenerations(folder)).whole.filter((g) => g.step === 1);
        if (first && path.endsWith("manifest.json")) await keepByHand(folder, first.id, true);
        return nodeDisk.create(path);
      },
    };
    const prepared = await storeWith(["auto", "auto"], during);
    ({ folder } = prepared);
    expect((await prepared.store.save(sample(3))).removed).toEqual([]);
    await prepared.store.close();
    expect(await prepared.steps()).toEqual([3, 2, 1]);
  });

  it("in the very moment in which it would go is put back, whole", async () => {
    const { folder, report, goes, steps } = await saveWhile(
      ({ folder: at }) => writeFile(join(at, "kept.json"), "{}"),
      "before",
    );
    expect(report).toMatchObject({ removed: [], problems: [] });
    expect(await steps()).toEqual([4, 3, 2, 1]);
    const [kept] = (await listGenerations(folder)).whole.filter(({ id }) => id === goes.id);
    expect(kept?.keptByHand).toBe(true);
  });

  it("gets its EMERGENCY names back when it is put back", async () => {
    const { folder, store, saved } = await storeWith(["emergency", "auto", "auto", "emergency"]);
    await store.close();
    const disk: Disk = {
      ...nodeDisk,
      async rename(from, to) {
        if (from === saved[0]!.folder) await writeFile(join(from, "kept.json"), "{}");
        await nodeDisk.rename(from, to);
      },
    };
    expect(await prune(folder, {}, disk)).toMatchObject({ removed: [], problems: [] });
    const names = (await readdir(folder)).filter((name) => name.startsWith("EMERGENCY_"));
    expect(names).toHaveLength(4);
    expect((await listGenerations(folder)).whole.at(-1)).toMatchObject({
      nameRemoved: false,
      keptByHand: true,
    });
  });

  it("too late is said not to be there", async () => {
    const told: unknown[] = [];
    let folder = "";
    const { goes } = await saveWhile(async ({ id, folder: at }) => {
      folder = join(at, "..", "..");
      await keepByHand(folder, id, true).catch((error: unknown) => told.push(error));
    }, "after");
    expect(told).toEqual([
      expect.objectContaining({
        code: "CHECKPOINT_NOT_FOUND",
        data: expect.objectContaining({ reference: goes.id }) as unknown,
      }),
    ]);
  });

  it("and whose removal a crash has cut off is put back at the next start, if it is all there", async () => {
    const { folder, store, saved } = await storeWith(["emergency", "emergency", "auto"]);
    await store.close();
    const trash = ({ id }: Generation) => join(folder, "checkpoints", `.trash-${id}`);
    for (const generation of saved.slice(0, 2)) {
      await keepByHand(folder, generation.id, true);
      await rename(generation.folder, trash(generation));
    }
    await rm(join(trash(saved[1]!), "critic.pth"));
    await (await openStore({ folder, ...series })).close();
    const { whole, damaged } = await listGenerations(folder);
    expect(whole.map(({ step }) => step)).toEqual([3, 1]);
    expect(damaged).toEqual([]);
    expect((await readdir(join(folder, "checkpoints"))).filter((name) => name.includes("trash"))).toEqual([]);
  });

  it("by two at once is marked, and neither fails", async () => {
    const { folder, store, saved } = await storeWith(["auto"]);
    for (let i = 0; i < 20; i++) {
      await Promise.all([1, 2, 3].map(() => keepByHand(folder, saved[0]!.id, true)));
      await Promise.all([1, 2, 3].map(() => keepByHand(folder, saved[0]!.id, false)));
    }
    await store.close();
  });

  it("that a person has deleted meanwhile is no problem of a save", async () => {
    const { store, saved, steps } = await storeWith(["auto", "auto"]);
    const plan = store.save(sample(3));
    await rm(saved[0]!.folder, { recursive: true });
    expect((await plan).problems).toEqual([]);
    expect(await steps()).toEqual([3, 2]);
    await store.close();
  });
});
