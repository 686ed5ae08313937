/** Signals, in every phase of a training: the right exit code, both files there and whole, and nothing lost. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { batchesDone, call, endOf, eventsOf, start, tiny, train, type Settings } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { filesIn, generationsIn, stateAt } from "../harness/state.js";

/** More than anyone waits for: only a signal ends it. */
const long: Settings = { ...tiny, epochs: 500, autosave: 1_000_000 };

const resolvedIn = (folder: string, path: string): string => join(folder, path);

describe("a signal while training", { timeout: 300_000 }, () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s saves both networks under emergency names and exits with %i", async (signal, code) => {
    const folder = await testFolder();
    const running = start(folder, train(long));
    await running.when(batchesDone(2));
    running.signal(signal);
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(code);

    const end = endOf(ended);
    expect(end).toMatchObject({ how: "stopped", signal, batchesLost: 0 });
    expect(end.files.map(({ path }) => path)).toEqual([
      expect.stringMatching(/^weights\/EMERGENCY_generator_\d{8}_\d{6}\.pth$/) as string,
      expect.stringMatching(/^weights\/EMERGENCY_critic_\d{8}_\d{6}\.pth$/) as string,
    ]);
    expect(end.resumeCommand).toMatch(/^npx guardapesos train --preset demo .*--device cpu /);
    expect(eventsOf(ended, "saved").at(-1)).toMatchObject({ kind: "emergency", reason: signal });

    // Each of the two names stands for the whole pair.
    const place = JSON.stringify({ batches: end.position!.batches });
    for (const { path } of end.files) {
      const state = await stateAt(join(folder, "weights"), resolvedIn(folder, path));
      expect(JSON.parse(String(state["place"]))).toMatchObject(JSON.parse(place) as object);
    }
  });

  it("five times over changes nothing", async () => {
    const folder = await testFolder();
    const running = start(folder, train(long));
    await running.when(batchesDone(2));
    for (let press = 0; press < 5; press++) {
      running.signal("SIGINT");
      // Presses closer together than a tenth of a second count as one.
      await wait(150);
    }
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(endOf(ended)).toMatchObject({ how: "stopped", signal: "SIGINT", batchesLost: 0 });
    expect(eventsOf(ended, "saved").map(({ kind }) => kind)).toEqual(["emergency"]);
    const presses = eventsOf(ended, "stop-requested").map(({ times }) => times);
    expect(presses).toEqual(presses.map((_, index) => index + 1));
    expect(await generationsIn(join(folder, "weights"))).toHaveLength(1);
  });

  it("of another kind after the first leaves the first one's exit code", async () => {
    const folder = await testFolder();
    const running = start(folder, train(long));
    await running.when(batchesDone(2));
    running.signal("SIGTERM");
    await running.when(({ type }) => type === "stop-requested");
    await wait(150);
    running.signal("SIGINT");
    expect((await running.ended).code).toBe(143);
  });
});

describe("a signal while images load", { timeout: 300_000 }, () => {
  it("for the first batch ever saves nothing, because there is nothing", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...long, phantoms: 3000 }));
    await running.when((line) => line.type === "images-loading" && line.done > 0);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0, files: [] });
    expect(eventsOf(ended, "stage-started")).toEqual([]);
    expect(await generationsIn(join(folder, "weights"))).toEqual([]);
    expect(existsSync(join(folder, "weights", "generator_DRUSEN_local.pth"))).toBe(false);
  });

  it("for the next resolution saves what is trained, once, and going on goes there", async () => {
    const folder = await testFolder();
    const settings = { ...tiny, phantoms: 400, "batch-sizes": 100, epochs: 1, autosave: 1_000_000 };
    const running = start(folder, train(settings));
    await running.when((line) => line.type === "images-loading" && line.resolution === 8);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(130);
    expect(endOf(ended)).toMatchObject({
      how: "stopped",
      batchesLost: 0,
      position: { batches: 4, resolution: 4 },
    });
    expect(eventsOf(ended, "epoch-finished")).toHaveLength(1);
    expect(eventsOf(ended, "stage-finished")).toHaveLength(1);
    expect(eventsOf(ended, "saved").map(({ kind }) => kind)).toEqual(["stage"]);

    // The same command again, stopped before its first batch: nothing is written, and the files are those from before.
    const before = await filesIn(join(folder, "weights"));
    const again = start(folder, train(settings));
    await again.when((line) => line.type === "images-loading" && line.resolution === 8);
    again.signal("SIGINT");
    const stopped = await again.ended;
    expect(stopped.code).toBe(130);
    expect(endOf(stopped)).toMatchObject({ how: "stopped", batchesLost: 0, position: { batches: 4 } });
    expect(endOf(stopped).files).not.toEqual([]);
    expect(await filesIn(join(folder, "weights"))).toEqual(before);

    const rest = await call(folder, train({ ...settings, "max-batches": 5 }));
    expect(endOf(rest)).toMatchObject({ how: "limit", position: { batches: 5, resolution: 8 } });
  });
});

describe("a signal before training has begun", { timeout: 300_000 }, () => {
  it("ends it without a trace, whenever it comes", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...long, phantoms: 3000 }));
    await running.when(({ type }) => type === "run-started");
    running.signal("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(143);
    expect(eventsOf(ended, "stop-requested")).toHaveLength(1);
    expect(endOf(ended)).toMatchObject({ how: "stopped", signal: "SIGTERM", files: [] });
  });
});
