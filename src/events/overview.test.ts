/** What a page says first, after each thing that can happen to a run. */
import { describe, expect, it } from "vitest";
import { failureOf } from "../base/errors.js";
import type { RunEvent, RunEventOf } from "./event.js";
import { overviewOf } from "./overview.js";
import { emptyView, viewAfter, type RunView } from "./view.js";

type Timed = readonly [second: number, event: RunEvent];
const viewOf = (...all: readonly Timed[]): RunView =>
  all.reduce((view, [second, event], i) => {
    const at = new Date(second * 1000).toISOString();
    return viewAfter(view, { envelope: { run: "r", seq: i + 1, at }, event });
  }, emptyView);
const at = (second: number): string => new Date(second * 1000).toISOString();
const overview = (second: number, ...all: readonly Timed[]) => overviewOf(viewOf(...all), second * 1000);

const place = { step: 5, batches: 10, resolution: 8, epoch: 0, batch: 10, alpha: 1 };
const stepped: RunEventOf<"stepped"> = {
  type: "stepped",
  ...place,
  criticLoss: 1,
  generatorLoss: 2,
  gradientPenalty: 3,
  realScore: 0,
  fakeScore: 0,
  epochs: 2,
  batchesPerEpoch: 40,
  imagesPerSecond: 1,
  epochSecondsLeft: 10,
  planSecondsLeft: 90,
  waitedForImages: 0,
  saveAge: undefined,
  temperature: undefined,
};
const preparing: RunEvent = { type: "stage-preparing", resolution: 8 };
const reading: RunEvent = { type: "temperature", temperature: 71 } as RunEventOf<"temperature">;
const heatTo = (to: "watch" | "cool"): RunEvent => ({
  type: "heat",
  from: "watch",
  to,
  reason: { code: "hot", temperature: 83, threshold: 82 },
});
const saved = { type: "saved", id: "7-auto", bytes: 9, kind: "auto" } as RunEventOf<"saved">;
const failed = (failures: number): RunEvent => ({
  type: "save-failed",
  kind: "auto",
  ...failureOf(new Error("EIO")),
  failures,
  retrySeconds: 5,
});
const asked: RunEvent = { type: "stop-requested", signal: "SIGINT", times: 1, saving: false };
const ended = { type: "ended", how: "stopped" } as RunEventOf<"ended">;
const beat = (batches: number, paused = false): RunEvent => ({
  type: "beat",
  pid: 7,
  batches,
  steps: batches,
  batchSeconds: 0.5,
  phase: "train",
  paused,
});

describe("an overview of a training", () => {
  it("says what it does, and since when", () => {
    expect(overview(0)).toMatchObject({ status: "starting", since: undefined, alive: undefined });
    expect(overview(2, [1, preparing])).toMatchObject({ status: "preparing", since: at(1) });
    expect(overview(4, [1, preparing], [3, stepped])).toMatchObject({ status: "training" });
    expect(overview(6, [3, stepped], [5, heatTo("cool")])).toMatchObject({ status: "cooling", since: at(5) });
    const again = overview(9, [3, stepped], [5, heatTo("cool")], [7, heatTo("watch")], [8, stepped]);
    expect(again).toMatchObject({ status: "training", since: at(7) });
    expect(overview(6, [3, stepped], [5, asked])).toMatchObject({ status: "stopping", since: at(5) });
    expect(overview(7, [3, stepped], [5, asked], [6, ended])).toMatchObject({
      status: "stopped",
      since: at(6),
    });
  });

  it("never says training without a proof: readings and warnings are none", () => {
    const all: readonly Timed[] = [
      [0, stepped],
      [59, reading],
      [100, { type: "engine-slow", seconds: 90, usual: 2, giveUpAfter: 600 }],
    ];
    expect(overview(59, ...all)).toMatchObject({ status: "training", alive: { at: at(0), secondsAgo: 59 } });
    expect(overview(101, ...all)).toMatchObject({ status: "silent", since: at(0) });
    expect(overview(102, ...all, [101, stepped])).toMatchObject({ status: "training" });
    // Where a step takes minutes, one minute is no silence.
    expect(overview(101, [0, { type: "engine-slow", seconds: 90, usual: 50, giveUpAfter: 600 }], [1, stepped])).toMatchObject({ status: "training" }); // prettier-ignore
  });

  it("has the newest save and how old it is, what failed since, heat, progress and losses", () => {
    const seen = overview(
      50,
      [1, stepped],
      [10, saved],
      [20, failed(1)],
      [25, failed(2)],
      [30, reading],
      [40, stepped],
    );
    expect(seen).toMatchObject({
      save: { at: at(10), secondsAgo: 40, id: "7-auto", bytes: 9 },
      failures: 2,
      heat: { at: at(30), temperature: 71, mode: "watch" },
      progress: { at: at(40), batches: 10, share: 0.25, secondsLeft: 90 },
      losses: { at: at(40), values: { criticLoss: 1, generatorLoss: 2, gradientPenalty: 3 } },
    });
    expect(overview(50, [20, failed(1)], [30, saved]).failures).toBe(0);
    expect(overview(9, [1, reading], [2, { type: "sensor-lost", sensor: "nvml", reason: "" }]).heat).toEqual({
      at: at(2),
      temperature: undefined,
      mode: "watch",
    });
  });
});

describe("an overview of a guarded process", () => {
  it("takes a beat for life only where batches pass", () => {
    const all: readonly Timed[] = [
      [0, beat(1)],
      [5, beat(2)],
      [10, beat(2)],
      [100, beat(2)],
    ];
    expect(overview(20, ...all.slice(0, 3))).toMatchObject({ status: "training", alive: { at: at(5) } });
    expect(overview(100, ...all)).toMatchObject({ status: "silent", since: at(5) });
  });

  it("is paused for whom it is, also while it beats, and goes on", () => {
    const paused: RunEvent = { type: "child-paused", pid: 7, cause: "heat", where: "boundary" };
    const resumed: RunEvent = { type: "child-resumed", pid: 7, cause: "heat", seconds: 600 };
    const before: readonly Timed[] = [
      [0, beat(1)],
      [5, paused],
      [6, beat(1, true)],
    ];
    expect(overview(200, ...before)).toMatchObject({ status: "cooling", since: at(5) });
    expect(overview(301, ...before, [300, resumed], [301, beat(2)])).toMatchObject({ status: "training", since: at(300) }); // prettier-ignore
    const byHand: RunEvent = { ...paused, cause: "terminal" };
    expect(overview(7, [0, beat(1)], [5, byHand], [6, beat(1, true)])).toMatchObject({ status: "paused" });
  });

  it("waits between a crash and the next start, and has what the script logs", () => {
    const gone: RunEvent = {
      type: "child-ended",
      pid: 7,
      code: 1,
      signal: undefined,
      seconds: 9,
      interrupted: false,
    };
    expect(overview(7, [0, beat(1)], [5, gone])).toMatchObject({ status: "waiting", since: at(5) });
    const metrics: RunEvent = { type: "metrics", pid: 7, source: "tqdm", values: { gp: 0.1 }, done: 3, total: 10, step: undefined }; // prettier-ignore
    expect(overview(7, [0, beat(4)], [5, metrics])).toMatchObject({
      progress: { batches: 4, share: 0.3, secondsLeft: undefined },
      losses: { at: at(5), values: { gp: 0.1 } },
    });
  });
});
