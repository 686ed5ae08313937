import { describe, expect, it } from "vitest";
import type { StopWish } from "./stop-escalation.js";
import { createStop, unlessStopped } from "./stop.js";

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

  it("is told to the run each time, to one that comes late as one, and not after its end", () => {
    const stop = createStop();
    const told: StopWish[] = [];
    stop.request("SIGINT");
    stop.request("SIGINT");
    stop.attend({
      facts: () => ({ busy: true, preparing: false, nothingLost: true }),
      tell: (wish) => told.push(wish),
    });
    expect(told).toEqual([{ signal: "SIGINT", times: 2, leaving: false }]);
    stop.copied();
    stop.request("SIGTERM");
    stop.ended();
    stop.request("SIGINT");
    expect(told.slice(1)).toEqual([
      { signal: "SIGINT", times: 2, leaving: true },
      { signal: "SIGINT", times: 3, leaving: false },
    ]);
    expect(stop.wish).toEqual({ signal: "SIGINT", times: 3 });
  });

  it("has woken whoever waits before the run is told", () => {
    const stop = createStop();
    let woken = false;
    stop.attend({
      facts: () => ({ busy: false, preparing: false, nothingLost: false }),
      tell: () => (woken = stop.aborted.aborted),
    });
    stop.request("SIGINT");
    expect(woken).toBe(true);
  });
});

describe("a fault outside the run", () => {
  it("asks for a stop, and the first one is kept", () => {
    const stop = createStop();
    const first = new Error("first");
    stop.fail(first);
    stop.fail(new Error("second"));
    expect(stop.wish).toEqual({ signal: "bug", times: 2 });
    expect(stop.fault).toEqual({ error: first });
  });
});

describe("what a stop need not wait for", () => {
  it("is waited for while there is none", async () => {
    const stop = createStop();
    expect(await unlessStopped(Promise.resolve(1), stop)).toBe(1);
    await expect(unlessStopped(Promise.reject(new Error("failed")), stop)).rejects.toThrow("failed");
  });

  it("is left when it comes, before or meanwhile, whatever becomes of it", async () => {
    const stop = createStop();
    const rejects: ((error: Error) => void)[] = [];
    const late = new Promise<number>((_, reject) => {
      rejects.push(reject);
    });
    const waiting = unlessStopped(late, stop);
    stop.request("SIGINT");
    expect(await waiting).toBeUndefined();
    expect(await unlessStopped(late, stop)).toBeUndefined();
    for (const reject of rejects) reject(new Error("too late"));
    const graceful = new Promise<number>((resolve) => setTimeout(() => resolve(3), 10));
    expect(await unlessStopped(graceful, stop, 10_000)).toBe(3);
    expect(await unlessStopped(new Promise<number>(() => undefined), stop, 10)).toBeUndefined();
    const rejected = Promise.reject<number>(new Error("too late"));
    expect(await unlessStopped(rejected, stop)).toBeUndefined();
  });
});
