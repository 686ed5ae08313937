/** The loop with parts that do what a test says: no engine, no disk, no images. */
import { describe, expect, it } from "vitest";
import type { SaveDecision } from "../checkpoint/index.js";
import type { RunEvent, RunEventOf } from "../events/event.js";
import { presets, resolutions, type TrainingConfig } from "../progan/config.js";
import type { ImageSet } from "../progan/image-source.js";
import { firstPlace, type Place } from "../progan/schedule.js";
import type { Advice } from "../thermal/monitor.js";
import { firstRecord } from "./save-record.js";
import { createTrack, loop, type Parts } from "./loop.js";
import type { StepRequest } from "../trainer/contract.js";
import { createStop } from "./stop.js";
import type { SealedState } from "./train-state.js";

const everywhere = (value: number): number[] => resolutions.map(() => value);

/** 12 images: three batches of 4 to an epoch, two epochs at 4x4 and at 8x8. */
const config: TrainingConfig = {
  ...presets.demo,
  epochs: everywhere(2),
  batchSizes: everywhere(4),
  accumulate: 1,
  start: 4,
  end: 8,
  autosave: 1_000_000,
};

const fine: Advice = {
  mode: "watch",
  severe: false,
  reason: { code: "fine", temperature: 60, threshold: 78 },
};
const hot: Advice = { mode: "cool", severe: false, reason: { code: "hot", temperature: 83, threshold: 82 } };

interface World {
  readonly config?: TrainingConfig;
  readonly images?: number;
  readonly maxBatches?: number;
  /** What heat asks for once so many batches are done. */
  readonly heat?: (batches: number) => Advice;
  /** Before each step. */
  readonly onStep?: (batches: number, stop: ReturnType<typeof createStop>) => void;
  /** Why a save fails; undefined when it does not. */
  readonly failing?: (decision: SaveDecision) => Error | undefined;
  readonly there?: boolean;
}

/** A loop in a world, and all that it did, in order. */
function world({ images = 12, maxBatches, failing, there = true, onStep, ...wishes }: World = {}) {
  const log: string[] = [];
  const events: RunEvent[] = [];
  const saved: { state: unknown; place: Place; decision: SaveDecision; last: boolean }[] = [];
  const steps: StepRequest[] = [];
  const stop = createStop();
  const track = createTrack(wishes.config ?? config, firstPlace(wishes.config ?? config));
  let batches = 0;
  let [savedBatches, failures] = [undefined as number | undefined, 0];
  let failure: Error | undefined;
  const stateOf = (from: string): SealedState => ({ from, batches }) as unknown as SealedState;
  const advice = (): Advice => wishes.heat?.(batches) ?? fine;
  const parts: Parts = {
    maxBatches,
    stop,
    emit: (event) => void events.push(event),
    source: {
      look: () => undefined,
      prepare: (resolution) =>
        Promise.resolve<ImageSet>({
          count: images,
          resolution,
          channels: 1,
          fingerprint: "f",
          pixels: () => Promise.resolve(new Uint8Array(resolution ** 2)),
        }),
    },
    engine: {
      prepare: ({ resolution, batches: sizes }) =>
        Promise.resolve(void log.push(`graphs ${resolution} [${sizes.join()}]`)),
      step(request) {
        onStep?.(batches, stop);
        steps.push(request);
        const before = request.handOver ? stateOf("before") : undefined;
        batches += request.batches.length;
        log.push(`step ${batches}`);
        const losses = { criticLoss: 0, gradientPenalty: 0, realScore: 0, fakeScore: 0, generatorLoss: 0 };
        const used = request.batches.map((batch) => batch.images);
        return Promise.resolve({ losses, before, skipped: [], images: used });
      },
      mirror: () => Promise.resolve(void log.push("copy to memory")),
      copy: () => Promise.resolve(stateOf("copy")),
      take: () => Promise.resolve(stateOf("taken")),
    },
    saves: {
      begin(state, place, _, decision, last) {
        log.push(`save ${decision.kind} at ${place.batches}`);
        saved.push({ state, place, decision, last });
        failure = failing?.(decision);
        failures = failure ? failures + 1 : 0;
        if (!failure) savedBatches = place.batches;
        return Promise.resolve();
      },
      settle: () => Promise.resolve(failure),
      areThere: () => Promise.resolve(there),
      age: () => undefined,
      secondsSinceBegin: () => 0,
      running: false,
      get record() {
        return { ...firstRecord([], 0), failures, savedBatches };
      },
    },
    heat: {
      advice,
      temperature: () => 60,
      isLost: () => false,
      busy: () => undefined,
      rest: () => Promise.resolve(0),
      coolDown: () => Promise.resolve(void log.push("cool-down")).then(() => ({ worse: false })),
    },
    setup: () => () => ({}) as never,
    preview: ({ epoch }) => Promise.resolve(`epoch ${epoch}`),
    showReal: () => Promise.resolve(),
  };
  const told = <Type extends RunEvent["type"]>(type: Type): RunEventOf<Type>[] =>
    events.filter((event): event is RunEventOf<Type> => event.type === type);
  return { log, events, saved, steps, stop, track, told, run: () => loop(parts, track) };
}

describe("the loop", () => {
  it("walks through the plan: graphs, steps, epochs, resolutions, and a save at the end of each", async () => {
    const { run, log, told, saved, track } = world();
    expect(await run()).toMatchObject({ how: "finished", place: { batches: 12, resolution: 8 } });
    expect(log).toEqual([
      ...["graphs 4 [4]", "step 1", "step 2", "step 3", "step 4", "save epoch at 3", "step 5", "step 6"],
      ...["save stage at 6", "graphs 8 [4]", "step 7", "step 8", "step 9", "step 10", "save epoch at 9"],
      ...["step 11", "step 12", "save stage at 12"],
    ]);
    expect(told("epoch-finished").map(({ epoch }) => epoch)).toEqual([1, 2, 1, 2]);
    expect(told("stage-finished").map(({ resolution }) => resolution)).toEqual([4, 8]);
    expect(told("stepped")).toHaveLength(12);
    expect(saved.map(({ last }) => last)).toEqual([false, false, false, true]);
    expect(track).toMatchObject({ sessionBatches: 12, begun: true, preparing: false, preview: "epoch 2" });
  });

  it("saves beside the step that comes: the state and the place before it, without a copy", async () => {
    const { run, saved } = world({ config: { ...config, autosave: 2, end: 4 } });
    await run();
    const [first] = saved;
    expect(first).toMatchObject({
      state: { from: "before", batches: 2 },
      place: { batches: 2 },
      decision: { kind: "auto" },
      last: false,
    });
    // Where no step of this resolution comes, and training does not wait to be gone: a copy.
    expect(saved.at(-1)).toMatchObject({ state: { from: "copy" }, decision: { kind: "stage" }, last: true });
  });

  it("ends at a stop between two steps, with the state itself", async () => {
    const { run, saved, log } = world({
      onStep: (batches, stop) => batches === 1 && stop.request("SIGTERM"),
    });
    expect(await run()).toMatchObject({ how: "stopped", place: { batches: 2 } });
    expect(saved).toMatchObject([
      { state: { from: "taken" }, decision: { kind: "emergency", reason: "SIGTERM" }, last: true },
    ]);
    expect(log.at(-1)).toBe("save emergency at 2");
  });

  it("has nothing to save at a stop before the first step", async () => {
    const { run, saved, stop, steps } = world();
    stop.request("SIGINT");
    expect(await run()).toMatchObject({ how: "stopped" });
    expect([saved, steps]).toEqual([[], []]);
  });

  it("ends before the step that would go beyond the limit", async () => {
    const { run, steps, saved } = world({ maxBatches: 5, config: { ...config, accumulate: 2 } });
    expect(await run()).toMatchObject({ how: "limit", place: { batches: 5 } });
    // Of two batches and, at the end of the epoch, of one.
    expect(steps.map(({ batches }) => batches.length)).toEqual([2, 1, 2]);
    expect(saved.at(-1)).toMatchObject({ last: true, state: { from: "copy" } });
  });

  it("saves, rests, and goes on with half the batches when the card is hot", async () => {
    let cooled = false;
    const { run, log, told, saved, track } = world({
      maxBatches: 6,
      heat: (batches) => {
        if (batches < 2 || cooled) return fine;
        cooled = true;
        return hot;
      },
    });
    await run();
    expect(log.slice(0, 7)).toEqual([
      ...["graphs 4 [4]", "step 1", "step 2", "save emergency at 2", "cool-down", "graphs 4 [2,2]", "step 4"],
    ]);
    expect(saved[0]).toMatchObject({ state: { from: "copy" }, decision: { reason: "83 °C" }, last: false });
    expect(told("batches-divided")).toMatchObject([{ divisor: 2, batchSize: 2, accumulate: 2 }]);
    expect(track.config.batchDivisor).toBe(2);
  });

  it("ends for heat with a save and batches that are much smaller the next time", async () => {
    const { run, saved, track } = world({
      heat: (batches) => (batches < 1 ? fine : { ...hot, mode: "stop", severe: true }),
    });
    expect((await run()).how).toBe("overheated");
    expect(saved).toMatchObject([{ decision: { kind: "emergency" }, last: true }]);
    expect(track.config.batchDivisor).toBe(4);
  });

  it("goes on to the next epoch where there are fewer images than it has seen", async () => {
    const { run, track, steps } = world({ images: 6, config: { ...config, end: 4 } });
    track.place = { ...track.place, batch: 2, image: 8 };
    expect((await run()).how).toBe("finished");
    expect(steps.map(({ batches }) => batches.map(({ size }) => size).join())).toEqual(["4", "2"]);
  });

  it("fails with the last save, and leaves what the disk does not take in memory", async () => {
    const full = new Error("the disk is full");
    const { run, log } = world({ maxBatches: 4, failing: () => full });
    await expect(run()).rejects.toBe(full);
    expect(log.indexOf("copy to memory")).toBeLessThan(log.lastIndexOf("save manual at 4"));
    expect(log).toContain("copy to memory");
  });

  it("saves again what was saved and has been taken away since", async () => {
    const { run, saved } = world({ maxBatches: 2, there: false });
    expect((await run()).how).toBe("limit");
    expect(saved.at(-1)).toMatchObject({
      state: { from: "taken" },
      decision: { kind: "emergency", reason: "WEIGHTS_FOLDER_GONE" },
      last: true,
    });
  });

  it("fails with a step, and stays at the place before it", async () => {
    const { run, track, saved } = world({
      onStep: (batches) => {
        if (batches === 2) throw new Error("the card is gone");
      },
    });
    await expect(run()).rejects.toThrow("the card is gone");
    expect(track).toMatchObject({ place: { batches: 2 }, sessionBatches: 2 });
    expect(saved).toEqual([]);
  });
});
