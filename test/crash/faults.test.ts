/** A disk that is full, or fails, at every single operation of a save. */
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  backup,
  listBackups,
  listGenerations,
  newestWhole,
  openStore,
  prune,
  restore,
  verifyGeneration,
  type CheckpointKind,
  type StoreOptions,
} from "../../src/checkpoint/index.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { faulty } from "./faults.js";
import { inspect, original } from "./inspect.js";
import { isLong, nothing, recordRow, type RowOf } from "./matrix.js";
import { memory, sample, temporaryFolder } from "./sample.js";

const size = 2;
const options = (folder: string): StoreOptions => ({
  folder,
  label: "DRUSEN",
  name: "local",
  ballast: false,
  retention: { verified: 1, autos: 1 },
});

const told = ["DISK_FULL", "SAVE_FAILED", "SAVE_NOT_VERIFIED", "WEIGHTS_NOT_WRITABLE", "FOLDER_NOT_READABLE"];

interface Play {
  readonly row: RowOf<"faults">;
  readonly code: "EIO" | "ENOSPC";
  /** Prepares without faults; what it answers is done with them, and then again without. */
  readonly begin: (weights: string, disk: Disk, day: string) => Promise<() => Promise<unknown>>;
}

const saveOf =
  (kind: CheckpointKind): Play["begin"] =>
  async (weights, disk) => {
    const store = await openStore(options(weights), disk);
    let step = 10;
    return () => store.save(sample(step++, kind, size));
  };
const pruning: Play["begin"] = (weights, disk) =>
  Promise.resolve(() => prune(weights, { rules: { verified: 1 } }, disk));
const copying: Play["begin"] = (weights, disk) => Promise.resolve(() => backup(weights, { keep: 1 }, disk));
const restoring: Play["begin"] = (weights, disk, day) =>
  Promise.resolve(() => restore(weights, day, {}, disk));

const plays: readonly Play[] = [
  { row: "EIO in an automatic save", code: "EIO", begin: saveOf("auto") },
  { row: "EIO in an emergency save", code: "EIO", begin: saveOf("emergency") },
  { row: "ENOSPC in an automatic save", code: "ENOSPC", begin: saveOf("auto") },
  { row: "ENOSPC in an emergency save", code: "ENOSPC", begin: saveOf("emergency") },
  { row: "EIO in prune", code: "EIO", begin: pruning },
  { row: "EIO in backup", code: "EIO", begin: copying },
  { row: "ENOSPC in backup", code: "ENOSPC", begin: copying },
  { row: "EIO in restore", code: "EIO", begin: restoring },
  { row: "ENOSPC in restore", code: "ENOSPC", begin: restoring },
];

/** A full disk fails at every operation that takes room; a broken one at every fifth of all, in the longer run at every one. */
const strideOf = (code: Play["code"]): number => (isLong || code === "ENOSPC" ? 1 : 5);

describe("a disk that fails", () => {
  let prepared = "";
  let day = "";
  beforeAll(async () => {
    prepared = await mkdtemp(join(memory, "faults-"));
    const store = await openStore(options(prepared));
    for (const [index, kind] of (["emergency", "emergency", "auto", "auto"] as const).entries()) {
      await store.save(sample(index + 1, kind, size));
    }
    await store.close();
    day = (await backup(prepared)).backup!.id;
  });
  afterAll(() => rm(prepared, { recursive: true, force: true }));

  it.each(plays.map((play, index) => ({ ...play, index })))(
    "$row: what is there stays whole, it is said, and it works afterwards",
    { timeout: 10 * 60_000 },
    async ({ row, code, begin, index }) => {
      const tally = nothing();
      const stride = strideOf(code);
      const play = async (at: number) => {
        const folder = await mkdtemp(join(memory, "faults-"));
        await cp(prepared, folder, { recursive: true });
        const faults = faulty(nodeDisk);
        const act = await begin(folder, faults.disk, day);
        faults.arm(at, code, code === "ENOSPC");
        const error = await act().then(
          () => undefined,
          (thrown: unknown) => thrown as { code?: string },
        );
        const operations = faults.count();
        faults.disarm();
        return { folder, error, operations, act };
      };
      const undisturbed = await play(Infinity);
      expect(undisturbed.error).toBeUndefined();
      expect(undisturbed.operations).toBeGreaterThan(20);
      let failed = 0;
      for (let at = index % stride; at < undisturbed.operations; at += stride) {
        const context = `${row}, operation ${at}`;
        const { folder, error, act } = await play(at);
        tally.trials++;
        if (error !== undefined) {
          failed++;
          expect([...told, "CHECKPOINT_DAMAGED"], context).toContain(error.code);
        }
        const found = await newestWhole(folder).catch(() => undefined);
        if ((found?.generation.step ?? 0) < 4) tally.lost++;
        const findings = await inspect(folder, original(size));
        tally.unreadable += findings.unreadable.length;
        tally.mixed += findings.mixed.length;
        expect(findings, context).toEqual({ unreadable: [], mixed: [] });
        const copies = (await listBackups(folder)).whole;
        if (copies.length === 0) tally.lost++;
        for (const copy of copies) if (!(await verifyGeneration(copy)).whole) tally.unreadable++;
        expect(await act(), context).toMatchObject({ problems: [] });
        await rm(folder, { recursive: true, force: true });
      }
      await rm(undisturbed.folder, { recursive: true, force: true });
      expect(failed).toBeGreaterThan(0);
      expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
      if (!isLong) recordRow(row, tally);
    },
  );

  it("opening: is told, and the lock is not left behind", async () => {
    const folder = await temporaryFolder("faults-", memory);
    await (await openStore(options(folder))).close();
    const faults = faulty(nodeDisk);
    for (const code of ["EIO", "EROFS", "EACCES"]) {
      for (let at = 0; at < 30; at++) {
        faults.arm(at, code);
        const opened = await openStore(options(folder), faults.disk).catch(
          (error: unknown) => error as { code: string },
        );
        faults.disarm();
        if ("code" in opened) expect(told).toContain(opened.code);
        else await opened.close();
      }
    }
    await (await openStore(options(folder))).close();
  });
});

describe("a read-only folder", () => {
  it("is said when the store is opened, before any training", async () => {
    const folder = await temporaryFolder();
    const readOnly = Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
    const disk: Disk = {
      ...nodeDisk,
      makeFolder: () => Promise.reject(readOnly),
      create: () => Promise.reject(readOnly),
    };
    await expect(openStore(options(join(folder, "new")), disk)).rejects.toMatchObject({
      code: "WEIGHTS_NOT_WRITABLE",
      data: { folder: join(folder, "new"), reason: "EROFS: read-only file system" },
    });
  });
});

describe("a file system without hard links", () => {
  const noLinks: Disk = {
    ...nodeDisk,
    link: () => Promise.reject(Object.assign(new Error("EPERM: no links"), { code: "EPERM" })),
  };

  it("gets copies as familiar names, told from the user's own files all the same", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "critic_DRUSEN_local.pth"), "mine");
    const store = await openStore(options(folder), noLinks);
    const first = await store.save(sample(1, "auto", size));
    expect(first.movedAside).toHaveLength(1);
    for (let step = 2; step < 5; step++) {
      const report = await store.save(sample(step, "emergency", size));
      expect(report).toMatchObject({ problems: [], movedAside: [] });
      for (const file of report.files) expect((await stat(file.path)).nlink).toBe(1);
    }
    await store.close();
    const findings = await inspect(folder, original(size), (name) => name.startsWith("OLD_"));
    expect(findings).toEqual({ unreadable: [], mixed: [] });
    const again = await openStore(options(folder), noLinks);
    expect(again.opening).toMatchObject({ links: false, movedAside: [], problems: [] });
    await again.close();
  });
});

/** The room that a folder takes, and what is free of `total`. */
function small(total: number): Disk {
  const used = async (folder: string): Promise<number> => {
    let sum = 0;
    const seen = new Set<string>();
    for (const name of existsSync(folder) ? await readdir(folder, { recursive: true }) : []) {
      const info = await nodeDisk.info(join(folder, name));
      if (info === undefined || info.kind !== "file" || seen.has(info.identity)) continue;
      seen.add(info.identity);
      sum += info.bytes;
    }
    return sum;
  };
  return { ...nodeDisk, freeSpace: async (folder) => Math.max(0, total - (await used(folder))) };
}

describe("a disk that fills up", () => {
  const big = 1200; // about 1.1 MB
  const full = { folder: "", label: "DRUSEN", name: "local", retention: { autos: 5, epochs: 5 } };

  it("takes old automatic saves first, then refuses, and keeps the newest two; the ballast saves the emergency", async () => {
    const folder = await temporaryFolder("full-", memory);
    const probe = await openStore({ ...full, folder, ballast: false });
    const bytes = (await probe.save(sample(1, "auto", big))).generation.bytes;
    await probe.close();

    // Room for the ballast and about five saves.
    const disk = small(bytes * 6.9);
    const store = await openStore({ ...full, folder }, disk);
    const steps: number[] = [];
    let step = 2;
    for (; step < 6; step++) {
      const report = await store.save(sample(step, "auto", big));
      steps.push(report.savesLeft!);
      expect(report.problems).toEqual([]);
    }
    const ballast = join(folder, "checkpoints", ".ballast");
    expect(existsSync(ballast)).toBe(true);
    expect(steps).toEqual([...steps].sort((a, b) => b - a));

    // More automatic saves push the oldest out, down to the newest two.
    await store.save(sample(step++, "auto", big));
    const standing = (await listGenerations(folder)).whole.map((one) => one.step);
    expect(standing).toContain(5);
    expect(standing).not.toContain(1);

    // Epochs are not sacrificed: the disk is full now.
    const refused: string[] = [];
    for (let i = 0; i < 6; i++) {
      await store
        .save(sample(step++, "epoch", big))
        .catch((error: unknown) => refused.push((error as { code: string }).code));
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused)).toEqual(new Set(["DISK_FULL"]));
    expect(existsSync(ballast)).toBe(true);

    const rescued = await store.save(sample(step, "emergency", big));
    expect(rescued.files[0]!.path).toMatch(/EMERGENCY_generator/);
    expect(existsSync(ballast)).toBe(false);
    await store.close();
    expect((await newestWhole(folder))?.generation.step).toBe(step);
  });

  it("takes old emergencies, oldest first, before a save fails, and the newest few stay", async () => {
    const folder = await temporaryFolder("full-", memory);
    const probe = await openStore({ ...full, folder, ballast: false });
    const { bytes } = (await probe.save(sample(1, "emergency", big))).generation;
    for (let step = 2; step <= 6; step++) await probe.save(sample(step, "emergency", big));
    await probe.close();
    const store = await openStore({ ...full, folder, ballast: false }, small(bytes * 6.4));
    for (let step = 7; step < 12; step++) {
      const { spared } = await store.save(sample(step, "epoch", big));
      expect(spared.length).toBeLessThanOrEqual(2);
    }
    await store.close();
    const { whole } = await listGenerations(folder);
    expect(whole[0]!.step).toBe(11);
    const emergencies = whole.filter(({ kind }) => kind === "emergency").map(({ step }) => step);
    expect(emergencies[0]).toBe(6);
    expect(emergencies).not.toContain(1);
    const names = (await readdir(folder)).filter((name) => name.startsWith("EMERGENCY_"));
    expect(names).toHaveLength(2 * emergencies.length);
  });
});
