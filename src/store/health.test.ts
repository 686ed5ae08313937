import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, spoilt, temporaryFolder } from "../../test/crash/sample.js";
import { backup, examine, openStore, storeStats, type Finding } from "../checkpoint/index.js";
import { nodeDisk, type Disk } from "./disk.js";

const codes = (findings: readonly Finding[]) => findings.map((one) => one.code).sort();

async function weightsWith(...steps: number[]) {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, label: "DRUSEN", name: "local", ballast: false });
  const reports = [];
  for (const step of steps) reports.push(await store.save(sample(step, step % 2 === 0 ? "epoch" : "auto")));
  await store.close();
  return { folder, reports };
}

describe("the figures", () => {
  it("count every save, also of generations that are gone, and what is there now", async () => {
    const { folder, reports } = await weightsWith(1, 2, 3, 5, 7);
    const bytes = reports.map((one) => one.generation.bytes);
    const stats = await storeStats(folder, Date.now() + 60_000);
    expect(stats.byKind.auto).toMatchObject({ saves: 4 });
    expect(stats.byKind.epoch).toMatchObject({ saves: 1 });
    expect(stats).toMatchObject({ failed: 0, generations: 3, damaged: 0 });
    expect(stats.bytesWritten).toBe(bytes.reduce((sum, one) => sum + one, 0));
    expect(stats.spaceUsed).toEqual({
      generations: bytes[1]! + bytes[3]! + bytes[4]!,
      backups: 0,
      ballast: 0,
    });
    expect(stats.lastVerified).toMatchObject({ id: reports[4]!.generation.id });
    expect(stats.lastVerified!.age).toBeGreaterThanOrEqual(59);
    expect(stats.secondsSaving).toBeGreaterThan(0);
    expect(stats.trained).toBeGreaterThan(stats.interval!);
    expect(stats.savesLeft).toBe(Math.floor(stats.free! / bytes[4]!));
  });

  it("of an empty folder are zero", async () => {
    const stats = await storeStats(await temporaryFolder());
    expect(stats).toMatchObject({ generations: 0, bytesWritten: 0, trained: 0 });
    expect(stats.lastVerified).toBeUndefined();
    expect(stats.interval).toBeUndefined();
  });
});

describe("the doctor", () => {
  it("finds nothing wrong in a good folder, and leaves nothing in it", async () => {
    const { folder } = await weightsWith(1, 3);
    await backup(folder);
    const before = await readdir(folder);
    const findings = await examine(folder);
    expect(findings.filter((one) => one.level === "problem")).toEqual([]);
    expect(codes(findings)).toEqual(
      expect.arrayContaining(["backup", "checkpoints", "links", "space", "writable"]),
    );
    expect(await readdir(folder)).toEqual(before);
  });

  it("finds what is wrong: damage, leftovers, NaN, missing names, a clock that is off, a disk without links", async () => {
    const { folder, reports } = await weightsWith(1, 2, 3);
    const store = await openStore({ folder, label: "DRUSEN", name: "local" });
    await store.save(spoilt(sample(4)));
    await store.close();
    await rm(join(reports[2]!.generation.folder, "critic.pth"));
    await rm(join(folder, "critic_DRUSEN_local.pth"));
    await mkdir(join(folder, "checkpoints", ".tmp-00000009-auto-20200101_000000"));
    const noLinks: Disk = {
      ...nodeDisk,
      link: () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" })),
      freeSpace: () => Promise.resolve(10_000),
    };
    const findings = await examine(folder, Date.now() - 3600_000, noLinks);
    expect(codes(findings)).toEqual(
      expect.arrayContaining([
        "clock-off",
        "damaged",
        "leftovers",
        "name-missing",
        "no-backup",
        "no-links",
        "not-finite",
        "space-short",
      ]),
    );
    // Nothing can be pruned here, so nobody is sent to do so; and it is said from where training goes on.
    expect(findings.find((one) => one.code === "space-short")).toMatchObject({ prunable: 0 });
    expect(findings.find((one) => one.code === "not-finite")).toMatchObject({
      good: reports[1]!.generation.id,
    });
    expect(findings.find((one) => one.code === "damaged")).toMatchObject({
      id: reports[2]!.generation.id,
      file: "critic.pth",
      reason: "missing",
    });
  });

  it("reads checkpoints and backups back: a flipped bit is found in either", async () => {
    const { folder, reports } = await weightsWith(1, 3);
    const { backup: made } = await backup(folder);
    for (const path of [reports[1]!.generation.files[1]!.path, made!.files[0]!.path]) {
      await chmod(path, 0o644);
      const bytes = await readFile(path);
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(path, bytes);
    }
    const problems = (await examine(folder)).filter((one) => one.level === "problem");
    expect(problems).toMatchObject([
      { code: "damaged", id: reports[1]!.generation.id, file: "critic.pth" },
      { code: "backup-damaged", id: made!.id, file: "generator.pth" },
    ]);
  });

  it("tells of backups from a time that is still to come, and takes no folder of the user's for one", async () => {
    const { folder } = await weightsWith(1, 2);
    const { backup: made } = await backup(folder);
    const parent = join(folder, "backups");
    await mkdir(join(parent, "2020-01-01"));
    const fine = await examine(folder);
    expect(fine.filter(({ level }) => level === "problem")).toEqual([]);
    expect(codes(fine)).toContain("backup");
    await cp(made!.folder, join(parent, "2099-01-01"), { recursive: true });
    const findings = await examine(folder);
    expect(findings).toContainEqual({ code: "backup-ahead", level: "problem", names: ["2099-01-01"] });
    // By a clock that was ahead when it was made.
    const before = await examine(folder, Date.now() - 3600_000);
    expect(before.find(({ code }) => code === "backup-ahead")).toMatchObject({
      names: expect.arrayContaining([made!.id]) as string[],
    });
    expect(codes(before)).not.toContain("backup");
  });

  it("knows a folder that is not there, and one that cannot be written to", async () => {
    const folder = await temporaryFolder();
    expect(codes(await examine(join(folder, "nothing")))).toEqual(["no-folder"]);
    const readOnly: Disk = {
      ...nodeDisk,
      create: () => Promise.reject(Object.assign(new Error("EROFS"), { code: "EROFS" })),
    };
    expect(codes(await examine(folder, Date.now(), readOnly))).toContain("not-writable");
  });
});
