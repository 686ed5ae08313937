import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { backup, listBackups, restore } from "./backup.js";
import { nodeDisk, type Disk } from "./disk.js";
import { listGenerations } from "./generations.js";
import { loadCheckpoint } from "./load.js";
import { newestWhole, resolveReference } from "./resolve.js";
import { openStore } from "./store.js";
import { verifyGeneration } from "./verify.js";

async function weightsWith(...steps: number[]) {
  const folder = await temporaryFolder("copia ñ ");
  const store = await openStore({ folder, label: "DRUSEN", name: "local" });
  for (const step of steps) await store.save(sample(step));
  return { folder, store };
}

describe("a backup", () => {
  it("is a verified copy of the newest generation, made while a training runs, and loads by itself", async () => {
    const { folder, store } = await weightsWith(1, 2);
    const report = await backup(folder);
    await store.close();
    expect(report.problems).toEqual([]);
    const made = report.backup!;
    expect(made.folder).toMatch(/backups[\\/]\d{4}-\d{2}-\d{2}$/);
    expect((await verifyGeneration(made, { deep: true })).whole).toBe(true);
    expect(made.verifiedAt).toBeDefined();
    const { source } = await resolveReference(folder, made.folder);
    expect(await loadCheckpoint(source)).toEqual(sample(2));
    // A copy, not a link: what happens to the one does not happen to the other.
    const links = await Promise.all(
      made.files.map(async ({ path }) => (await nodeDisk.info(path))!.identity),
    );
    const originals = await Promise.all(
      report.source.files.map(async ({ path }) => (await nodeDisk.info(path))!.identity),
    );
    for (const link of links) expect(originals).not.toContain(link);
    expect((await listBackups(folder)).whole.map((one) => one.id)).toEqual([made.id]);
  });

  it("is made once a day when asked so, and keeps only the newest ones", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const old = ["2020-01-09", "2020-01-10", "2020-01-10_2", "2020-01-10_10"];
    for (const name of [...old, "backup_dia1"])
      await mkdir(join(folder, "backups", name), { recursive: true });
    const first = await backup(folder, { daily: true, keep: 3 });
    expect(first.removed).toEqual(["2020-01-09", "2020-01-10"]);
    expect((await backup(folder, { daily: true, keep: 3 })).backup).toBeUndefined();
    const second = await backup(folder, { keep: 3 });
    expect(second.backup!.id).toBe(`${first.backup!.id}_2`);
    expect((await readdir(join(folder, "backups"))).sort()).toEqual(
      ["2020-01-10_10", first.backup!.id, second.backup!.id, "backup_dia1"].sort(),
    );
  });

  it("goes to any folder, where nothing is ever removed", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const destination = join(await temporaryFolder(), "usb", "copias");
    await mkdir(join(destination, "2020-01-01"), { recursive: true });
    const report = await backup(folder, { destination, keep: 1 });
    expect((await readdir(destination)).sort()).toEqual(["2020-01-01", report.backup!.id]);
  });

  it("that does not read back as it should is not kept", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const lying: Disk = {
      ...nodeDisk,
      async create(path) {
        const sink = await nodeDisk.create(path);
        const write = (bytes: Uint8Array) =>
          sink.write(bytes.map((byte, i) => (i === 500 ? byte ^ 1 : byte)));
        return path.endsWith("critic.pth") ? { ...sink, write } : sink;
      },
    };
    await expect(backup(folder, {}, lying)).rejects.toMatchObject({ code: "SAVE_NOT_VERIFIED" });
    expect(await readdir(join(folder, "backups"))).toEqual([]);
  });

  it("of nothing is refused", async () => {
    await expect(backup(await temporaryFolder())).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
  });
});

describe("restore", () => {
  it("makes a backup the newest generation again, and removes nothing", async () => {
    const { folder, store } = await weightsWith(1);
    const { backup: made } = await backup(folder);
    await store.save(sample(2));
    await store.close();
    const report = await restore(folder, made!.id);
    expect(report.problems).toEqual([]);
    const found = await newestWhole(folder);
    expect(found?.generation).toMatchObject({ id: report.generation.id, step: 1, kind: "manual" });
    expect((await loadCheckpoint(found!.generation)).networks).toEqual(sample(1).networks);
    expect((await listGenerations(folder)).whole.map((one) => one.step)).toEqual([1, 2, 1]);
    const named = await resolveReference(folder, "generator_DRUSEN_local.pth");
    expect((await loadCheckpoint(named.source)).step).toBe(1);
    // And training goes on from there.
    const next = await openStore({ folder, label: "DRUSEN", name: "local" });
    expect((await next.save(sample(3))).generation.parent).toBe(report.generation.id);
    await next.close();
  });

  it("refuses a damaged one, and names what there is when it finds none", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const { backup: made } = await backup(folder);
    await expect(restore(folder, "2020-01-01")).rejects.toMatchObject({
      code: "CHECKPOINT_NOT_FOUND",
      data: { known: [made!.id] },
    });
    const path = made!.files[0]!.path;
    await chmod(path, 0o644);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(path, bytes);
    await expect(restore(folder, made!.id)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    expect((await listGenerations(folder)).whole).toHaveLength(1);
  });
});
