import { describe, expect, it } from "vitest";
import {
  firstScales,
  growthInterval,
  nextScale,
  nextScales,
  smallestScale,
  type LossScale,
} from "./loss-scale.js";

const first = firstScales.critic;
const after = (scale: LossScale, steps: readonly boolean[]): LossScale => steps.reduce(nextScale, scale);
const times = (count: number, finite: boolean): boolean[] => Array.from({ length: count }, () => finite);

// torch.cuda.amp.GradScaler: init_scale 65536, growth_factor 2, backoff_factor 0.5, growth_interval 2000.
describe("the loss scale", () => {
  it("begins at 65536, for each network", () => {
    expect(firstScales.generator).toEqual(first);
    expect(first).toEqual({ scale: 65536, steady: 0, skipped: 0 });
  });

  it("is doubled after 2000 steps without an overflow, not one sooner", () => {
    expect(growthInterval).toBe(2000);
    expect(after(first, times(1999, true))).toEqual({ scale: 65536, steady: 1999, skipped: 0 });
    expect(after(first, times(2000, true))).toEqual({ scale: 131072, steady: 0, skipped: 0 });
    expect(after(first, times(4000, true)).scale).toBe(262144);
  });

  it("is halved at each overflow, and counts anew from there", () => {
    const overflown = after(first, [...times(1999, true), false]);
    expect(overflown).toEqual({ scale: 32768, steady: 0, skipped: 1 });
    expect(after(overflown, times(2000, true))).toEqual({ scale: 65536, steady: 0, skipped: 1 });
    expect(after(first, times(3, false))).toEqual({ scale: 8192, steady: 0, skipped: 3 });
  });

  it("falls below its bound after 17 overflows in a row", () => {
    expect(after(first, times(16, false)).scale).toBe(smallestScale);
    expect(after(first, times(17, false)).scale).toBeLessThan(smallestScale);
    const last = { ...firstScales, critic: after(first, times(16, false)) };
    expect(nextScales(last, ["generator"]).critic).toMatchObject({ scale: smallestScale, steady: 1 });
    expect(() => nextScales(last, ["generator", "critic"])).toThrow(/HALF_OVERFLOW.*critic/);
  });

  it("never grows beyond what float32 can hold", () => {
    const large = { scale: 2 ** 127, steady: growthInterval - 1, skipped: 0 };
    expect(nextScale(large, true)).toEqual({ scale: 2 ** 127, steady: 0, skipped: 0 });
  });
});
