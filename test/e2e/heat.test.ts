/**
 * Each row of the heat table, end to end: real processes, real checkpoints, simulated heat. A minute of a trace takes a fifth
 * of a second.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { listGenerations, loadCheckpoint, resolveReference } from "../../src/checkpoint/index.js";
import {
  batchesDone,
  call,
  endOf,
  errorOf,
  eventsOf,
  isType,
  start,
  tiny,
  train,
  type Ended,
  type Settings,
} from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

const trace = (name: string): string =>
  `simulated:${fileURLToPath(new URL(`../traces/${name}.csv`, import.meta.url))}`;

/** More than anyone waits for, 25 batches of 8 to an epoch; nothing is saved but for a reason. */
const long: Settings = {
  ...tiny,
  phantoms: 200,
  epochs: 500,
  autosave: 1_000_000,
  backups: 0,
  "time-scale": 300,
};

/** A trace of whole minutes: [minute, °C], each holding until the next. */
async function traceIn(folder: string, course: readonly (readonly [number, number])[]): Promise<string> {
  const lines = ["seconds,temperature"];
  course.forEach(([minute, temperature], i) => {
    const until = course[i + 1]?.[0] ?? minute + 1000;
    for (let second = minute * 60; second < until * 60; second += 10) lines.push(`${second},${temperature}`);
  });
  const file = join(folder, "trace.csv");
  await writeFile(file, lines.join("\n"));
  return `simulated:${file}`;
}

/** The order in which things were told. */
const at = (ended: Pick<Ended, "lines">, isIt: (line: Ended["lines"][number]) => boolean): number =>
  ended.lines.findIndex(isIt);

/** What the newest checkpoint of a folder says of its batches and of heat. */
async function newest(folder: string) {
  const { source } = await resolveReference(join(folder, "weights"), "latest");
  const { kind, reason, progress } = await loadCheckpoint(source);
  return {
    kind,
    reason,
    config: progress["config"] as Record<string, unknown>,
    heat: progress["heat"] as Record<string, unknown>,
  };
}

/** A training that has saved and is cooling down. */
async function coolingDown() {
  const folder = await testFolder();
  const sensor = await traceIn(folder, [
    [0, 60],
    [5, 83],
  ]);
  const running = start(folder, train({ ...long, sensor }));
  await running.when(isType("cooling"));
  return { folder, running };
}

describe("heat, on the seed page's scenarios,", { timeout: 120_000 }, () => {
  it("at 78 °C and under 82 goes on, and saves more often", async () => {
    const folder = await testFolder();
    const running = start(folder, train({ ...long, sensor: trace("scenario-1-warm"), autosave: 80 }));
    await running.when(isType("heat"));
    const from = running.lines.filter(isType("stepped")).at(-1)!.batches;
    await running.when(batchesDone(from + 70));
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(130);
    expect(eventsOf(ended, "heat").map(({ from: a, to }) => [a, to])[0]).toEqual(["watch", "pace"]);
    expect(eventsOf(ended, "heat").some(({ to }) => to === "cool" || to === "stop")).toBe(false);
    const warm = eventsOf(ended, "saved").filter(
      ({ reason, position }) => reason === "every 20 batches" && position.batches > from,
    );
    expect(warm.length).toBeGreaterThanOrEqual(2);
    expect(eventsOf(ended, "stepped").at(-1)!.temperature).toBeGreaterThan(60);
    expect((await newest(folder)).config["batchDivisor"]).toBe(1);
  });

  it("at 82 °C saves, verifies, cools down, goes on in smaller batches; and that can be undone", async () => {
    const folder = await testFolder();
    const settings = { ...long, sensor: trace("scenario-2-hot") };
    const running = start(folder, train(settings));
    await running.when((line) => isType("heat")(line) && line.from === "cool");
    await running.when((line) => isType("stage-started")(line) && line.batchSize === 4);
    const cooled = running.lines.length;
    await running.when((line) => isType("stepped")(line) && running.lines.indexOf(line) > cooled);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(130);

    const [emergency] = eventsOf(ended, "saved").filter(({ kind }) => kind === "emergency");
    expect(emergency!.reason).toMatch(/^8[2-4] °C$/);
    expect(emergency!.files[0]!.path).toMatch(/EMERGENCY_generator_/);
    // Verified before the cool-down begins, no step during it, and the countdown says all that it should.
    const saved = at(ended, (line) => isType("saved")(line) && line.id === emergency!.id);
    const first = at(ended, isType("cooling"));
    const end = at(ended, (line) => isType("heat")(line) && line.from === "cool");
    expect(saved).toBeGreaterThan(-1);
    expect(first).toBeGreaterThan(saved);
    expect(end).toBeGreaterThan(first);
    expect(ended.lines.slice(saved, end).filter(isType("stepped"))).toEqual([]);
    expect(ended.lines[first]).toMatchObject({ resumeAt: 70 });
    const { secondsLeft, temperature } = eventsOf(ended, "cooling")[0]!;
    expect(secondsLeft).toBeGreaterThan(0);
    expect(secondsLeft).toBeLessThanOrEqual(600);
    expect(temperature).toBeGreaterThan(40);
    const [, restarted] = eventsOf(ended, "stage-started");
    expect(restarted).toMatchObject({ resolution: 4, batchSize: 4, accumulate: 2, batchesPerEpoch: 50 });
    expect(endOf(ended).heat).toMatchObject({ coolDowns: 1, hottest: 83 });

    // The save before the cool-down has it already.
    const { source } = await resolveReference(join(folder, "weights"), emergency!.id);
    const { progress } = await loadCheckpoint(source);
    expect(progress["config"]).toMatchObject({ batchSizes: Array(9).fill(8), batchDivisor: 2 });
    expect((await newest(folder)).heat).toMatchObject({ coolDowns: 1, hottest: 83 });

    const { length } = eventsOf(ended, "stepped");
    const batches = endOf(ended).position!.batches;
    expect(length).toBeGreaterThan(0);
    const again = await call(
      folder,
      train({ ...settings, sensor: "none", "max-batches": batches + 4, "time-scale": 1 }),
    );
    expect(eventsOf(again, "batches-divided")).toMatchObject([{ divisor: 2, batchSize: 4, accumulate: 2 }]);
    expect(eventsOf(again, "stage-started")[0]).toMatchObject({ batchSize: 4, accumulate: 2 });
    expect(endOf(again).heat).toMatchObject({ coolDowns: 1 });

    const undone = await call(
      folder,
      train({
        ...settings,
        sensor: "none",
        "time-scale": 1,
        "max-batches": batches + 8,
        "full-batches": true,
      }),
    );
    expect(eventsOf(undone, "batches-divided")).toEqual([]);
    expect(eventsOf(undone, "stage-started")[0]).toMatchObject({ batchSize: 8, accumulate: 1 });
    expect(endOf(undone).resumeCommand).not.toContain("full-batches");
    expect((await newest(folder)).config["batchDivisor"]).toBe(1);
  });

  it("at 85 °C saves and ends with 75, and goes on from there much smaller", async () => {
    const folder = await testFolder();
    const settings = { ...long, sensor: trace("scenario-3-critical") };
    const ended = await call(folder, train(settings));
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(75);
    const end = endOf(ended);
    expect(end).toMatchObject({ how: "overheated", batchesLost: 0, heat: { stops: 1 } });
    expect(end.files.map(({ path }) => path)).toEqual([
      expect.stringMatching(/EMERGENCY_generator_/) as string,
      expect.stringMatching(/EMERGENCY_critic_/) as string,
    ]);
    expect(end.resumeCommand).toMatch(/^npx guardapesos train /);
    expect(eventsOf(ended, "heat").at(-1)).toMatchObject({ to: "stop", reason: { threshold: 85 } });
    expect(eventsOf(ended, "saved").at(-1)!.reason).toMatch(/^8\d °C$/);
    const { batches } = end.position!;
    const again = await call(
      folder,
      train({ ...settings, sensor: "none", "time-scale": 1, "max-batches": batches + 4 }),
    );
    expect(again.code).toBe(0);
    expect(eventsOf(again, "stage-started")[0]!.batchSize).toBeLessThan(8);
    const { batchSize, accumulate } = eventsOf(again, "stage-started")[0]!;
    expect(batchSize * accumulate).toBe(8);
  });
});

describe("heat", { timeout: 120_000 }, () => {
  it("at once, before the first batch, ends training without a save to make", async () => {
    const folder = await testFolder();
    const sensor = await traceIn(folder, [[0, 90]]);
    const ended = await call(folder, train({ ...long, sensor }));
    expect(ended.code).toBe(75);
    expect(endOf(ended)).toMatchObject({ how: "overheated", files: [], batchesLost: 0 });
    expect(eventsOf(ended, "stepped")).toEqual([]);
    expect((await listGenerations(join(folder, "weights"))).whole).toEqual([]);
  });

  it("in a cool-down lets Ctrl+C end it at once, with nothing to save again", async () => {
    const { running } = await coolingDown();
    const pressed = performance.now();
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(performance.now() - pressed).toBeLessThan(5000);
    expect(ended.code).toBe(130);
    expect(endOf(ended)).toMatchObject({ how: "stopped", signal: "SIGINT", batchesLost: 0 });
    expect(endOf(ended).files[0]!.path).toMatch(/EMERGENCY_generator_/);
    expect(eventsOf(ended, "saved").filter(({ kind }) => kind === "emergency")).toHaveLength(1);
  });

  it("in a cool-down loses nothing to a kill -9, and the smaller batches stay", async () => {
    const { folder, running } = await coolingDown();
    const { batches } = running.lines.filter(isType("stepped")).at(-1)!;
    running.signal("SIGKILL");
    await running.ended;
    const again = await call(
      folder,
      train({ ...long, sensor: "none", "time-scale": 1, "max-batches": batches + 2 }),
    );
    expect(eventsOf(again, "resumed")[0]).toMatchObject({ kind: "emergency", position: { batches } });
    expect(eventsOf(again, "stage-started")[0]).toMatchObject({ batchSize: 4, accumulate: 2 });
  });

  it("that is critical can wait and go on much smaller instead, if that is asked for", async () => {
    const folder = await testFolder();
    const sensor = await traceIn(folder, [
      [0, 60],
      [4, 88],
      [10, 50],
    ]);
    const running = start(
      folder,
      train({ ...long, sensor, "after-critical": "cool", "critical-minutes": 20 }),
    );
    await running.when((line) => isType("stage-started")(line) && line.batchSize === 2);
    running.signal("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(143);
    expect(eventsOf(ended, "batches-divided")).toMatchObject([{ divisor: 4, batchSize: 2, accumulate: 4 }]);
    expect(eventsOf(ended, "cooling")[0]!.secondsLeft).toBeGreaterThan(600);
  });

  it("of a simulated card is held by pauses at the target", async () => {
    const folder = await testFolder();
    // Low enough to be warm soon, and never hot.
    const limits = { "warn-at": 55, target: 56, "cool-at": 110, "stop-at-temp": 115 };
    const running = start(
      folder,
      train({ ...long, ...limits, sensor: "simulated:model", "time-scale": 200 }),
    );
    let pauses = 0;
    await running.when((line) => isType("stepped")(line) && line.rested !== undefined && ++pauses === 40);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(eventsOf(ended, "heat")[0]).toMatchObject({ from: "watch", to: "pace" });
    const { pauses: counted, pausedSeconds } = endOf(ended).heat!;
    expect(counted).toBeGreaterThanOrEqual(40);
    expect(pausedSeconds).toBeGreaterThan(1);
  });

  it("goes on unwatched when its sensor dies, and says so once", async () => {
    const folder = await testFolder();
    const lines = ["seconds,temperature", "0,70", "30,71"];
    await writeFile(join(folder, "short.csv"), lines.join("\n"));
    const running = start(folder, train({ ...long, sensor: "simulated:short.csv" }));
    await running.when(isType("sensor-lost"));
    const { batches } = running.lines.filter(isType("stepped")).at(-1) ?? { batches: 0 };
    await running.when(batchesDone(batches + 30));
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(eventsOf(ended, "sensor-lost")).toHaveLength(1);
    expect(eventsOf(ended, "heat")).toEqual([]);
    expect(eventsOf(ended, "stepped").at(-1)!.temperature).toBeUndefined();
  });

  it("is not watched on a processor, which is said once", async () => {
    const folder = await testFolder();
    const ended = await call(folder, train({ ...tiny, "max-batches": 2 }));
    expect(ended.code).toBe(0);
    expect(eventsOf(ended, "heat-watch")).toMatchObject([{ missing: "processor" }]);
    expect(eventsOf(ended, "temperature")).toEqual([]);
    expect(endOf(ended).heat).toBeUndefined();
  });

  it.each([
    [{ sensor: "simulated:missing.csv" }, "TRACE_UNREADABLE", 66],
    [{ sensor: "simulated:bad.csv" }, "TRACE_INVALID", 65],
  ] as const)("with %o is refused before anything is written", async (settings, code, exit) => {
    const folder = await testFolder();
    await writeFile(join(folder, "bad.csv"), "hot\nvery");
    const ended = await call(folder, train({ ...tiny, ...settings }));
    expect(ended.code).toBe(exit);
    expect(errorOf(ended)?.code).toBe(code);
  });
});
