/**
 * Every phase of a training, and every way to stop it, with real processes: the weights are there, whole, and nothing that
 * was finished is lost. A part of the table in each test run, all of it with GUARDAPESOS_SOAK.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { verifyGeneration } from "../../src/checkpoint/index.js";
import {
  batchesDone,
  call,
  endOf,
  eventsOf,
  isType,
  start,
  tiny,
  train,
  type Running,
  type Settings,
} from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { generationsIn } from "../harness/state.js";

/** Five batches to an epoch; only a stop ends it. */
const long: Settings = { ...tiny, epochs: 500, autosave: 1_000_000, backups: 0 };
const twoStages: Settings = { ...long, phantoms: 400, "batch-sizes": 100, epochs: 1 };

type At = Parameters<Running["when"]>[0];

interface Phase {
  readonly settings: Settings;
  readonly at: At;
}

const phases: Readonly<Record<string, Phase>> = {
  "before anything": { settings: long, at: isType("run-started") },
  "while images load": {
    settings: { ...long, phantoms: 3000 },
    at: (line) => line.type === "images-loading" && line.done > 0,
  },
  "while graphs are made": { settings: { ...long, channels: 64 }, at: isType("stage-preparing") },
  "before the first batch is done": { settings: { ...long, channels: 64 }, at: isType("stage-started") },
  "in a batch": { settings: long, at: batchesDone(3) },
  "while a picture is drawn": { settings: long, at: isType("epoch-finished") },
  "while an automatic save is written": {
    settings: { ...long, autosave: 2 },
    at: (line) => line.type === "save-started" && line.kind === "auto",
  },
  "between two resolutions": { settings: twoStages, at: isType("stage-finished") },
  "while the next resolution's images load": {
    settings: twoStages,
    at: (line) => line.type === "images-loading" && line.resolution === 8,
  },
  "in a cool-down": {
    settings: { ...long, sensor: "simulated:trace.csv", "time-scale": 300, "cool-minutes": 600 },
    at: isType("cooling"),
  },
};

interface Way {
  readonly settings?: Settings;
  readonly withInput?: true;
  readonly stop: (running: Running, folder: string) => Promise<void>;
  /** undefined: the process does not get to say anything. */
  readonly code: number | undefined;
}

const byCommand: Way["stop"] = async (_, folder) => {
  const asker = await call(folder, ["stop"]);
  expect(asker.code).toBe(0);
  expect(endOf(asker)).toMatchObject({ how: "stopped", signal: "stop", batchesLost: 0 });
};

const by = (signal: NodeJS.Signals): Way["stop"] => {
  return (running) => {
    running.signal(signal);
    return Promise.resolve();
  };
};

const byInput: Way["stop"] = (running) => {
  running.closeInput();
  return Promise.resolve();
};

const ways: Readonly<Record<string, Way>> = {
  SIGINT: { stop: by("SIGINT"), code: 130 },
  SIGTERM: { stop: by("SIGTERM"), code: 143 },
  "guardapesos stop": { stop: byCommand, code: 143 },
  "the parent's end": {
    settings: { "stop-with-parent": true },
    withInput: true,
    stop: byInput,
    code: 129,
  },
  "SIGINT, five times": {
    async stop(running) {
      for (let press = 0; press < 5; press++) {
        running.signal("SIGINT");
        // Presses closer together than a tenth of a second count as one.
        await wait(120);
      }
    },
    code: 130,
  },
  SIGKILL: { stop: by("SIGKILL"), code: undefined },
};

const everything = process.env["GUARDAPESOS_SOAK"] !== undefined;
const cases = Object.entries(phases).flatMap(([when, phase], row) =>
  Object.entries(ways)
    .filter((_, column) => everything || (row + 2 * column) % 6 < 1)
    .map(([how, way]) => [when, how, phase, way] as const),
);

describe("a training that is stopped", { timeout: 120_000 }, () => {
  it.each(cases)("%s, by %s", async (_when, _how, phase, way) => {
    const folder = await testFolder();
    const hot = [...Array(600).keys()].map((minute) => `${60 * minute},${minute < 2 ? 60 : 83}`);
    await writeFile(join(folder, "trace.csv"), ["seconds,temperature", ...hot].join("\n"));
    const settings = { ...phase.settings, ...way.settings };
    const running = start(folder, train(settings), { withInput: way.withInput ?? false });
    await running.when(phase.at);
    await way.stop(running, folder);
    const ended = await running.ended;
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(way.code);

    const steps = eventsOf(ended, "stepped");
    const saved = eventsOf(ended, "saved").at(-1)?.position.step ?? 0;
    const generations = await generationsIn(join(folder, "weights"));
    if (way.code === undefined) {
      // What was told is there, or one that was about to be.
      expect(generations[0]?.step ?? 0).toBeGreaterThanOrEqual(saved);
    } else {
      const end = endOf(ended);
      expect(end).toMatchObject({ how: "stopped", batchesLost: 0 });
      expect(end.position!.batches).toBe(steps.at(-1)?.batches ?? 0);
      expect(generations[0]?.step ?? 0).toBe(end.position!.step);
      expect(end.files).toHaveLength(steps.length === 0 ? 0 : 2);
    }
    for (const one of generations) expect((await verifyGeneration(one, { deep: true })).whole).toBe(true);
  });
});
