/** A disk that is full, or fails, at every single operation of a save. */
import { existsSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CheckpointKind } from "../../src/checkpoint/checkpoint.js";
import { nodeDisk, type Disk } from "../../src/checkpoint/disk.js";
import { listGenerations } from "../../src/checkpoint/generations.js";
import { newestWhole } from "../../src/checkpoint/resolve.js";
import { openStore, type StoreOptions } from "../../src/checkpoint/store.js";
import { faulty } from "./faults.js";
import { inspect, original } from "./inspect.js";
import { recordMatrix } from "./matrix.js";
import { memory, sample, temporaryFolder } from "./sample.js";

const size = 2;
/** Every operation in the long run; in the short one each case takes other thirds of them. */
const every = Number(process.env["GUARDAPESOS_CUTS"] ?? 1) > 1 ? 1 : 3;
const options = (folder: string): StoreOptions => ({
  folder,
  label: "DRUSEN",
  name: "local",
  ballast: false,
  retention: { verified: 1, autos: 1 },
});

const told = ["DISK_FULL", "SAVE_FAILED", "SAVE_NOT_VERIFIED", "WEIGHTS_NOT_WRITABLE", "FOLDER_NOT_READABLE"];

describe("a disk that fails at one operation of a save", () => {
  const cases: [string, CheckpointKind, boolean, number][] = [
    ["EIO", "auto", false, 0],
    ["EIO", "emergency", false, 1],
    ["ENOSPC", "auto", true, 0],
    ["ENOSPC", "emergency", true, 2],
  ];
  it.each(cases)(
    "%s, kind %s: the older ones are whole, it is said, and the next save works",
    async (...facts) => {
      const [code, kind, lasting, first] = facts;
      const tally = { trials: 0, unreadable: 0, mixed: 0, lost: 0 };
      const folder = await temporaryFolder("faults-", memory);
      const faults = faulty(nodeDisk);
      const store = await openStore(options(folder), faults.disk);
      let step = 1;
      await store.save(sample(step, "auto", size));
      faults.disarm();
      await store.save(sample(++step, kind, size));
      let safe = step;
      const operations = faults.count();
      expect(operations).toBeGreaterThan(40);
      let failed = 0;
      for (let at = first % every; at < operations + 5; at += every) {
        faults.arm(at, code, lasting);
        const outcome = await store
          .save(sample(++step, kind, size))
          .catch((error: unknown) => error as { code: string });
        faults.disarm();
        tally.trials++;
        if ("code" in outcome) {
          failed++;
          expect(told).toContain(outcome.code);
        } else safe = outcome.generation.step;
        const found = await newestWhole(folder);
        if ((found?.generation.step ?? 0) < safe) tally.lost++;
        const findings = await inspect(folder, original(size), (name) => !name.endsWith("_DRUSEN_local.pth"));
        tally.unreadable += findings.unreadable.length;
        tally.mixed += findings.mixed.length;
        expect(findings, `${code} at ${at}`).toEqual({ unreadable: [], mixed: [] });
        const after = await store.save(sample(++step, "auto", size));
        expect(after.problems, `${code} at ${at}`).toEqual([]);
        safe = step;
      }
      expect(failed).toBeGreaterThan(2);
      await store.close();
      expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
      recordMatrix(`${code} at every operation of a save (${kind})`, tally);
      // What failed saves left goes with the next opening.
      await (await openStore(options(folder))).close();
      expect(
        (await readdir(join(folder, "checkpoints"))).filter((name) => /^\.(tmp|trash)/.test(name)),
      ).toEqual([]);
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
    expect(again.opening).toMatchObject({ movedAside: [], problems: [] });
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
});
