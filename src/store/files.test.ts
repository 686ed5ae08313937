/** The store with files of no network at all: what a guard keeps of other programs' trainings. */
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/crash/sample.js";
import { codecs } from "../checkpoint/index.js";
import { float32Tensor, orderedDict, writeSafetensors, writeTorchFile } from "../torch/index.js";
import type { CopiedArtifact, SaveRequest } from "./artifact.js";
import {
  backup,
  examine,
  findHolder,
  guardedFolder,
  keepByHand,
  listBackups,
  listGenerations,
  newestWhole,
  nodeDisk,
  openStore,
  prune,
  restore,
  siteOf,
  storeStats,
  takeLock,
  verifyGeneration,
  type Disk,
  type Site,
} from "./index.js";
import { generationsFolder, parseId } from "./names.js";

const series = { label: "progan_local", name: "a3f1" };
const random = (bytes: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + seed * 101 + (i >> 8)) & 0xff));

/** A script's folder with a model, an optimizer and a log, and the store that keeps them. */
async function place(
  disk: Disk = nodeDisk,
): Promise<{ site: Site; script: string; artifacts: CopiedArtifact[] }> {
  const folder = await temporaryFolder();
  const script = join(folder, "script");
  const site = siteOf(join(folder, "weights"), { folder: guardedFolder, codecs, disk });
  await mkdir(script);
  await writeSet(script, 1);
  const artifacts = await artifactsIn(script);
  return { site, script, artifacts };
}

async function writeSet(script: string, step: number, value = step): Promise<void> {
  for (const name of await readdir(script)) await rm(join(script, name));
  const weight = new Float32Array(600).fill(value);
  await writeTorchFile(
    join(script, "model.pth"),
    orderedDict([["net", orderedDict([["w", float32Tensor([600], weight)]])]]),
  );
  await writeSafetensors(join(script, "ema.safetensors"), new Map([["w", float32Tensor([600], weight)]]));
  await writeFile(join(script, "state of the run.bin"), random(70_000, step));
}

const artifactsIn = async (script: string): Promise<CopiedArtifact[]> => {
  const media: Readonly<Record<string, CopiedArtifact["medium"]>> = {
    pth: "torch",
    safetensors: "safetensors",
  };
  const names = (await readdir(script)).sort();
  return Promise.all(
    names.map(async (name) => {
      const from = join(script, name);
      const medium = media[name.split(".").at(-1)!] ?? "opaque";
      return { name, medium, from, bytes: (await stat(from)).size };
    }),
  );
};

const request = (artifacts: CopiedArtifact[], more: Partial<SaveRequest> = {}): SaveRequest => ({
  kind: "auto",
  reason: { why: "other", text: "saved by the script" },
  artifacts,
  metadata: { epoch: 3, place: { batch: 7 } },
  ...more,
});

async function saveSets(site: Site, script: string, count: number, more: Partial<SaveRequest> = {}) {
  const store = await openStore(site, series);
  const ids: string[] = [];
  for (let step = 1; step <= count; step++) {
    await writeSet(script, step);
    ids.push((await store.save(request(await artifactsIn(script), more))).generation.id);
  }
  await store.close();
  return ids;
}

describe("a set of three files of no network", () => {
  it("is kept byte for byte, verified, and found again, without a step and without names beside it", async () => {
    const { site, script, artifacts } = await place();
    const store = await openStore(site, series);
    const { generation, files, removed, stale, problems } = await store.save(request(artifacts));
    await store.close();
    expect({ removed, stale, problems }).toEqual({ removed: [], stale: false, problems: [] });
    expect(parseId(generation.id)).toMatchObject({ step: undefined, kind: "auto" });
    expect(generation.id).toMatch(/^s00000001-auto-/);
    expect(files.map(({ path }) => path)).toEqual(generation.files.map(({ path }) => path));
    expect(await readdir(site.weights)).toEqual([guardedFolder]);
    for (const { name, from } of artifacts) {
      const kept = generation.files.find((file) => file.name === name)!;
      expect((await readFile(kept.path)).equals(await readFile(from))).toBe(true);
      expect((await stat(kept.path)).ino).not.toBe((await stat(from)).ino);
      // What others have to write to is never the store's own file.
      if (process.platform !== "win32") expect((await stat(kept.path)).mode & 0o222).toBe(0);
    }
    expect(generation.files.map(({ name, medium }) => [name, medium])).toEqual([
      ["ema.safetensors", "safetensors"],
      ["model.pth", "torch"],
      ["state of the run.bin", "opaque"],
    ]);
    const { whole, damaged } = await listGenerations(site);
    expect(damaged).toEqual([]);
    expect(whole).toHaveLength(1);
    expect(whole[0]).toMatchObject({
      step: undefined,
      metadata: { epoch: 3, place: { batch: 7 } },
      reason: { why: "other", text: "saved by the script" },
      store: guardedFolder,
      sequence: 1,
    });
    expect(whole[0]!.verifiedAt).toBeDefined();
    expect((await newestWhole(site))?.generation.id).toBe(generation.id);
    expect((await verifyGeneration(site, generation, { deep: true })).whole).toBe(true);
    // The script's own folder is as it was.
    expect((await readdir(script)).sort()).toEqual(artifacts.map(({ name }) => name));
  });

  it("says which tensor is NaN or damaged, and of an opaque file that it is", async () => {
    const { site, script } = await place();
    await writeSet(script, 1, NaN);
    const store = await openStore(site, series);
    const { generation } = await store.save(request(await artifactsIn(script)));
    await store.close();
    expect(generation.nonFinite).toBe(1200);
    await expect(newestWhole(site)).rejects.toMatchObject({ code: "WEIGHTS_NOT_FINITE" });
    const damage = async (name: string, at: number) => {
      const { path } = generation.files.find((file) => file.name === name)!;
      const bytes = await readFile(path);
      bytes[at]! ^= 1;
      await rm(path);
      await writeFile(path, bytes);
      return (await verifyGeneration(site, generation)).damages.filter(({ file }) => file === name);
    };
    expect(await damage("ema.safetensors", 200)).toEqual([
      { file: "ema.safetensors", where: "w", reason: "tensor-changed" },
    ]);
    expect(await damage("state of the run.bin", 5)).toEqual([
      { file: "state of the run.bin", reason: "checksum" },
    ]);
    expect((await damage("model.pth", 2000))[0]).toMatchObject({ file: "model.pth" });
  });

  it("counts its saves where a step is not known, and takes the step where it is", async () => {
    const { site, script } = await place();
    const ids = await saveSets(site, script, 2);
    const [third] = await saveSets(site, script, 1, { step: 1500 });
    expect(ids.map((id) => id.split("-")[0])).toEqual(["s00000001", "s00000002"]);
    expect(third!.split("-")[0]).toBe("00001500");
    expect((await listGenerations(site)).whole.map(({ sequence }) => sequence)).toEqual([3, 2]);
  });

  it("is told when its weights are those of the save before", async () => {
    const { site, artifacts } = await place();
    const store = await openStore(site, series);
    expect((await store.save(request(artifacts))).stale).toBe(false);
    expect((await store.save(request(artifacts))).stale).toBe(true);
    await store.close();
  });

  it("is pruned, kept, backed up, restored, counted and examined as any", async () => {
    const { site, script } = await place();
    const store = await openStore(site, series);
    const first = (await store.save(request(await artifactsIn(script)))).generation;
    await keepByHand(site, first.id, true);
    const ids = [first.id];
    for (let step = 2; step <= 5; step++) {
      await writeSet(script, step);
      ids.push((await store.save(request(await artifactsIn(script)))).generation.id);
    }
    await store.close();
    // Two automatic ones stay, and what is marked.
    expect((await listGenerations(site)).whole.map(({ id }) => id)).toEqual([ids[4], ids[3], ids[0]]);
    expect((await prune(site, { rules: { verified: 1, autos: 0 } })).removed).toEqual([ids[3]]);

    const { backup: copy } = await backup(site);
    expect((await listBackups(site)).whole.map(({ id }) => id)).toEqual([copy!.id]);
    // A store of networks in the same weights folder does not take it for its own.
    expect((await listBackups(siteOf(site.weights))).whole).toEqual([]);
    await rm(generationsFolder(site), { recursive: true });
    const { generation } = await restore(site, copy!.id);
    expect(generation).toMatchObject({
      sequence: 6,
      kind: "manual",
      reason: { why: "restored", from: copy!.id },
    });
    expect(generation.id).toMatch(/^s00000006-manual-/);
    const { path } = generation.files.find(({ name }) => name === "state of the run.bin")!;
    expect((await readFile(path)).equals(random(70_000, 5))).toBe(true);

    const stats = await storeStats(site);
    expect(stats).toMatchObject({ generations: 1, damaged: 0 });
    expect(stats.bySeries.map(({ series: own }) => own.label)).toEqual(["progan_local"]);
    const codes = (await examine(site)).map(({ code }) => code);
    expect(codes).toContain("checkpoints");
    expect(codes).not.toContain("name-missing");
    expect(await findHolder(site)).toBeUndefined();
  });

  it("keeps two lineages side by side, each with its own retention, under a lock that the caller holds", async () => {
    const { site, script } = await place();
    await mkdir(generationsFolder(site), { recursive: true });
    const lock = await takeLock(nodeDisk, generationsFolder(site), site.weights);
    const store = await openStore(site, { ...series, lock });
    const other = await store.beside({ ...series, name: "b7c2" });
    expect(other.lineage).not.toBe(store.lineage);
    for (let step = 1; step <= 4; step++) {
      await writeSet(script, step);
      const artifacts = await artifactsIn(script);
      await Promise.all([
        store.save(request(artifacts.slice(0, 1))),
        other.save(request(artifacts.slice(1))),
      ]);
    }
    await store.close();
    const { whole } = await listGenerations(site);
    expect(whole.map(({ series: { name }, sequence }) => [name, sequence])).toEqual([
      ["b7c2", 8],
      ["a3f1", 7],
      ["b7c2", 6],
      ["a3f1", 5],
    ]);
    expect(await findHolder(site)).toMatchObject({ pid: process.pid });
    await lock.release();
    expect(await findHolder(site)).toBeUndefined();
  });
});

describe("a file that is to be copied", () => {
  it.each<[string, (from: string) => Promise<void>]>([
    ["grows", (from) => writeFile(from, random(10, 1), { flag: "a" })],
    ["is cut off", (from) => truncate(from, 10)],
    ["is written over", (from) => utimes(from, 1, 1)],
    ["goes away", (from) => rm(from)],
  ])("and %s meanwhile is not kept, and nothing of the save is left", async (_, change) => {
    let from = "";
    const { site, artifacts } = await place({
      ...nodeDisk,
      clone: () => Promise.resolve(false),
      async *chunks(path) {
        yield* nodeDisk.chunks(path);
        if (path === from) await change(from);
      },
    });
    const store = await openStore(site, series);
    await store.save(request(artifacts));
    from = artifacts[2]!.from;
    await expect(store.save(request(artifacts))).rejects.toMatchObject({
      code: "ARTIFACT_CHANGED",
      data: { file: from },
    });
    await store.close();
    const names = (await readdir(generationsFolder(site))).filter((name) => name.startsWith(".tmp-"));
    expect(names).toEqual([]);
    expect((await newestWhole(site))?.generation.sequence).toBe(1);
  });

  it("and is no file is never opened", async () => {
    const { site, script, artifacts } = await place();
    const from = join(script, "pipe");
    if (process.platform === "win32") await mkdir(from);
    else execFileSync("mkfifo", [from]);
    const store = await openStore(site, series);
    const pipe: CopiedArtifact = { name: "pipe", medium: "opaque", from, bytes: 1 };
    await expect(store.save(request([...artifacts, pipe]))).rejects.toMatchObject({
      code: "ARTIFACT_CHANGED",
    });
    await store.close();
  });

  it("is proven by its digest: a copy that is not what was read fails the save", async () => {
    const { site, artifacts } = await place({
      ...nodeDisk,
      clone: () => Promise.resolve(false),
      async create(path) {
        const sink = await nodeDisk.create(path);
        if (!path.endsWith(".bin")) return sink;
        const torn = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, i) => (i === 3 ? byte ^ 1 : byte));
        return { ...sink, write: (bytes) => sink.write(torn(bytes)) };
      },
    });
    const store = await openStore(site, series);
    await expect(store.save(request(artifacts))).rejects.toMatchObject({
      code: "SAVE_NOT_VERIFIED",
      data: { file: "state of the run.bin", reason: "checksum" },
    });
    await store.close();
    expect((await listGenerations(site)).whole[0]!.verifiedAt).toBeUndefined();
  });

  it("shares its blocks where the file system can, and is as durable", async () => {
    const shared: string[] = [];
    const { site, artifacts } = await place({
      ...nodeDisk,
      async clone(from, path) {
        shared.push(path);
        const sink = await nodeDisk.create(path);
        await sink.write(await readFile(from));
        await sink.close();
        return true;
      },
    });
    const store = await openStore(site, series);
    const { generation } = await store.save(request(artifacts));
    await store.close();
    expect(shared).toHaveLength(3);
    expect((await verifyGeneration(site, generation, { deep: true })).whole).toBe(true);
  });
});
