/**
 * Power cuts after every operation of real saves, on a disk that loses or tears whatever was not synced. See power.ts for the
 * model.
 */
import { readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Checkpoint, CheckpointKind } from "../../src/checkpoint/checkpoint.js";
import { backup } from "../../src/checkpoint/backup.js";
import { nodeDisk } from "../../src/checkpoint/disk.js";
import { listGenerations, readGeneration } from "../../src/checkpoint/generations.js";
import { isBackupName, isLockName, parseId } from "../../src/checkpoint/names.js";
import { prune } from "../../src/checkpoint/prune.js";
import { newestWhole } from "../../src/checkpoint/resolve.js";
import { openStore, type StoreOptions } from "../../src/checkpoint/store.js";
import { verifyGeneration } from "../../src/checkpoint/verify.js";
import { inspect, original } from "./inspect.js";
import { recordMatrix } from "./matrix.js";
import { cutPower, describeWreck, layOut, record, type Recording, type Survives } from "./power.js";
import { memory, sample, spoilt, temporaryFolder } from "./sample.js";

const rounds = Number(process.env["GUARDAPESOS_CUTS"] ?? 1);
const size = 2;
const foreign = "weights of another program";

const options = (folder: string): StoreOptions => ({
  folder,
  label: "DRUSEN",
  name: "local",
  ballast: false,
  retention: { verified: 1, autos: 1, epochs: 1 },
});

const same = (checkpoint: Checkpoint): Checkpoint => checkpoint;
const short: readonly [CheckpointKind, (checkpoint: Checkpoint) => Checkpoint][] = [
  ["auto", same],
  ["emergency", same],
  ["auto", same],
];
/** Step 4 has NaN in it. */
const plan = rounds > 1 ? [...short, ["epoch", spoilt] as const, ["auto", same] as const] : short;

interface Scenario {
  readonly recording: Recording;
  /** Operations before which nothing is cut. */
  readonly from: number;
}

/** Every kind of thing that a store does, on the recording disk. */
async function recordSaves(): Promise<Scenario> {
  const root = await temporaryFolder("recorded-", memory);
  const recording = record(root);
  const { disk } = recording;
  const weights = join(root, "weights");
  await disk.makeFolder(weights);
  await disk.syncFolder(root);
  const sink = await disk.create(join(weights, "critic_DRUSEN_local.pth"));
  await sink.write(Buffer.from(foreign));
  await sink.sync();
  await sink.close();
  await disk.syncFolder(weights);
  const from = recording.operations.length;
  let store = await openStore(options(weights), disk);
  for (const [index, [kind, change]] of plan.entries()) {
    const report = await store.save(change(sample(index + 1, kind, size)));
    expect(report.problems).toEqual([]);
    if (index !== 1) continue;
    // Closing and opening are part of what can be cut.
    await store.close();
    store = await openStore(options(weights), disk);
  }
  await store.close();
  return { recording, from };
}

/** Old emergencies removed, and two backups of which the older goes. */
async function recordUpkeep(): Promise<Scenario> {
  const root = await temporaryFolder("recorded-", memory);
  const recording = record(root);
  const { disk } = recording;
  const weights = join(root, "weights");
  await disk.makeFolder(weights);
  await disk.syncFolder(root);
  const store = await openStore(options(weights), disk);
  for (const [index, kind] of (["emergency", "emergency", "auto"] as const).entries()) {
    await store.save(sample(index + 1, kind, size));
  }
  await store.close();
  // Locks are not synced; from here on there is none.
  await disk.syncFolder(join(weights, "checkpoints"));
  const from = recording.operations.length;
  expect((await prune(weights, { rules: { verified: 1 } }, disk)).removed).toHaveLength(1);
  await backup(weights, {}, disk);
  expect((await backup(weights, { keep: 1 }, disk)).removed).toHaveLength(1);
  return { recording, from };
}

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
      for (const name of renamed) standing.set(name, parseId(name)!.step);
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

interface Tally {
  trials: number;
  unreadable: number;
  mixed: number;
  lost: number;
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
    const newest = Math.max(0, ...committed);
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
    // Opening changes names only: what has been looked at needs no second look.
    const after = await inspect(
      weights,
      spoiltSteps,
      (name) => !name.endsWith("_DRUSEN_local.pth") || others.has(name),
    );
    for (const findings of [before, after]) {
      tally.unreadable += findings.unreadable.length;
      tally.mixed += findings.mixed.length;
      expect.soft(findings, context).toEqual({ unreadable: [], mixed: [] });
    }
    const { whole } = await listGenerations(weights);
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
      const copy = await readGeneration(nodeDisk, join(weights, "backups", name), name, undefined);
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

/** The last number: of how many operations one is looked at in the short run. */
const scenarios: [string, () => Promise<Scenario>, number[], boolean, number][] = [
  ["saves, openings and removals", recordSaves, [2, plan.length], true, 1],
  ["prune and backup", recordUpkeep, [2, 3], false, 3],
];

describe("a power cut", () => {
  it.each(scenarios)(
    "after any operation of %s leaves every committed generation whole",
    { timeout: 60 * 60_000 },
    async (name, play, standing, hasForeign, every) => {
      const { recording, from } = await play();
      const committed = committedSteps(recording);
      expect(committed.at(-1)).toEqual(standing);
      const known = new Set<string>();
      const tally = { trials: 0, unreadable: 0, mixed: 0, lost: 0 };
      for (let count = from; count <= recording.operations.length; count += rounds > 1 ? 1 : every) {
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
      }
      recordMatrix(`simulated power cut after every operation of ${name}`, tally);
      expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
      expect(known.size).toBeGreaterThan(30);
    },
  );
});
