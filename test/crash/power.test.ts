/**
 * Power cuts after every operation of real saves, on a disk that loses or tears whatever was not synced. See power.ts for the
 * model.
 */
import { folderPath } from "../../src/store/brands.js";
import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backup,
  keepByHand,
  listGenerations,
  newestWhole,
  openStore,
  prune,
  restore,
  verifyGeneration,
  type Checkpoint,
  type Store,
  type StoreOptions,
} from "../../src/checkpoint/index.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { readGeneration } from "../../src/store/generations.js";
import { isBackupName, isLockName, parseId } from "../../src/store/names.js";
import { inspect, original } from "./inspect.js";
import { isLong, nothing, recordRow, recordCuts, type Call, type RowOf, type Tally } from "./matrix.js";
import { cutPower, describeWreck, layOut, record, type Recording, type Survives } from "./power.js";
import { memory, sample, spoilt, temporaryFolder } from "./sample.js";

/** Random mixtures of what survives, for each operation. */
const rounds = isLong ? 20 : 1;
const size = 2;
const foreign = "weights of another program";

const options = (folder: string): StoreOptions => ({
  folder,
  label: "DRUSEN",
  name: "local",
  ballast: false,
  retention: { verified: 1, autos: 1, epochs: 1 },
});

interface Phase {
  readonly row: RowOf<"power">;
  /** Operations before it, and with it. */
  readonly from: number;
  readonly to: number;
}

interface Scenario {
  readonly recording: Recording;
  readonly phases: readonly Phase[];
}

/** Records what is played in a new weights folder. */
async function recordIn(
  play: (
    disk: Disk,
    weights: string,
    phase: <T>(row: RowOf<"power">, action: () => Promise<T>) => Promise<T>,
  ) => Promise<void>,
): Promise<Scenario> {
  const root = await temporaryFolder("recorded-", memory);
  const recording = record(root);
  const { disk } = recording;
  const weights = join(root, "weights");
  await disk.makeFolder(weights);
  await disk.syncFolder(root);
  const phases: Phase[] = [];
  await play(disk, weights, async (row, action) => {
    const from = recording.operations.length;
    const result = await action();
    phases.push({ row, from, to: recording.operations.length });
    return result;
  });
  return { recording, phases };
}

/** Every kind of save. Step 4 has NaN in it. */
const recordSaves = (): Promise<Scenario> =>
  recordIn(async (disk, weights, phase) => {
    const sink = await disk.create(join(weights, "critic_DRUSEN_local.pth"));
    await sink.write(Buffer.from(foreign));
    await sink.sync();
    await sink.close();
    await disk.syncFolder(weights);
    const save = async (store: Store, checkpoint: Checkpoint) =>
      expect((await store.save(checkpoint)).problems).toEqual([]);
    const open = () => openStore(options(weights), disk);

    let store = await phase("opening a new folder", open);
    await phase("an automatic save", () => save(store, sample(1, "auto", size)));
    await phase("an emergency save", () => save(store, sample(2, "emergency", size)));
    store = await phase("closing and opening again", async () => {
      await store.close();
      return open();
    });
    await phase("a save that lets an older one go", () => save(store, sample(3, "auto", size)));
    if (isLong) {
      await phase("an automatic save", () => save(store, spoilt(sample(4, "epoch", size))));
      await phase("an automatic save", () => save(store, sample(5, "auto", size)));
    }
    await store.close();
  });

/** An old emergency removed, two backups of which the older goes, and the newer one brought back. */
const recordUpkeep = (): Promise<Scenario> =>
  recordIn(async (disk, weights, phase) => {
    const store = await openStore(options(weights), disk);
    for (const [index, kind] of (["emergency", "emergency", "auto"] as const).entries()) {
      await store.save(sample(index + 1, kind, size));
    }
    await store.close();
    // Locks are not synced; from here on there is none.
    await disk.syncFolder(join(weights, "checkpoints"));
    const pruned = await phase("prune", () => prune(weights, { rules: { verified: 1 } }, disk));
    expect(pruned.removed).toHaveLength(1);
    const { whole } = await listGenerations(weights);
    await phase("keep", () => keepByHand(weights, whole[0]!.id, true, disk));
    await backup(weights, {}, disk);
    const second = await phase("backup, the oldest one going", () => backup(weights, { keep: 1 }, disk));
    expect(second.removed).toHaveLength(1);
    await phase("restore", () => restore(weights, second.backup!.id, {}, disk));
  });

/** For each number of operations: the steps of the generations that are committed and not removed by then. */
function committedSteps(recording: Recording): number[][] {
  const standing = new Map<string, number>();
  let renamed: string[] = [];
  const result: number[][] = [[]];
  for (const operation of recording.operations) {
    if (operation.type === "names") {
      for (const [name, node] of operation.changes) {
        if (parseId(name) === undefined) continue;
        if (node === undefined) standing.delete(name);
        else renamed.push(name);
      }
    } else if (
      operation.type === "sync-folder" &&
      recording.pathOf(operation.folder).endsWith("checkpoints")
    ) {
      for (const name of renamed) standing.set(name, parseId(name)!.step!);
      renamed = [];
    }
    result.push([...standing.values()]);
  }
  return result;
}

/** The machine has been started again: no owner of a lock lives. */
async function restart(weights: string): Promise<void> {
  const inside = join(weights, "checkpoints");
  for (const name of (await readdir(inside).catch(() => [])).filter(isLockName)) {
    const path = join(inside, name);
    const text = await readFile(path, "utf8");
    await writeFile(
      path,
      text.replace(/"boot":"[^"]*"/, '"boot":"before"').replace(/"since":"[^"]*"/, '"since":"1970"'),
    );
    const old = Date.now() / 1000 - 3600;
    await utimes(path, old, old);
  }
}

/** One power cut, the restart, and everything that must be true then. */
async function examine(
  recording: Recording,
  count: number,
  committed: readonly number[],
  survives: Survives,
  known: Set<string>,
  tally: Tally,
  saveAfterwards: boolean,
  hasForeign: boolean,
): Promise<void> {
  tally.trials++;
  const wreck = cutPower(recording, count, survives);
  const text = `${committed.join()}\n${describeWreck(recording, wreck)}`;
  if (known.has(text)) return;
  known.add(text);
  const root = await layOut(recording, wreck, memory);
  try {
    const weights = join(root, "weights");
    const context = `after ${count} operations: ${text.replaceAll(/[A-Za-z0-9+/=]{60,}/g, "…")}`;
    await restart(weights);

    // A reader, before anyone repairs anything.
    // A diverged one is never the newest whole.
    const newest = Math.max(0, ...committed.filter((step) => step !== 4));
    const found = await newestWhole(weights).catch(() => undefined);
    if ((found?.generation.step ?? 0) < newest) {
      tally.lost++;
      expect.soft(found?.generation.step, context).toBe(newest);
    }
    const isForeign = async (name: string) =>
      (await readFile(join(weights, name), "utf8").catch(() => "")) === foreign;
    const others = new Set<string>();
    for (const name of await readdir(weights).catch(() => [])) if (await isForeign(name)) others.add(name);
    const spoiltSteps = (loaded: Checkpoint) =>
      loaded.step === 4 ? spoilt(original(size)(loaded)) : original(size)(loaded);
    const before = await inspect(weights, spoiltSteps, (name) => others.has(name));

    // Nothing half-written or half-removed has a generation's name.
    expect.soft((await listGenerations(weights)).damaged, context).toEqual([]);

    // The next start mends what was interrupted.
    const store = await openStore(options(weights));
    expect.soft(store.opening.problems, context).toEqual([]);
    tally.unreadable += before.unreadable.length;
    tally.mixed += before.mixed.length;
    expect.soft(before, context).toEqual({ unreadable: [], mixed: [] });
    const { whole } = await listGenerations(weights);
    for (const one of whole) {
      const { damages } = await verifyGeneration(one);
      tally.unreadable += damages.length;
      expect.soft(damages, context).toEqual([]);
    }
    for (const step of committed) if (!whole.some((one) => one.step === step)) tally.lost++;
    expect
      .soft(
        whole.map((one) => one.step),
        context,
      )
      .toEqual(expect.arrayContaining([...committed]));
    const sound = whole.find((one) => one.nonFinite === 0);
    if (sound !== undefined) {
      expect.soft(sound.verifiedAt, context).toBeDefined();
      for (const file of sound.files) {
        const name = join(weights, `${file.network}_DRUSEN_local.pth`);
        expect.soft((await stat(name)).ino, context).toBe((await stat(file.path)).ino);
      }
      for (const file of sound.kind === "emergency" ? sound.files : []) {
        const stamp = parseId(sound.id)!.stamp;
        const name = join(weights, `EMERGENCY_${file.network}_${stamp}.pth`);
        expect
          .soft((await stat(name).catch(() => undefined))?.ino, context)
          .toBe((await stat(file.path)).ino);
      }
    }
    if (hasForeign) {
      const names = await readdir(weights);
      expect.soft(await Promise.all(names.map(isForeign)), context).toContain(true);
    }
    for (const name of (await readdir(join(weights, "backups")).catch(() => [])).filter(isBackupName)) {
      const copy = await readGeneration(
        nodeDisk,
        folderPath(join(weights, "backups", name)),
        name,
        undefined,
      );
      expect.soft((await verifyGeneration(copy)).damages, context).toEqual([]);
    }
    if (saveAfterwards)
      expect.soft((await store.save(sample(900, "auto", size))).problems, context).toEqual([]);
    await store.close();
    const left = (await readdir(join(weights, "checkpoints"))).filter((name) =>
      /^\.(tmp|trash|lock)/.test(name),
    );
    expect.soft(left, context).toEqual([]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const scenarios: [string, () => Promise<Scenario>, number[], boolean][] = [
  ["saves, openings and removals", recordSaves, isLong ? [2, 5] : [2, 3], true],
  ["prune, keep, backup and restore", recordUpkeep, [2, 3, 3], false],
];
const long = nothing();

describe("a power cut", () => {
  it.each(scenarios)(
    "after any operation of %s leaves every committed generation whole",
    { timeout: 60 * 60_000 },
    async (_name, play, standing, hasForeign) => {
      const { recording, phases } = await play();
      const committed = committedSteps(recording);
      expect(committed.at(-1)).toEqual(standing);
      const known = new Set<string>();
      for (const { row, from, to } of phases) {
        const tally = nothing();
        const after = new Map<Call, number>();
        for (let count = from + 1; count <= to; count++) {
          const before = tally.trials;
          const cut = (survives: Survives, saves = false) =>
            examine(recording, count, committed[count]!, survives, known, tally, saves, hasForeign);
          await cut(() => false, count % 9 === 0);
          let names = 0;
          await cut((what) => what === "sector" || ++names > 0);
          // Everything but one change of names: a later one may be on the disk before an earlier one.
          for (let dropped = 1; names > 1 && dropped <= names; dropped++) {
            let at = 0;
            await cut((what) => what === "sector" || ++at !== dropped);
          }
          for (let round = 0; round < rounds; round++) {
            // Each seed another mixture: from hardly anything to nearly everything survives.
            const shares = fc.double({ min: 0, max: 1, noNaN: true });
            const random = fc.sample(shares, { seed: count * 1000 + round, numRuns: 400 });
            let draw = 1;
            await cut(() => random[draw++ % random.length]! < random[0]!);
          }
          const { call } = recording.operations[count - 1]!;
          after.set(call, (after.get(call) ?? 0) + tally.trials - before);
        }
        expect(tally, row).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
        if (isLong) long.trials += tally.trials;
        else recordCuts(row, after, tally);
      }
      expect(known.size).toBeGreaterThan(30);
    },
  );

  it.runIf(isLong)("is counted", () => {
    recordRow("power cuts, with 20 random mixtures of what survives after each operation", long);
  });
});
