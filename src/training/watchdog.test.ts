import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { patienceWith, watch } from "./watchdog.js";

describe("patience", () => {
  it("is generous, more so with long batches, and most where nothing is known", () => {
    expect(patienceWith(0.1)).toEqual({ announceAfter: 60, giveUpAfter: 600 });
    expect(patienceWith(60)).toEqual({ announceAfter: 600, giveUpAfter: 3600 });
    for (const usual of [undefined, 0, 1, 20, 500]) {
      const { announceAfter, giveUpAfter } = patienceWith(usual);
      expect(announceAfter).toBeLessThan(giveUpAfter);
      expect(giveUpAfter).toBeGreaterThanOrEqual(Math.max(600, 10 * (usual ?? 0)));
    }
  });
});

describe("a watch", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function watched(patience = { announceAfter: 10, giveUpAfter: 20 }) {
    const told: string[] = [];
    let slept = 0;
    const end = watch(
      patience,
      {
        slow: (seconds) => told.push(`slow ${seconds}`),
        hung: (seconds) => told.push(`hung ${seconds}`),
      },
      () => Date.now() / 1000 + slept,
    );
    return { told, end, sleep: (seconds: number) => void (slept += seconds) };
  }

  it("announces once, then gives up once", () => {
    const { told } = watched();
    vi.advanceTimersByTime(9_500);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(9_500);
    expect(told).toEqual(["slow 10"]);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(["slow 10", "hung 20"]);
  });

  it("says nothing once it has ended", () => {
    const { told, end } = watched();
    vi.advanceTimersByTime(9_500);
    end();
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  });

  it("does not count the time for which the computer slept", () => {
    const { told, sleep } = watched();
    vi.advanceTimersByTime(3_000);
    sleep(8 * 3600);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(2_000);
    expect(told).toEqual(["slow 10"]);
  });
});
