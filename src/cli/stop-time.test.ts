import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { durationOf, nextAt, stopInTime, timeOfDay } from "./stop-time.js";

describe("a length of time", () => {
  it.each([
    ["8h", 28_800],
    ["30m", 1800],
    ["90s", 90],
    ["1h30m", 5400],
    ["1.5h", 5400],
    ["2h15m30s", 8130],
    ["87600h", 315_360_000],
  ])("%s is %i seconds", (text, seconds) => {
    expect(durationOf(text)).toBe(seconds);
  });

  it.each(["", "8", "h", "0h", "8 h", "30m1h", "-1h", "1d", "8H", "87601h", "99999999999h", 8, undefined])(
    "%j is none",
    (value) => {
      expect(durationOf(value)).toBeUndefined();
    },
  );
});

describe("a time of day", () => {
  it("has hours and minutes", () => {
    expect(["07:00", "7:00", "0:00", "23:59"].map(timeOfDay)).toEqual([420, 420, 0, 1439]);
  });

  it.each(["24:00", "7", "7:60", "07.00", "7:0", "", " 7:00", 7, undefined])("is not %j", (value) => {
    expect(timeOfDay(value)).toBeUndefined();
  });

  it("comes today or tomorrow, never now", () => {
    const at = (hour: number, minute: number) => new Date(2026, 10, 30, hour, minute);
    expect(nextAt(420, at(6, 59))).toEqual(new Date(2026, 10, 30, 7, 0));
    expect(nextAt(420, at(7, 0))).toEqual(new Date(2026, 11, 1, 7, 0));
    expect(nextAt(420, at(23, 30))).toEqual(new Date(2026, 11, 1, 7, 0));
  });
});

describe("stopping in time", () => {
  beforeEach(() => void vi.useFakeTimers({ now: new Date(2026, 10, 30, 23, 0) }));
  afterEach(() => void vi.useRealTimers());

  function planned(after: number | undefined, at: number | undefined) {
    const asked: string[] = [];
    const told: Date[] = [];
    const end = stopInTime({ request: (signal) => asked.push(signal) }, { after, at }, (time) =>
      told.push(time),
    );
    return { asked, told, end };
  }

  it("is asked for once, at the earlier of the two times, which is told at the beginning", () => {
    const { asked, told } = planned(7200, 30);
    expect(told).toEqual([new Date(2026, 11, 1, 0, 30)]);
    vi.advanceTimersByTime(89 * 60_000);
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual(["time"]);
    vi.advanceTimersByTime(24 * 3600_000);
    expect(asked).toEqual(["time"]);
  });

  it("counts what has passed for --stop-after, whatever the clock is set to", () => {
    const { asked } = planned(3600, undefined);
    vi.setSystemTime(new Date(2030, 0, 1));
    vi.advanceTimersByTime(3590_000);
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(11_000);
    expect(asked).toEqual(["time"]);
  });

  it("does nothing when neither is given, or once it has ended", () => {
    expect(planned(undefined, undefined).told).toEqual([]);
    const { asked, end } = planned(10, undefined);
    end();
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual([]);
  });
});
