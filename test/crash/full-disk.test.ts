/** A real file system of a few megabytes that fills up, under the store and under a whole training. Mounting needs root. */
import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { newestWhole, openStore } from "../../src/checkpoint/index.js";
import { endOf, eventsOf, isType, start, tiny, train } from "../harness/cli.js";
import { inspect, original } from "./inspect.js";
import { sample, temporaryFolder } from "./sample.js";

const run = (command: string, ...words: string[]): boolean => spawnSync(command, words).status === 0;

/** @returns undefined where this system lets nobody mount */
async function smallDisk(megabytes: number): Promise<string | undefined> {
  const folder = join(await temporaryFolder(), "disco pequeño");
  await mkdir(folder);
  if (!run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder)) return undefined;
  onTestFinished(() => void run("umount", "-l", folder));
  return folder;
}

const canMount = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!canMount)("a tmpfs of a few megabytes", { timeout: 120_000 }, () => {
  it("fills up: saves are refused, what is there stays whole, and the ballast takes the emergency", async (test) => {
    const folder = await smallDisk(9);
    if (folder === undefined) return test.skip("nothing can be mounted here");
    const channels = 1200; // a pair of about 1.1 MB
    const store = await openStore({ folder, label: "DRUSEN", name: "local", retention: { epochs: 99 } });
    let step = 0;
    let refused: unknown;
    while (refused === undefined && step < 50) {
      await store.save(sample(++step, "epoch", channels)).catch((error: unknown) => (refused = error));
    }
    expect(refused).toMatchObject({ code: "DISK_FULL" });
    const safe = step - 1;
    expect((await newestWhole(folder))?.generation.step).toBe(safe);
    fill(folder);
    const rescued = await store.save(sample(++step, "emergency", channels));
    expect(rescued.generation.verifiedAt).toBeDefined();
    expect(existsSync(join(folder, "checkpoints", ".ballast"))).toBe(false);
    await store.close();
    expect(await inspect(folder, original(channels))).toEqual({ unreadable: [], mixed: [] });
    expect((await newestWhole(folder))?.generation.step).toBe(step);
  });

  it("does not stop a training, which says so and still saves from the ballast on Ctrl+C", async (test) => {
    const folder = await smallDisk(4);
    if (folder === undefined) return test.skip("nothing can be mounted here");
    const settings = { ...tiny, phantoms: 400, epochs: 500, autosave: 5, backups: 0, weights: "w" };
    const running = start(folder, train(settings));
    await running.when(isType("saved"));
    const ballast = join(folder, "w", "checkpoints", ".ballast");
    await vi.waitUntil(() => existsSync(ballast) && statSync(ballast).size > 500_000, 20_000);
    fill(folder);
    await running.when(isType("save-failed"));
    const at = running.lines.length;
    await running.when((line) => isType("stepped")(line) && running.lines.indexOf(line) > at + 10);
    running.signal("SIGINT");
    const ended = await running.ended;
    const failed = eventsOf(ended, "save-failed");
    expect(failed.every(({ code }) => code === "DISK_FULL")).toBe(true);
    expect(failed.every(({ retrySeconds }) => retrySeconds !== undefined)).toBe(true);
    expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
    expect(ended.code).toBe(130);
    expect(existsSync(ballast)).toBe(false);
    const newest = await newestWhole(join(folder, "w"));
    expect(newest?.generation).toMatchObject({ kind: "emergency", step: endOf(ended).position!.step });
  });
});

/** What another program leaves of a disk: nothing. */
function fill(folder: string): void {
  for (const size of [1_000_000, 100_000, 4096]) {
    try {
      for (;;) writeFileSync(join(folder, "another program's"), Buffer.alloc(size), { flag: "a" });
    } catch {
      continue;
    }
  }
}
