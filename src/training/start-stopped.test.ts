/** A stop while a run opens what it needs: nobody waits for that, nothing is said to be saved, and nothing stays behind. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { trainHere } from "../../test/harness/training.js";
import type { RunEvent } from "../events/event.js";
import { defaultThresholds } from "../thermal/thresholds.js";
import type { Stop } from "./stop.js";

const hooks = vi.hoisted(() => ({ stop: undefined as Stop | undefined }));
vi.mock("./stop.js", async (original) => {
  const real = await original<typeof import("./stop.js")>();
  return { ...real, createStop: () => (hooks.stop = real.createStop()) };
});
afterEach(() => vi.unstubAllEnvs());

const sleeping = (seconds: string): boolean =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .some((line) => line.trim() === `sleep ${seconds}`);

describe("a stop", { timeout: 300_000 }, () => {
  it.skipIf(process.platform === "win32").each([1, 2])(
    "of %i presses while a sensor is opened that never answers ends at once",
    async (presses) => {
      const folder = await testFolder();
      const seconds = `424${presses}`;
      await writeFile(join(folder, "nvidia-smi"), `#!/bin/sh\nsleep ${seconds}\n`, { mode: 0o755 });
      vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
      const heat = {
        sensor: { kind: "nvidia-smi", index: undefined },
        thresholds: defaultThresholds,
        timeScale: 1,
      } as const;
      const events: RunEvent[] = [];
      const training = trainHere(folder, { heat, onEvent: (event) => void events.push(event) });
      await vi.waitUntil(() => sleeping(seconds), { timeout: 120_000, interval: 50 });
      for (let press = 0; press < presses; press++) hooks.stop!.request("SIGINT");
      const { ended } = await training;
      expect(ended).toMatchObject({ how: "stopped", signal: "SIGINT", position: undefined, files: [] });
      expect(events.map(({ type }) => type)).toEqual([
        ...Array<string>(presses).fill("stop-requested"),
        "ended",
      ]);
      expect(events[0]).toMatchObject({ nothingYet: true, leaving: false });
      await vi.waitUntil(() => !sleeping(seconds), { timeout: 60_000, interval: 50 });
      // The folder is free again.
      expect((await trainHere(folder, { maxBatches: 1 })).ended.how).toBe("limit");
    },
  );

  it("while the first graph is made does not wait for it", async () => {
    const folder = await testFolder();
    const told: RunEvent[] = [];
    const { ended } = await trainHere(folder, {
      onEvent(event, stop) {
        told.push(event);
        if (event.type === "stage-preparing") setImmediate(() => stop.request("SIGINT"));
      },
    });
    expect(ended).toMatchObject({ how: "stopped", batchesLost: 0, files: [] });
    expect(told.find(({ type }) => type === "stop-requested")).toMatchObject({
      nothingYet: true,
      leaving: true,
    });
    expect(told.some(({ type }) => type === "stage-started" || type === "save-started")).toBe(false);
  });
});
