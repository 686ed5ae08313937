import { describe, expect, it } from "vitest";
import { unseal } from "../base/sealed.js";
import { GuardapesosError } from "../base/errors.js";
import { presets, type TrainingConfig } from "../progan/config.js";
import { firstPlace } from "../progan/schedule.js";
import { EngineLeft, type Engine } from "./engine.js";
import { createTrack } from "./loop.js";
import type { Copy } from "./mirror.js";
import { createRescue } from "./rescue.js";
import { firstRecord } from "./save-record.js";
import type { Saves } from "./saves.js";
import { createStop } from "./stop.js";
import { freshState } from "../trainer/state.js";
import { sealState, type SealedState } from "./train-state.js";

const config: TrainingConfig = { ...presets.demo, latent: 4, channels: 4, imageChannels: 1, end: 4 };
const lr = config.learningRate;

/** A copy in memory whose weights are all `value`. */
function copyOf(value: number): Copy {
  const { arrays, counters } = freshState(config, 1);
  for (const { data } of arrays.values()) data.fill(value);
  return { where: "memory", state: { arrays, counters } };
}
const sealedOf = (value: number): SealedState => {
  const copy = copyOf(value);
  if (copy.where !== "memory") throw new Error("in memory");
  return sealState(copy.state, config, lr);
};

/** The first weight of a state that was to be saved. */
function weightIn(state: SealedState): number {
  const [network] = unseal(state.networks).values();
  return [...network!.stateDict.values()][0]!.data[0]!;
}

/** A training after five batches of this session. */
function after({ savedBatches, failure }: { savedBatches?: number; failure?: Error } = {}) {
  const track = createTrack(config, { ...firstPlace(config), step: 5, batches: 5 });
  Object.assign(track, { sessionBatches: 5, setup: () => ({ config }) });
  const saved: { weight: number; batches: number; reason: string; kind: string; last: boolean }[] = [];
  const saves: Pick<Saves, "begin" | "settle" | "record"> = {
    begin(state, place, _, { kind, reason }, last) {
      saved.push({ weight: weightIn(state), batches: place.batches, reason, kind, last });
      return Promise.resolve();
    },
    settle: () => Promise.resolve(saved.length > 0 ? failure : undefined),
    record: { ...firstRecord([], 0), savedBatches },
  };
  const stop = createStop();
  return { track, saved, stop, rescue: createRescue(saves, track, stop) };
}

const whole: Pick<Engine, "take"> = { take: () => Promise.resolve(sealedOf(5)) };
const dead: Pick<Engine, "take"> = { take: () => Promise.reject(new Error("dead")) };

describe("an emergency save", () => {
  it("has the newest finished state from the engine, also after a step that failed", async () => {
    const { rescue, saved } = after();
    const error = new GuardapesosError("ENGINE_MEMORY", { graph: "step", device: "cpu" } as never);
    expect(await rescue.save(whole, error)).toBeUndefined();
    expect(saved).toEqual([
      { weight: 5, batches: 5, kind: "emergency", reason: "ENGINE_MEMORY", last: true },
    ]);
  });

  it("has the copy of an engine that gives it no more, at the place of that copy", async () => {
    const { rescue, saved, track } = after();
    track.place = { ...track.place, batches: 4 };
    rescue.keep(copyOf(4));
    track.place = { ...track.place, batches: 5 };
    await rescue.save(dead, new Error("?"));
    expect(saved).toMatchObject([{ weight: 4, batches: 4, reason: "bug" }]);
  });

  it("is not made of a copy that is no newer than what is saved", async () => {
    const { rescue, saved, track } = after({ savedBatches: 4 });
    track.place = { ...track.place, batches: 4 };
    rescue.keep(copyOf(4));
    track.place = { ...track.place, batches: 5 };
    expect(await rescue.save(dead, new Error("?"))).toBeUndefined();
    expect(saved).toEqual([]);
  });

  it("is for what asked for the stop when the engine was left", async () => {
    const { rescue, saved, stop } = after();
    stop.request("SIGTERM");
    rescue.keep(copyOf(5));
    await rescue.save(dead, new EngineLeft());
    expect(saved).toMatchObject([{ weight: 5, reason: "SIGTERM" }]);
  });

  it.each([
    ["all is saved", { savedBatches: 5 }, {}],
    ["no batch of this session is done", {}, { sessionBatches: 0 }],
    ["the images were never known", {}, { setup: undefined }],
  ])("is not made when %s", async (_, facts, changes) => {
    const { rescue, saved, track } = after(facts);
    Object.assign(track, changes);
    expect(await rescue.save(whole, new Error("?"))).toBeUndefined();
    expect(saved).toEqual([]);
  });

  it("says why it failed", async () => {
    const full = new Error("full");
    const { rescue } = after({ failure: full });
    expect(await rescue.save(whole, new Error("?"))).toBe(full);
  });

  it("lets the engine be left only where nothing finished is lost by that", () => {
    const { rescue, track } = after();
    expect(rescue.mayLeave()).toBe(false);
    rescue.keep(copyOf(5));
    expect(rescue.mayLeave()).toBe(true);
    track.place = { ...track.place, batches: 6 };
    expect(rescue.mayLeave()).toBe(false);
    expect(after({ savedBatches: 5 }).rescue.mayLeave()).toBe(true);
  });
});
