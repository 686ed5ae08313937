/** What a run does when the world is not as it was, and when its saves fail. */
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { generationsIn, stateAt } from "../../test/harness/state.js";
import { tinyPlan, trainHere } from "../../test/harness/training.js";
import { GuardapesosError } from "../base/errors.js";
import { listBackups, verifyGeneration, type Checkpoint } from "../checkpoint/index.js";
import { parseManifest, renderManifest } from "../store/manifest.js";
import type { RunEvent } from "../events/event.js";
import { warning } from "../events/warning.js";

const hooks = vi.hoisted(() => ({
  beforeWriter: (): Promise<void> => Promise.resolve(),
  refuses: ({ step }: Pick<Checkpoint, "kind" | "step">): boolean => step < 0,
  released: (): void => undefined,
}));
vi.mock("../progan/phantom.js", async (original) => {
  const real = await original<typeof import("../progan/phantom.js")>();
  const openPhantoms: typeof real.openPhantoms = (options) => {
    const source = real.openPhantoms({ ...options, cacheBytes: 0, spillFolders: [] });
    return {
      ...source,
      releaseDisk() {
        hooks.released();
        return source.releaseDisk();
      },
    };
  };
  return { ...real, openPhantoms };
});
vi.mock("../checkpoint/index.js", async (original) => {
  const real = await original<typeof import("../checkpoint/index.js")>();
  const startWriter: typeof real.startWriter = async (options) => {
    await hooks.beforeWriter();
    const writer = await real.startWriter(options);
    const full = new GuardapesosError("DISK_FULL", { folder: options.folder, needed: 2, free: 1 });
    return {
      ...writer,
      save: (checkpoint, ...rest) =>
        hooks.refuses(checkpoint) ? Promise.reject(full) : writer.save(checkpoint, ...rest),
    };
  };
  return { ...real, startWriter };
});

beforeEach(() => {
  hooks.beforeWriter = () => Promise.resolve();
  hooks.refuses = () => false;
  hooks.released = () => undefined;
});

const endedIn = (events: readonly RunEvent[]) => events.filter((event) => event.type === "ended").at(-1);

describe("a run", { timeout: 300_000 }, () => {
  it("goes on from what another training has saved while this one was still opening its files", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    await trainHere(folder, { maxBatches: 4 });
    const [newest] = await generationsIn(weights);
    const hidden = join(folder, newest!.id);
    await rename(newest!.folder, hidden);
    let opened = 0;
    hooks.beforeWriter = async () => {
      if (opened++ === 0) await rename(hidden, newest!.folder);
    };
    const { events, ended } = await trainHere(folder, { maxBatches: 5 });
    expect(opened).toBe(2);
    expect(events).toContainEqual(expect.objectContaining({ type: "resumed", id: newest!.id }));
    expect(ended.position?.batches).toBe(5);
  });

  it("passes over weights that are not numbers, says so, and does not begin anew when there are no others", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [good] = await generationsIn(weights);
    const told: RunEvent[] = [];
    const diverged = trainHere(folder, {
      maxBatches: 3,
      overrides: { learningRate: 1e30 },
      onEvent: (event) => told.push(event),
    });
    await expect(diverged).rejects.toMatchObject({ code: "TRAINING_DIVERGED", data: { good: good!.id } });
    expect(told).toContainEqual(expect.objectContaining({ code: "WEIGHTS_NOT_FINITE" }));
    // What is good, and how to go on from it.
    expect(endedIn(told)).toMatchObject({
      how: "failed",
      code: "TRAINING_DIVERGED",
      batchesLost: 1,
      files: good!.files.map(({ bytes }) => ({ bytes })),
      resumeCommand: "npx guardapesos train",
    });
    const [spoilt] = await generationsIn(weights);
    expect(spoilt!.nonFinite).toBeGreaterThan(0);

    const { events, ended } = await trainHere(folder, { maxBatches: 2 });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "resumed",
        id: good!.id,
        skipped: [{ id: spoilt!.id, file: "manifest.json", reason: "not-finite", values: spoilt!.nonFinite }],
      }),
    );
    expect(ended.position?.batches).toBe(2);

    await rm(good!.folder, { recursive: true });
    await expect(trainHere(folder)).rejects.toMatchObject({
      code: "WEIGHTS_NOT_FINITE",
      data: { id: spoilt!.id, values: spoilt!.nonFinite },
    });
  });

  it("does not count what came from elsewhere as a child of the checkpoints that are here", async () => {
    const [here, there] = [await testFolder(), await testFolder()];
    const { weights } = await trainHere(here, { maxBatches: 1 });
    const other = await trainHere(there, { maxBatches: 2 });
    await cp(other.weights, join(here, "usb"), { recursive: true });
    await rm(join(here, "usb", "checkpoints"), { recursive: true });
    await trainHere(here, { maxBatches: 3, resume: join(here, "usb", "generator_DRUSEN_local.pth") });
    const [newest, oldest] = await generationsIn(weights);
    expect(newest!.parent).toBeUndefined();
    expect(newest!.run).not.toBe(oldest!.run);
  });

  it.each(["limit", "stopped"] as const)(
    "that ends (%s) with its last save failed has failed, and says what is lost",
    async (how) => {
      const folder = await testFolder();
      const { weights } = await trainHere(folder, { maxBatches: 1 });
      const saved = await stateAt(weights);
      // Another one has taken this one for dead, and writes now.
      const takeOver = async () => {
        const at = join(weights, "checkpoints");
        const names = (await readdir(at)).filter((name) => name.startsWith(".lock-"));
        const other = { host: "nas", pid: 4711, since: "2025-11-06T12:00:00Z" };
        await writeFile(join(at, `.lock-${"a".repeat(32)}`), JSON.stringify(other));
        await Promise.all(names.map((name) => rm(join(at, name))));
      };
      let told: readonly RunEvent[] = [];
      const kept: RunEvent[] = [];
      const running = trainHere(folder, {
        maxBatches: how === "limit" ? 3 : undefined,
        onEvent(event, stop) {
          kept.push(event);
          told = kept;
          if (event.type === "stage-preparing") void takeOver();
          if (how === "stopped" && event.type === "stepped" && event.batches >= 3) stop.request("SIGINT");
        },
      });
      await expect(running).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
      expect(told.some(({ type }) => type === "save-failed")).toBe(true);
      // It is saved all the same, beside that folder.
      const ended = endedIn(told)!;
      expect(ended).toMatchObject({ how: "failed", code: "WEIGHTS_IN_USE", batchesLost: 0 });
      const [beside] = (await readdir(folder)).filter((name) => name.startsWith("weights-rescued-"));
      const { files } = ended;
      expect(files.every(({ path }) => path.startsWith(join(folder, beside!)))).toBe(true);
      expect(files).toHaveLength(2);
      expect(await stateAt(weights)).toEqual(saved);
    },
  );

  it("gives the room of its images on disk to a save that finds none, and back at the end", async () => {
    const told: (RunEvent | "released")[] = [];
    hooks.released = () => told.push("released");
    let refused = 0;
    hooks.refuses = () => refused++ === 0;
    const folder = await testFolder();
    await trainHere(folder, {
      overrides: { autosave: 1 },
      maxBatches: 4,
      onEvent: (event) => told.push(event),
    });
    const types = told.map((one) => (one === "released" ? one : one.type));
    expect(types[types.indexOf("save-failed") + 1]).toBe("released");
    expect(types.filter((type) => type === "released")).toHaveLength(2);
    expect(types.at(-1)).toBe("released");
    // It had none here, which is told once.
    const warnings = told.filter((one) => one !== "released" && one.type === "warning");
    expect(warnings).toEqual([expect.objectContaining({ code: "IMAGES_NOT_CACHED" })]);
  });

  it("whose last save finds no room tries an emergency save before it gives up", async () => {
    const folder = await testFolder();
    hooks.refuses = ({ kind }) => kind !== "emergency";
    const told: RunEvent[] = [];
    const running = trainHere(folder, { maxBatches: 4, onEvent: (event) => told.push(event) });
    await expect(running).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(told.filter(({ type }) => type === "save-failed")).toHaveLength(2);
    expect(endedIn(told)).toMatchObject({ how: "failed", code: "DISK_FULL", batchesLost: 0 });
    const [newest, ...others] = await generationsIn(join(folder, "weights"));
    expect(newest).toMatchObject({ kind: "emergency", reason: "DISK_FULL", step: 4 });
    expect(others).toEqual([]);

    hooks.refuses = () => false;
    const next = await trainHere(folder, { maxBatches: 5 });
    const whole = await trainHere(await testFolder(), { maxBatches: 5 });
    expect(await stateAt(next.weights)).toEqual(await stateAt(whole.weights));
  });

  it("whose weights were never all numbers says so, stays small, and says how to start anew", async () => {
    const folder = await testFolder();
    const told: RunEvent[] = [];
    const diverged = trainHere(folder, {
      overrides: { learningRate: 1e30, autosave: 1, epochs: tinyPlan.epochs!.map(() => 40) },
      onEvent: (event) => told.push(event),
    });
    await expect(diverged).rejects.toMatchObject({ code: "TRAINING_DIVERGED", data: { good: undefined } });
    const saved = told.filter(({ type }) => type === "saved");
    expect(saved.length).toBeLessThan(8);
    expect(endedIn(told)).toMatchObject({
      how: "failed",
      files: [],
      resumeCommand: "npx guardapesos train --fresh",
    });
    expect((await generationsIn(join(folder, "weights"))).length).toBeLessThanOrEqual(2);
  });

  it.each(["deleted", "renamed", "its checkpoints deleted"])(
    "whose weights folder is gone (%s) saves its state all the same, and names only what is there",
    async (how) => {
      const folder = await testFolder();
      const weights = join(folder, "weights");
      const told: RunEvent[] = [];
      const take = async (): Promise<void> => {
        const what = how === "its checkpoints deleted" ? join(weights, "checkpoints") : weights;
        // In one instant: a save that goes on would make some of it again.
        await rename(what, join(folder, "elsewhere"));
        if (how !== "renamed") await rm(join(folder, "elsewhere"), { recursive: true });
      };
      let taken: Promise<void> | undefined;
      let after = 0;
      const running = trainHere(folder, {
        overrides: { autosave: 1, epochs: tinyPlan.epochs!.map(() => 400) },
        onEvent(event, stop) {
          told.push(event);
          if (event.type === "saved") taken ??= take();
          if (event.type === "save-failed") after ||= 1;
          if (event.type === "stepped" && after > 0 && after++ === 3) stop.request("SIGINT");
        },
      });
      await expect(running).rejects.toMatchObject({ code: "WEIGHTS_FOLDER_GONE", data: { folder: weights } });
      await taken;
      const ended = endedIn(told);
      const { files, position, batchesLost } = ended?.type === "ended" ? ended : expect.unreachable();
      expect(batchesLost).toBe(0);
      expect(files.map(({ path }) => existsSync(path))).toEqual([true, true]);
      expect(told.some((event) => "message" in event && event.message.includes("process 0"))).toBe(false);
      // The next start goes on from exactly there.
      const next = await trainHere(folder, { maxBatches: position!.batches });
      expect(next.events.find(({ type }) => type === "resumed")).toMatchObject({ position });
    },
  );

  it("makes the backup of the day by itself, once, beside the steps", async () => {
    const folder = await testFolder();
    const begin = () => trainHere(folder, { backups: 2, overrides: { autosave: 1 } });
    const { events, weights, ended } = await begin();
    expect(ended.how).toBe("finished");
    const [made, ...others] = events.filter((event) => event.type === "backed-up");
    expect(others).toEqual([]);
    const [copy] = (await listBackups(weights)).whole;
    expect(copy).toMatchObject({ folder: made!.folder, pair: expect.any(String) as string });
    expect((await verifyGeneration(copy!, { deep: true })).whole).toBe(true);
    expect(events.map(({ type }) => type).at(-1)).toBe("ended");
    await rm(join(weights, "checkpoints"), { recursive: true });
    expect((await begin()).events.some(({ type }) => type === "backed-up")).toBe(false);
  });

  it("saves by the clock, too", async () => {
    const { events } = await trainHere(await testFolder(), { overrides: { autosave: "0.0002m" } });
    const reasons = events.flatMap((event) => (event.type === "saved" ? [event.reason] : []));
    expect(reasons).toContain("every 0.0002 minutes");
  });

  it("goes on when the backup of the day cannot be made, and says so", async () => {
    const folder = await testFolder();
    await mkdir(join(folder, "weights"));
    await writeFile(join(folder, "weights", "backups"), "a file where the folder should be");
    const { events, ended } = await trainHere(folder, { backups: 7, overrides: { autosave: 1 } });
    expect(ended.how).toBe("finished");
    const failed = events.filter((event) => event.type === "backup-failed");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ code: "WEIGHTS_NOT_WRITABLE", retrySeconds: 3600 });
  });

  it("says that a checkpoint from before this arithmetic was computed with another, once", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [newest] = await generationsIn(weights);
    const path = join(newest!.folder, "manifest.json");
    const manifest = parseManifest(newest!.id, await readFile(path, "utf8"));
    const { arithmetic, ...progress } = manifest.metadata;
    expect(arithmetic).toBe(2);
    await rm(path);
    await writeFile(path, renderManifest({ ...manifest, metadata: progress }));
    const differs = warning("ARITHMETIC_DIFFERS", { before: 1, now: 2 });
    expect((await trainHere(folder, { maxBatches: 4 })).events).toContainEqual(differs);
    expect((await trainHere(folder, { maxBatches: 6 })).events).not.toContainEqual(
      expect.objectContaining({ code: "ARITHMETIC_DIFFERS" }),
    );
  });

  it("with fewer images than before calls the epoch done and goes on with the next, and does nothing without images", async () => {
    const folder = await testFolder();
    await trainHere(folder, { maxBatches: 2 }); // 16 images into the epoch
    const { events, ended } = await trainHere(folder, { maxBatches: 4, overrides: { phantoms: 12 } });
    expect(events).toContainEqual(warning("DATA_DIFFERS", { before: 24, now: 12 }));
    const steps = events.filter((event) => event.type === "stepped");
    expect(steps.map(({ step, epoch, batch }) => [step, epoch, batch])).toEqual([
      [3, 1, 1],
      [4, 2, 0],
    ]);
    expect(steps.every(({ criticLoss }) => Number.isFinite(criticLoss))).toBe(true);
    expect(ended.position).toMatchObject({ step: 4, batches: 4, epoch: 2 });
  });
});
