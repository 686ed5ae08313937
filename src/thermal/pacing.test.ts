import { describe, expect, it } from "vitest";
import { likeRtx3070, powerOf, restingState, speedOf, warmed, type CardModel } from "./model.js";
import { longestPause, mostIdle, pace, pauseAfter, type Pacing } from "./pacing.js";

const target = 79;

/** Trains on the model for some hours, resting as `idleAt` says; whole degrees are read every two seconds. */
function train(
  model: CardModel,
  hours: number,
  idleAt: (temperature: number, now: number) => number,
  batch = 0.5,
): { late: number[]; hottest: number; batches: number } {
  let card = restingState(model);
  let [now, next, idle, batches, hottest] = [0, 0, 0, 0, 0];
  const late: number[] = [];
  const pass = (load: number, seconds: number): void => {
    card = warmed(model, card, load, seconds);
    now += seconds;
    hottest = Math.max(hottest, card.chip);
    if (now > 1800) late.push(card.chip);
    if (now >= next) {
      next = now + 2;
      idle = idleAt(Math.round(card.chip), now);
    }
  };
  while (now < hours * 3600) {
    if (idle < 1) {
      pass(1, batch / speedOf(model, card));
      batches++;
    }
    const pause = idle < 1 ? pauseAfter(batch, idle) : 2;
    if (pause > 0) pass(0, pause);
  }
  return { late, hottest, batches };
}

function paced(): (temperature: number, now: number) => number {
  let pacing: Pacing | undefined;
  return (temperature, now) => {
    pacing = pace(pacing, temperature, target, now);
    return pacing.idle;
  };
}

/** Rests from the target on, until it is ten degrees cooler. */
function stopAndGo(): (temperature: number) => number {
  let resting = false;
  return (temperature) => {
    resting = resting ? temperature > target - 10 : temperature >= target;
    return resting ? 1 : 0;
  };
}

describe("pacing", () => {
  it.each([33, 38, 45])(
    "holds the target within 2 °C in air of %i °C, and never lets the card get hot",
    (ambient) => {
      const model = { ...likeRtx3070, ambient };
      const { late, hottest } = train(model, 3, paced());
      expect(Math.min(...late)).toBeGreaterThan(target - 2);
      expect(Math.max(...late)).toBeLessThan(target + 2);
      expect(hottest).toBeLessThan(target + 2.2);
    },
  );

  it.each([38, 45])("wastes less time than stop-and-go at the same peak, in air of %i °C", (ambient) => {
    const model = { ...likeRtx3070, ambient };
    const loop = train(model, 3, paced());
    const switched = train(model, 3, stopAndGo());
    expect(Math.abs(Math.max(...loop.late) - Math.max(...switched.late))).toBeLessThan(1.5);
    expect(loop.batches).toBeGreaterThan(1.05 * switched.batches);
  });

  it("rests not at all below the target, and at most a part of the time", () => {
    let pacing = pace(undefined, 60, target, 0);
    for (let now = 2; now < 600; now += 2) pacing = pace(pacing, 70, target, now);
    expect(pacing.idle).toBe(0);
    for (let now = 600; now < 9000; now += 2) pacing = pace(pacing, 120, target, now);
    expect(pacing.idle).toBe(mostIdle);
    expect(pauseAfter(1, pacing.idle)).toBeCloseTo(9);
    expect(pauseAfter(100, pacing.idle)).toBe(longestPause);
    // And forgets that soon when it is over.
    for (let now = 9000; now < 9120; now += 2) pacing = pace(pacing, 70, target, now);
    expect(pacing.idle).toBe(0);
  });

  it("takes a reading that comes twice for one", () => {
    const once = pace(pace(undefined, 78, target, 0), 80, target, 2);
    expect(pace(once, 81, target, 2)).toBe(once);
  });
});

describe("the thermal model", () => {
  it("settles where the heat that goes in goes out again", () => {
    for (const load of [0, 0.3, 1]) {
      const settled = warmed(likeRtx3070, restingState(likeRtx3070), load, 4 * 3600);
      const later = warmed(likeRtx3070, settled, load, 3600);
      expect(later.chip).toBeCloseTo(settled.chip, 3);
      expect(likeRtx3070.contact * (settled.chip - settled.sink)).toBeCloseTo(
        powerOf(likeRtx3070, settled, load),
        3,
      );
    }
  });

  it("does not depend on how time is divided", () => {
    const whole = warmed(likeRtx3070, restingState(likeRtx3070), 1, 300);
    let parts = restingState(likeRtx3070);
    for (let i = 0; i < 1000; i++) parts = warmed(likeRtx3070, parts, 1, 0.3);
    expect(parts.chip).toBeCloseTo(whole.chip, 1);
  });

  it("defends itself as cards do: slower, then off", () => {
    const at = (chip: number) => ({ chip, sink: 60, off: false });
    expect(speedOf(likeRtx3070, at(82))).toBe(1);
    expect(speedOf(likeRtx3070, at(90))).toBeLessThan(1);
    expect(speedOf(likeRtx3070, at(96))).toBe(0.5);
    const clogged = { ...likeRtx3070, ambient: 60, blown: 0, still: 0.5 };
    const off = warmed(clogged, restingState(clogged), 1, 3600);
    expect(off.off).toBe(true);
    expect(speedOf(clogged, off)).toBe(0);
  });
});
