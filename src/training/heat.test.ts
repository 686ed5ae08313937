/** Heat in a run whose saves fail, and how batches are divided. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { generationsIn } from "../../test/harness/state.js";
import { trainHere } from "../../test/harness/training.js";
import { GuardapesosError } from "../base/errors.js";
import type { Checkpoint } from "../checkpoint/index.js";
import { presets, type TrainingConfig } from "../progan/config.js";
import { defaultThresholds } from "../thermal/thresholds.js";
import type { RunEvent, RunEventOf } from "../events/event.js";
import { textsOf } from "../texts/index.js";
import { createClock } from "../thermal/clock.js";
import { readingOf } from "../thermal/reading.js";
import type { Sensor } from "../thermal/sensors/sensor.js";
import { findSensor } from "../thermal/watch.js";
import { batchesDivided, divided, watchHeat } from "./heat.js";

const hooks = vi.hoisted(() => ({
  refuses: ({ step }: Pick<Checkpoint, "kind" | "step">): boolean => step < 0,
}));
vi.mock("../checkpoint/index.js", async (original) => {
  const real = await original<typeof import("../checkpoint/index.js")>();
  return {
    ...real,
    startWriter: async (...given: Parameters<typeof real.startWriter>) => {
      const writer = await real.startWriter(...given);
      return {
        ...writer,
        save: (...save: Parameters<typeof writer.save>) =>
          hooks.refuses(save[0])
            ? Promise.reject(new GuardapesosError("DISK_FULL", { folder: "weights", needed: 1, free: 0 }))
            : writer.save(...save),
      };
    },
  };
});
afterEach(() => {
  hooks.refuses = () => false;
});

const thresholds = { ...defaultThresholds, coolMinutes: 3 };

describe("a sensor that has told no temperature", () => {
  it("is not announced as guarding before it does", async () => {
    const clock = createClock();
    const told: RunEvent[] = [];
    let tell: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (tell = resolve));
    const sensor: Sensor = {
      name: "mute",
      known: false,
      async *readings(signal) {
        yield readingOf(clock.now(), { power: 100 });
        await asked;
        yield readingOf(clock.now(), { temperature: 61 });
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    };
    const emit = (event: RunEvent) => void told.push(event);
    const guard = watchHeat({ sensor, clock, missing: "unknown" }, defaultThresholds, emit, undefined);
    expect(guard.isLost()).toBe(true);
    expect(told).toEqual([
      { type: "heat-watch", sensor: "mute", missing: "unknown", thresholds: defaultThresholds },
    ]);
    for (const texts of [textsOf("en"), textsOf("es")]) {
      const [line] = texts.events["heat-watch"](told[0] as RunEventOf<"heat-watch">);
      expect(line).toContain("mute");
      expect(line).not.toContain("85 °C");
    }
    tell();
    await vi.waitFor(() => expect(guard.temperature()).toBe(61));
    expect(told.map(({ type }) => type).slice(0, 3)).toEqual(["heat-watch", "heat-watch", "temperature"]);
    expect(told[1]).toMatchObject({ sensor: "mute", missing: undefined });
    await guard.close();
  });
});

describe("a run that gets too hot", () => {
  it("cools down also when its emergency save fails, and saves again afterwards", async () => {
    const folder = await testFolder();
    const file = join(folder, "trace.csv");
    const course = Array.from({ length: 600 }, (_, i) => `${i * 5},${i < 24 ? 60 : i < 36 ? 83 : 60}`);
    await writeFile(file, ["seconds,temperature", ...course].join("\n"));
    let failing = true;
    hooks.refuses = ({ kind }) => failing && kind === "emergency";
    const events: RunEvent[] = [];
    const { ended } = await trainHere(folder, {
      overrides: { epochs: presets.demo.epochs.map(() => 10_000), autosave: 1_000_000 },
      heat: { sensor: { kind: "trace", file }, thresholds, timeScale: 100 },
      onEvent(event, stop) {
        events.push(event);
        if (event.type !== "stepped") return;
        const cooled = events.find((one) => one.type === "heat" && one.from === "cool");
        if (cooled) {
          failing = false;
          stop.request("SIGINT");
        }
      },
    });
    const types = events.map(({ type }) => type);
    expect(types.indexOf("save-failed")).toBeGreaterThan(-1);
    expect(types.indexOf("cooling")).toBeGreaterThan(types.indexOf("save-failed"));
    expect(ended).toMatchObject({ how: "stopped", batchesLost: 0 });
    const [newest] = await generationsIn(join(folder, "weights"));
    expect(newest).toMatchObject({ kind: "emergency", reason: "SIGINT", step: ended.position!.step });
  });
});

describe("batches", () => {
  it("are halved again and again, down to a sixteenth, and steps keep their images", () => {
    let config: TrainingConfig = presets.rtx3070;
    const told = [];
    for (let turn = 0; turn < 5; turn++) {
      config = divided(config, 2);
      const { divisor, batchSize, accumulate } = batchesDivided(config, 16);
      told.push([divisor, batchSize, accumulate]);
    }
    expect(told).toEqual([
      [2, 6, 4],
      [4, 3, 8],
      [8, 2, 12],
      [16, 1, 24],
      [16, 1, 24],
    ]);
  });
});

describe("the sensor", () => {
  const options = { thresholds, timeScale: 1 };

  it("is not looked for when the processor computes, or when nobody wants it", async () => {
    expect(await findSensor({ ...options, sensor: { kind: "auto" } }, "cpu")).toMatchObject({
      sensor: undefined,
      missing: "processor",
    });
    expect(await findSensor({ ...options, sensor: { kind: "none" } }, "webgpu")).toMatchObject({
      sensor: undefined,
      missing: "not-wanted",
    });
  });

  it("that is asked for by name must be there", async () => {
    vi.stubEnv("PATH", await testFolder());
    const asked = findSensor({ ...options, sensor: { kind: "nvidia-smi", index: undefined } }, "cpu");
    await expect(asked).rejects.toMatchObject({ code: "SENSOR_UNAVAILABLE" });
    vi.unstubAllEnvs();
  });
});
