/** Crashes, restarts and hangs: the decisions. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { countMemoryKills, crashCause, type CrashFacts } from "./crash.js";
import { afterSign, beginWatching, hangBound, hangOf, type HangState, type Sign } from "./hang.js";
import { decideRestart, type PastStart } from "./restart.js";

describe("a crash", () => {
  const told = { kind: "out-of-memory", type: "OutOfMemoryError", text: "CUDA", where: "a.py:3" } as const;
  const cause = (end: Partial<CrashFacts["end"]>, more: Partial<CrashFacts> = {}) =>
    crashCause({
      end: { code: undefined, signal: undefined, ...end },
      told: undefined,
      sent: [],
      memoryKills: 0,
      platform: "linux",
      ...more,
    });

  it("is none where the command succeeded, or we asked", () => {
    expect(cause({ code: 0 }, { told })).toBeUndefined();
    expect(cause({ signal: "SIGINT" }, { sent: ["SIGINT"] })).toBeUndefined();
    expect(cause({ code: 137 }, { sent: ["SIGKILL"] })).toBeUndefined();
  });

  it("is what its agent told of, else the signal, else the code", () => {
    expect(cause({ code: 1 }, { told })).toEqual(told);
    expect(cause({ code: 1 })).toEqual({ kind: "exit-code", code: 1 });
    expect(cause({ signal: "SIGSEGV" })).toEqual({ kind: "signal", signal: "SIGSEGV" });
    expect(cause({ code: 139 })).toEqual({ kind: "signal", signal: "SIGSEGV" });
    expect(cause({ code: 137 })).toEqual({ kind: "signal", signal: "SIGKILL" });
    expect(cause({ code: 200 })).toEqual({ kind: "exit-code", code: 200 });
  });

  it("is the system's for lack of memory where it has counted one", () => {
    expect(cause({ signal: "SIGKILL" }, { memoryKills: 1 })).toEqual({ kind: "memory-killer" });
    expect(cause({ code: 137 }, { memoryKills: 2, told })).toEqual({ kind: "memory-killer" });
    expect(cause({ signal: "SIGKILL" }, { memoryKills: undefined })).toEqual({
      kind: "signal",
      signal: "SIGKILL",
    });
    expect(cause({ code: 1 }, { memoryKills: 1 })).toEqual({ kind: "exit-code", code: 1 });
  });

  it("on Windows is a status", () => {
    const windows = { platform: "win32" };
    expect(cause({ code: 0xc0000017 }, windows)).toEqual({ kind: "memory-killer" });
    expect(cause({ code: 0xc000013a }, windows)).toBeUndefined();
    expect(cause({ code: 0xc0000005 }, windows)).toEqual({ kind: "exit-code", code: 0xc0000005 });
    expect(cause({ code: 137 }, windows)).toEqual({ kind: "exit-code", code: 137 });
  });

  it("is counted in our control group, else in the whole system", () => {
    const root = mkdtempSync(join(tmpdir(), "guardapesos-oom-"));
    const write = (path: string, text: string) => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    try {
      expect(countMemoryKills(root)).toBeUndefined();
      write("proc/vmstat", "nr_free 1\noom_kill 12\n");
      write("proc/self/cgroup", "0::/a/b\n");
      expect(countMemoryKills(root)).toBe(12);
      write("sys/fs/cgroup/a/b/memory.events", "low 0\noom 4\noom_kill 3\noom_group_kill 0\n");
      expect(countMemoryKills(root)).toBe(3);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("a restart", () => {
  const start = (more: Partial<PastStart> = {}): PastStart => ({
    cause: "crash",
    crash: "exception",
    trained: true,
    newCheckpoint: true,
    seconds: 60,
    ...more,
  });
  const decide = (starts: readonly PastStart[], most = 3, canResume = true) =>
    decideRestart({ most, starts, canResume });

  it("comes only where it was asked for, and something says how", () => {
    expect(decide([start()], 0)).toEqual({ again: false, reason: undefined });
    expect(decide([start()], 3, false)).toEqual({ again: false, reason: "no-recipe" });
    expect(decide([start()])).toEqual({ again: true, waitSeconds: 10, restart: 1 });
  });

  it("never comes after a failure at the start", () => {
    expect(decide([start({ trained: false })])).toEqual({ again: false, reason: "failed-at-start" });
    expect(decide([start(), start({ trained: false })])).toEqual({ again: false, reason: "failed-at-start" });
  });

  it("never comes again after two starts without a new checkpoint", () => {
    const barren = start({ newCheckpoint: false });
    expect(decide([barren])).toMatchObject({ again: true });
    expect(decide([barren, start(), barren], 9)).toMatchObject({ again: true });
    expect(decide([start(), barren, barren], 9)).toEqual({ again: false, reason: "no-progress" });
  });

  it("is counted, but for those of heat", () => {
    expect(decide([start(), start()], 1)).toEqual({ again: false, reason: "used-up" });
    const heat = start({ cause: "heat" });
    expect(decide([start(), heat, heat], 1)).toEqual({ again: true, waitSeconds: 0, restart: 2 });
    expect(decide([heat, heat], 0)).toMatchObject({ again: true, waitSeconds: 0 });
    expect(decide([heat, start()], 1)).toMatchObject({ again: true, restart: 1 });
  });

  it("backs off, and begins anew after a long run", () => {
    const waits = [1, 2, 3, 4, 20].map((count) => {
      const decision = decide(
        Array.from({ length: count }, () => start()),
        99,
      );
      return decision.again && decision.waitSeconds;
    });
    expect(waits).toEqual([10, 20, 40, 80, 600]);
    expect(decide([start(), start(), start({ seconds: 7200 })])).toMatchObject({ waitSeconds: 10 });
    expect(decide([start(), start({ seconds: 7200 }), start()])).toMatchObject({ waitSeconds: 10 });
    expect(decide([start({ crash: "cuda" })])).toMatchObject({ waitSeconds: 60 });
  });
});

describe("a hang", () => {
  const sign = (more: Partial<Sign> = {}): Sign => ({
    phase: "train",
    batches: 0,
    steps: 0,
    saves: 0,
    paused: false,
    ...more,
  });
  /** Looks every five seconds from one time to another. */
  const look = (state: HangState, seen: Sign, from: number, to: number): HangState => {
    let after = state;
    for (let now = from; now <= to; now += 5) after = afterSign(after, seen, now);
    return after;
  };

  it("is told by what its phase has taken before", () => {
    expect(hangBound("train", undefined)).toBe(900);
    expect(hangBound("train", 0.05)).toBe(300);
    expect(hangBound("train", 90)).toBe(900);
    let state = look(beginWatching("train", 0), sign(), 0, 100);
    state = afterSign(state, sign({ batches: 1 }), 102);
    expect(state.longest).toEqual({ train: 102 });
    state = look(state, sign({ batches: 1 }), 105, 1100);
    expect(hangOf(state, 102 + 1019)).toBeUndefined();
    expect(hangOf(state, 102 + 1021)).toEqual({ phase: "train", seconds: 1021, usual: 102, killAfter: 1019 });
    expect(hangOf(state, 102 + 3000)?.killAfter).toBe(0);
  });

  it("is over with any progress: a batch, a step, a save, a phase", () => {
    const stuck = look(beginWatching("train", 0), sign(), 0, 2000);
    expect(hangOf(stuck, 2000)).toBeDefined();
    for (const further of [{ batches: 1 }, { steps: 1 }, { saves: 1 }, { phase: "save" as const }]) {
      expect(hangOf(afterSign(stuck, sign(further), 2001), 2002)).toBeUndefined();
    }
  });

  it("is no pause, and not the sleep of this computer", () => {
    let state = look(beginWatching("train", 0), sign(), 0, 10);
    state = look(state, sign({ paused: true }), 15, 4000);
    expect(hangOf(state, 4000)).toBeUndefined();
    state = look(state, sign(), 4005, 4010);
    expect(hangOf(state, 4010)).toBeUndefined();
    state = look(beginWatching("train", 0), sign(), 0, 10);
    state = afterSign(state, sign(), 10 + 8 * 3600); // the lid was closed
    expect(hangOf(state, 10 + 8 * 3600)).toBeUndefined();
    expect(hangOf(look(state, sign(), 28_815, 28_815 + 1000), 28_815 + 1000)).toBeDefined();
  });
});
