import { describe, expect, it } from "vitest";
import { createStop, type StopWish } from "./stop.js";

describe("a wish to stop", () => {
  it("is there once it has been asked for, keeps its first signal and counts", () => {
    const stop = createStop();
    expect(stop.wish).toBeUndefined();
    expect(stop.aborted.aborted).toBe(false);
    stop.request("SIGTERM");
    stop.request("SIGINT");
    expect(stop.wish).toEqual({ signal: "SIGTERM", times: 2 });
  });

  it("wakes whatever waits, once", () => {
    const stop = createStop();
    let woken = 0;
    stop.aborted.addEventListener("abort", () => woken++);
    stop.request("SIGINT");
    stop.request("SIGINT");
    expect(woken).toBe(1);
    expect(stop.aborted.reason).toMatchObject({ message: "SIGINT" });
  });

  it("is told to every listener, each time, and to one that comes late", () => {
    const stop = createStop();
    const early: StopWish[] = [];
    const late: StopWish[] = [];
    stop.listen((wish) => early.push(wish));
    stop.request("SIGINT");
    stop.request("SIGINT");
    stop.listen((wish) => late.push(wish));
    stop.request("SIGINT");
    expect(early.map(({ times }) => times)).toEqual([1, 2, 3]);
    expect(late.map(({ times }) => times)).toEqual([2, 3]);
  });
});
