/** Signals, in every phase of a training: the right exit code, both files there and whole, and nothing lost. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import {
  batchesDone,
  call,
  endOf,
  errorOf,
  eventsOf,
  isType,
  program,
  start,
  tiny,
  train,
  type Settings,
} from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { filesIn, generationsIn, stateAt } from "../harness/state.js";

/** More than anyone waits for: only a signal ends it. */
const long: Settings = { ...tiny, epochs: 500, autosave: 1_000_000 };

const resolvedIn = (folder: string, path: string): string => join(folder, path);

describe("a signal while training", { timeout: 300_000 }, () => {
  it("saves both networks under emergency names, and says how to go on", async () => {
    const folder = await testFolder();
    const running = start(folder, train(long));
    await running.when(batchesDone(2));
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(130);

    const end = endOf(ended);
    expect(end).toMatchObject({ how: "stopped", signal: "SIGINT", batchesLost: 0 });
    expect(end.files.map(({ path }) => path)).toEqual([
      expect.stringMatching(/^weights\/EMERGENCY_generator_\d{8}_\d{6}\.pth$/) as string,
      expect.stringMatching(/^weights\/EMERGENCY_critic_\d{8}_\d{6}\.pth$/) as string,
    ]);
    expect(end.resumeCommand).toMatch(/^npx guardapesos train --preset demo .*--device cpu /);
    expect(eventsOf(ended, "saved").at(-1)).toMatchObject({ kind: "emergency", reason: "SIGINT" });

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

describe.skipIf(process.platform === "win32")("SIGHUP", { timeout: 300_000 }, () => {
  it("from a terminal that is closed saves the weights, though there is nobody left to tell", async () => {
    const folder = await testFolder();
    const typed = [process.execPath, program, ...train(long)].join(" ");
    const terminal = spawn("script", ["-qec", typed, "/dev/null"], { cwd: folder, stdio: "ignore" });
    await vi.waitUntil(() => existsSync(join(folder, "weights", "generator_DRUSEN_local.pth")), 60_000);
    terminal.kill("SIGKILL");
    // Waits until it is gone, should it be there still.
    await call(folder, ["stop"]);
    const [newest] = await generationsIn(join(folder, "weights"));
    expect(newest).toMatchObject({ kind: "emergency", reason: "SIGHUP" });
  });

  it("without a terminal changes nothing: that is how nohup keeps a training alive", async () => {
    const folder = await testFolder();
    const running = start(folder, train(long));
    await running.when(batchesDone(2));
    running.signal("SIGHUP");
    const { batches } = running.lines.filter(isType("stepped")).at(-1)!;
    await running.when(batchesDone(batches + 20));
    running.signal("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(143);
    expect(eventsOf(ended, "stop-requested")).toHaveLength(1);
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

describe("a second signal", { timeout: 300_000 }, () => {
  /** Batches of a second or two. */
  const slow: Settings = {
    ...long,
    channels: "32",
    start: "64",
    end: "64",
    phantoms: "96",
    "batch-sizes": "48",
  };

  it("while a long batch runs saves the state from before it at once, and five more change nothing", async () => {
    const [folder, other] = [await testFolder(), await testFolder()];
    const running = start(folder, train(slow));
    const begun = await running.when(isType("stage-started"));
    const first = await running.when(batchesDone(1));
    const batchTakes = Date.parse(first.at) - Date.parse(begun.at);
    await wait(150);
    for (let press = 0; press < 7; press++) {
      running.signal("SIGINT");
      await wait(120);
    }
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(130);
    const presses = eventsOf(ended, "stop-requested");
    expect(presses.map(({ leaving }) => leaving).slice(0, 2)).toEqual([false, true]);
    expect(presses.slice(2).some(({ leaving }) => leaving)).toBe(false);
    expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0, position: { batches: 1 } });
    expect(eventsOf(ended, "saved")).toMatchObject([{ kind: "emergency", reason: "SIGINT" }]);
    const safeAfter = Date.parse(ended.lines.at(-1)!.at) - Date.parse(presses[1]!.at);
    expect(safeAfter).toBeLessThan(batchTakes / 2);

    await call(other, train({ ...slow, "max-batches": 1 }));
    expect(await stateAt(join(folder, "weights"))).toEqual(await stateAt(join(other, "weights")));
  });

  it("while the copy to save is still being made leaves as soon as there is one", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...slow, channels: "128", latent: "128", start: "32", end: "32" }));
    const begun = await running.when(isType("stage-started"));
    const first = await running.when(batchesDone(1));
    running.signal("SIGINT");
    await wait(120);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0, position: { batches: 1 } });
    const batchTakes = Date.parse(first.at) - Date.parse(begun.at);
    expect(Date.parse(ended.lines.at(-1)!.at) - Date.parse(first.at)).toBeLessThan(batchTakes / 2);
  });

  it("in the first batch of all leaves at once: there is nothing to save", async () => {
    const folder = await testFolder();
    const running = start(folder, train(slow));
    await running.when(isType("stage-started"));
    await wait(150);
    running.signal("SIGTERM");
    await wait(120);
    running.signal("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(143);
    expect(eventsOf(ended, "stepped")).toEqual([]);
    expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0, files: [] });
  });
});

describe("a stop without a signal", { timeout: 300_000 }, () => {
  it("comes at the time that was planned, and is no failure", async () => {
    const folder = await testFolder();
    const ended = await call(folder, train({ ...long, "stop-after": "8s", "stop-at": "0:00" }));
    expect(ended.code).toBe(0);
    const [planned] = eventsOf(ended, "stop-planned");
    const end = endOf(ended);
    expect(end).toMatchObject({ how: "stopped", signal: "time", batchesLost: 0 });
    expect(end.position!.batches).toBeGreaterThan(0);
    expect(Date.parse(ended.lines.at(-1)!.at)).toBeGreaterThan(Date.parse(planned!.time) - 100);
    expect(end.resumeCommand).not.toContain("stop-a");
    expect(eventsOf(ended, "saved").at(-1)).toMatchObject({ kind: "emergency", reason: "time" });
  });

  it("does not come from an input that ends, unless that was asked for", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...tiny, "max-batches": 20 }), { withInput: true });
    running.closeInput();
    const ended = await running.ended;
    expect(ended.code).toBe(0);
    expect(eventsOf(ended, "stop-requested")).toEqual([]);
  });

  it("is asked for in vain where nothing runs", async () => {
    const folder = await testFolder();
    await call(folder, train({ ...tiny, "max-batches": 1 }));
    const before = await filesIn(folder);
    const ended = await call(folder, ["parar"]);
    expect(ended.code).toBe(0);
    expect(ended.lines).toMatchObject([{ type: "nothing-running", weights: "weights" }]);
    expect(await filesIn(folder)).toEqual(before);
    expect(errorOf(await call(folder, ["stop", "--weights", "nowhere"]))?.code).toBe("FOLDER_NOT_FOUND");
  });

  it("comes from errors that nobody has caught, and ends as the bug that they are", async () => {
    const folder = await testFolder();
    // Planted once training has begun, however long that takes.
    const fault = `import { isMainThread } from "node:worker_threads";
      const { stdout } = process;
      const write = stdout.write;
      if (isMainThread) stdout.write = (text, ...rest) => {
        if (String(text).includes('"stepped"')) {
          stdout.write = write;
          setTimeout(() => void Promise.reject(new Error("planted")), 100);
        }
        return write.call(stdout, text, ...rest);
      };`;
    const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` };
    const ended = await start(folder, train(long), { environment }).ended;
    expect(ended.code).toBe(70);
    expect(ended.stderr).toContain("Error: planted\n    at ");
    expect(errorOf(ended)).toMatchObject({ code: "BUG" });
    const end = eventsOf(ended, "ended").at(-1)!;
    expect(end).toMatchObject({ how: "failed", signal: "bug", batchesLost: 0 });
    expect(eventsOf(ended, "saved").at(-1)).toMatchObject({ kind: "emergency", reason: "bug" });
  });
});
