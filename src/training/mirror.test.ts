import { describe, expect, it } from "vitest";
import { createMirror, mirrorDue } from "./mirror.js";
import type { TrainState } from "./train-state.js";

const stateOf = (...values: number[]): TrainState => ({
  arrays: new Map([["generator/a", { shape: [values.length], data: Float32Array.from(values) }]]),
  counters: new Map([["generator/a", values.length]]),
});

describe("whether a copy is due", () => {
  it("is a matter of its share of the time until the next one can be made", () => {
    expect(mirrorDue({ secondsSince: 0, nextStep: 10, cost: 0.1 })).toBe(true);
    expect(mirrorDue({ secondsSince: 0, nextStep: 9.9, cost: 0.1 })).toBe(false);
    expect(mirrorDue({ secondsSince: 9, nextStep: 1, cost: 0.1 })).toBe(true);
    expect(mirrorDue({ secondsSince: 100, nextStep: 0, cost: 1.1 })).toBe(false);
  });
});

describe("the copy", () => {
  /** A clock that stands still but for what reading costs: half a second, as much as is assumed before the first. */
  function mirrored() {
    let time = 0;
    let reads = 0;
    const mirror = createMirror(() => time);
    const refresh = (state: TrainState, bytes = 1e9) =>
      mirror.refresh(bytes, () => {
        reads++;
        time += 0.5;
        return Promise.resolve(state);
      });
    return { mirror, refresh, pass: (seconds: number) => (time += seconds), reads: () => reads };
  }

  it("is made before a long step, and costs nothing before a short one", async () => {
    const { mirror, refresh, reads, pass } = mirrored();
    mirror.stepped(49);
    expect(await refresh(stateOf(1))).toBeUndefined();
    expect(reads()).toBe(0);
    mirror.stepped(50);
    expect((await refresh(stateOf(1, 2)))?.counters.get("generator/a")).toBe(2);
    // Measured now: half a second, so 50 seconds.
    mirror.stepped(10);
    pass(39);
    expect(await refresh(stateOf(3, 4))).toBeUndefined();
    pass(1);
    expect(await refresh(stateOf(3, 4))).toBeDefined();
    expect(reads()).toBe(2);
  });

  it("is in shared memory, its own, and follows arrays that grow", async () => {
    const { mirror, refresh } = mirrored();
    mirror.stepped(1000);
    const source = stateOf(1, 2);
    const copy = (await refresh(source))!.arrays.get("generator/a")!;
    source.arrays.get("generator/a")!.data.fill(9);
    expect([...copy.data]).toEqual([1, 2]);
    expect(copy.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    const again = (await refresh(stateOf(5, 6)))!.arrays.get("generator/a")!;
    expect(again.data).toBe(copy.data);
    const grown = (await refresh(stateOf(5, 6, 7)))!.arrays.get("generator/a")!;
    expect([...grown.data]).toEqual([5, 6, 7]);
  });
});
