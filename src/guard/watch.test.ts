/** Finished checkpoints of somebody else's training are kept once each, whole, and nothing in its folder is ever changed. */
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunEvent } from "../events/event.js";
import { guardedFolder, listGenerations, siteOf, verifyGeneration } from "../store/index.js";
import { dict, float32Tensor, writeSafetensors, writeTorchFile } from "../torch/index.js";
import { watch, type WatchOptions } from "./watch.js";
import { openWatchedFolder } from "./watched-folder.js";

let place: string;
let runs: string;
let weights: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "guardapesos-watch-"));
  runs = join(place, "runs");
  weights = join(place, "weights");
  await mkdir(runs);
});
afterEach(() => rm(place, { recursive: true, force: true }));

/** As torch.save writes it. */
async function save(name: string, value: number, epoch = 1): Promise<string> {
  const path = join(runs, name);
  await rm(path, { force: true });
  await writeTorchFile(path, dict({ w: float32Tensor([8], new Float32Array(8).fill(value)), epoch }));
  return path;
}

async function look(options: Partial<WatchOptions> = {}, stop = new AbortController()) {
  const events: RunEvent[] = [];
  const folder = await openWatchedFolder(weights, "runs");
  try {
    const all: WatchOptions = { path: runs, weights, once: true, kind: "epoch", every: 0.02, ...options };
    const report = await watch(folder, all, (event) => events.push(event), stop.signal);
    return { ...report, events };
  } finally {
    await folder.release();
  }
}

/** What is in the store, newest first: the files of each generation. */
async function generations() {
  const site = siteOf(weights, { folder: guardedFolder });
  const { whole, damaged } = await listGenerations(site);
  expect(damaged).toEqual([]);
  for (const one of whole) expect((await verifyGeneration(site, one)).damages).toEqual([]);
  return whole.map(({ files }) => files.map(({ name }) => name).sort());
}

describe("watch --once", () => {
  it("keeps a pair as one generation, and once", async () => {
    await save("generator_X.pth", 1);
    await save("critic_X.pth", 2);
    const names = await readdir(runs);
    expect((await look()).kept).toHaveLength(1);
    expect(await generations()).toEqual([["critic_X.pth", "generator_X.pth"]]);
    expect((await look()).kept).toEqual([]);
    await save("generator_X.pth", 3, 2);
    await save("critic_X.pth", 4, 2);
    expect((await look()).kept).toHaveLength(1);
    expect(await generations()).toHaveLength(2);
    expect(await readdir(runs)).toEqual(names);
  });

  it("never keeps files of two steps as one pair", async () => {
    await save("critic_X.pth", 2, 1);
    await save("generator_X.pth", 1, 2);
    expect((await look()).kept).toHaveLength(2);
    expect(await generations()).toEqual([["generator_X.pth"], ["critic_X.pth"]]);
    // Without a word in them: a long time lies between.
    const [g, d] = [join(runs, "netG.pth"), join(runs, "netD.pth")];
    for (const path of [g, d])
      await writeTorchFile(path, dict({ w: float32Tensor([1], Float32Array.of(1)) }));
    await utimes(d, new Date(), new Date(Date.now() - 60_000));
    expect((await look()).kept).toHaveLength(2);
  });

  it("tells of what is not whole, keeps nothing of it, and takes it once it is", async () => {
    const path = await save("net.pt", 1);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, -30));
    const { kept, broken, events } = await look();
    expect({ kept, broken }).toEqual({ kept: [], broken: [path] });
    expect(events).toMatchObject([
      { type: "checkpoint-doubtful", files: [path], doubt: { kind: "not-whole" } },
    ]);
    await writeFile(path, bytes);
    expect((await look()).kept).toHaveLength(1);
  });

  it("keeps a folder of a framework as one generation, and says that its files bear no proof", async () => {
    const folder = join(runs, "checkpoint-2");
    await mkdir(folder);
    const w = [["w", float32Tensor([2], Float32Array.of(1, NaN))]] as const;
    await writeSafetensors(join(folder, "model.safetensors"), w);
    for (const name of ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
      await writeTorchFile(join(folder, name), dict({ a: 1 }));
    await writeFile(join(folder, "trainer_state.json"), JSON.stringify({ global_step: 2 }));
    const { kept, events } = await look();
    expect(kept[0]).toMatch(/^00000002-epoch-/);
    expect(events.map(({ type }) => type)).toEqual([
      "checkpoint-kept",
      "checkpoint-doubtful",
      "checkpoint-doubtful",
    ]);
    expect(events.slice(1)).toMatchObject([
      { doubt: { kind: "not-finite", values: 1 } },
      { doubt: { kind: "unproven" } },
    ]);
    const files = [
      "model.safetensors",
      "optimizer.pt",
      "rng_state.pth",
      "scheduler.pt",
      "trainer_state.json",
    ];
    expect(await generations()).toEqual([files]);
  });

  it("is not stopped by pipes, links to nowhere, loops of links or other files", async () => {
    await save("net.pt", 1);
    execFileSync("mkfifo", [join(runs, "pipe.pt")]);
    await symlink(join(runs, "gone"), join(runs, "nowhere.pt"));
    await symlink(runs, join(runs, "loop"));
    await symlink(join(runs, "net.pt"), join(runs, "last.pt"));
    await writeTorchFile(join(place, "elsewhere.pt"), dict({ a: 1 }));
    await symlink(join(place, "elsewhere.pt"), join(runs, "far.pt"));
    await writeFile(join(runs, "notes.txt"), "x");
    const { kept } = await look();
    expect(kept).toHaveLength(2);
    expect(await generations()).toEqual(expect.arrayContaining([["net.pt"], ["far.pt"]]));
  });

  it("does not take the store for a training, where it lies in the folder that is watched", async () => {
    weights = join(runs, "weights");
    await save("net.pt", 1);
    expect((await look()).kept).toHaveLength(1);
    expect((await look()).kept).toEqual([]);
  });

  it("links nothing of the store into the folder, and nothing of the folder into the store", async () => {
    const path = await save("net.pt", 1);
    await look();
    expect((await stat(path)).nlink).toBe(1);
    await writeFile(path, "overwritten");
    await generations();
  });
});

describe("watch", () => {
  it("keeps what is finished while it looks, and ends when it is asked to", async () => {
    const stop = new AbortController();
    const watching = look({ once: false }, stop);
    await save("a.pt", 1);
    // Half of it stands there for a while.
    const bytes = await readFile(join(runs, "a.pt"));
    await writeFile(join(runs, "b.pt"), bytes.subarray(0, 200));
    await wait(60);
    await writeFile(join(runs, "b.pt"), bytes);
    // The script removes its older ones.
    await save("c.pt", 3);
    await rm(join(runs, "c.pt"));
    while ((await listGenerations(siteOf(weights, { folder: guardedFolder })).catch(() => undefined))?.whole.length !== 2) await wait(20); // prettier-ignore
    stop.abort();
    const { kept } = await watching;
    expect(kept).toHaveLength(2);
    expect(await generations()).toEqual([["b.pt"], ["a.pt"]]);
  });

  it("has one folder for itself", async () => {
    const folder = await openWatchedFolder(weights, "runs");
    await expect(openWatchedFolder(weights, "runs")).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
    await folder.release();
    await (await openWatchedFolder(weights, "runs")).release();
  });

  it("takes nothing of a set that is written to while it is copied", async () => {
    await save("generator_X.pth", 1);
    await save("critic_X.pth", 2);
    const folder = await openWatchedFolder(weights, "runs");
    const { store } = folder;
    const meddling = {
      ...store,
      save: async (...args: Parameters<typeof store.save>) => {
        // Between the proof and the commit.
        await cp(join(runs, "critic_X.pth"), join(runs, "critic_X.pth.new"));
        await rm(join(runs, "critic_X.pth"));
        await cp(join(runs, "critic_X.pth.new"), join(runs, "critic_X.pth"));
        return store.save(...args);
      },
    };
    const stop = new AbortController();
    const options: WatchOptions = { path: runs, weights, once: true, kind: "epoch", every: 0.02 };
    const report = await watch({ ...folder, store: meddling }, options, () => undefined, stop.signal);
    await folder.release();
    expect(report.kept).toEqual([]);
    expect(await generations()).toEqual([]);
  });
});
