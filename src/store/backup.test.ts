import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SaveId } from "./brands.js";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  backup,
  listBackups,
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  resolveReference,
  restore,
  verifyGeneration,
  type Generation,
} from "../checkpoint/index.js";
import { nodeDisk, type Disk } from "./disk.js";
import { renderVerified } from "./generations.js";

async function weightsWith(...steps: number[]) {
  const folder = await temporaryFolder("copia ñ ");
  const store = await openStore({ folder, label: "DRUSEN", name: "local" });
  for (const step of steps) await store.save(sample(step));
  return { folder, store };
}

/** Makes a backup as many hours old. */
async function age({ folder, pair }: Generation, hours: number): Promise<void> {
  const path = join(folder, "verified.json");
  await rm(path);
  await writeFile(
    path,
    renderVerified(new Date(Date.now() - hours * 3600_000).toISOString(), pair as SaveId),
  );
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

  it("is one a day: a newer one takes its place once it is verified, after six hours unless it is asked for", async () => {
    const { folder, store } = await weightsWith(1);
    const first = (await backup(folder, { daily: true })).backup!;
    const of = async (): Promise<readonly string[]> => (await listBackups(folder)).whole.map(({ id }) => id);
    await store.save(sample(2));
    const early = await backup(folder, { daily: true });
    expect([early.backup, early.existing?.id, await of()]).toEqual([undefined, first.id, [first.id]]);
    // What fails takes nothing's place.
    const failing: Disk = {
      ...nodeDisk,
      rename: () => Promise.reject(Object.assign(new Error(), { code: "EIO" })),
    };
    await expect(backup(folder, {}, failing)).rejects.toMatchObject({ code: "SAVE_FAILED" });
    expect(await of()).toEqual([first.id]);
    const second = await backup(folder);
    expect(second).toMatchObject({ removed: [first.id], backup: { step: 2, id: `${first.id}_2` } });
    await age(second.backup!, 6.1);
    expect((await backup(folder, { daily: true })).existing?.id).toBe(second.backup!.id);
    await store.save(sample(3));
    await store.close();
    const third = await backup(folder, { daily: true });
    expect(third).toMatchObject({ removed: [second.backup!.id], backup: { step: 3, id: first.id } });
    expect(await of()).toEqual([first.id]);
  });

  it("stays when it has just been made, whatever the dates of others, and takes nothing of another series", async () => {
    const { folder, store } = await weightsWith(1);
    const [newest] = (await listGenerations(folder)).whole;
    const parent = join(folder, "backups");
    const ahead = Array.from({ length: 9 }, (_, i) => `2099-01-0${i + 1}`);
    for (const name of ahead) await cp(newest!.folder, join(parent, name), { recursive: true });
    const own = join(parent, "2020-01-01");
    await mkdir(own);
    await writeFile(join(own, "scan.png"), "mine");
    const mixed = join(parent, "2020-01-02");
    await cp(newest!.folder, mixed, { recursive: true });
    await writeFile(join(mixed, "notes.txt"), "mine");
    await store.save(sample(2));
    await store.close();
    const other = await openStore({ folder, label: "CNV", name: "local" });
    const ofOther = await other.save(sample(1));
    await other.close();
    await backup(folder, { series: ofOther.generation.series });
    const series = newest!.series;
    const { backup: made, removed } = await backup(folder, { series, keep: 2 });
    expect(made!.step).toBe(2);
    expect(removed).toHaveLength(8);
    const names = (await listBackups(folder)).whole.map(({ id }) => id);
    // Newest first: the other series' was saved last; of the copies of one save the names say nothing.
    expect(names.slice(0, 2)).toEqual([made!.id.split("_")[0], made!.id]);
    expect(await readdir(parent)).toEqual(expect.arrayContaining(["2020-01-01", "2020-01-02", ...names]));
    expect(await readFile(join(mixed, "notes.txt"), "utf8")).toBe("mine");
    expect(names).not.toContain("2020-01-01");
    expect((await listBackups(folder)).damaged).toEqual([]);
  });

  it("goes to any folder, where none but that day's goes", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const [newest] = (await listGenerations(folder)).whole;
    const destination = join(await temporaryFolder(), "usb", "copias");
    await cp(newest!.folder, join(destination, "2020-01-01"), { recursive: true });
    const report = await backup(folder, { destination, keep: 1 });
    expect((await readdir(destination)).sort()).toEqual(["2020-01-01", report.backup!.id]);
    // Another weights folder's of the same names is nobody's business here.
    const { folder: elsewhere, store: others } = await weightsWith(5);
    await others.close();
    const { backup: theirs } = await backup(elsewhere, { destination });
    expect((await readdir(destination)).sort()).toEqual(["2020-01-01", report.backup!.id, theirs!.id]);
  });

  it("is what a new store counts on from", async () => {
    const { folder, store } = await weightsWith(1, 2, 3);
    await store.close();
    await backup(folder);
    await rm(join(folder, "checkpoints"), { recursive: true });
    const fresh = await openStore({ folder, label: "DRUSEN", name: "local" });
    expect((await fresh.save(sample(1))).generation.sequence).toBe(4);
    await fresh.close();
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

  it("of a file that has become shorter or longer meanwhile is given up, and that is said", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    for (const [change, by] of [
      [(bytes: Uint8Array) => bytes.subarray(1), -1],
      [(bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from("x")]), 1],
    ] as const) {
      // It is read to be proven, and then to be copied.
      let reads = 0;
      const changing: Disk = {
        ...nodeDisk,
        async *chunks(path) {
          let first = path.endsWith("critic.pth") && ++reads === 2;
          for await (const piece of nodeDisk.chunks(path)) {
            yield first ? change(piece) : piece;
            first = false;
          }
        },
      };
      const { bytes: expected } = (await newestWhole(folder))!.generation.files.find(({ path }) =>
        path.endsWith("critic.pth"),
      )!;
      await expect(backup(folder, {}, changing)).rejects.toMatchObject({
        code: "SAVE_NOT_VERIFIED",
        data: { file: "critic.pth", reason: "size", bytes: expected + by, expected },
      });
      expect(await readdir(join(folder, "backups"))).toEqual([]);
    }
    expect((await backup(folder)).backup).toBeDefined();
  });

  it("of nothing is refused", async () => {
    await expect(backup(await temporaryFolder())).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
  });
});

describe("restore", () => {
  it("means its own backup before a folder that happens to be called so", async () => {
    const { folder, store } = await weightsWith(1);
    await store.close();
    const { backup: made } = await backup(folder);
    const here = process.cwd();
    const elsewhere = await temporaryFolder();
    await mkdir(join(elsewhere, made!.id));
    process.chdir(elsewhere);
    try {
      expect((await restore(folder, made!.id)).source.folder).toBe(made!.folder);
    } finally {
      process.chdir(here);
    }
    const nobody = { accepts: () => false };
    await expect(restore(folder, made!.id, nobody)).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
  });

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
