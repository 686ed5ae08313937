import { describe, expect, it } from "vitest";
import { isIgnored } from "./interrupt.js";
import {
  afterMessage,
  areRanks,
  awaited,
  commonBatch,
  firstState,
  mainProcesses,
  type ProcessState,
} from "./processes.js";
import { messageOf, type AgentMessage, type Hello } from "./protocol.js";

const hello = (pid: number, ppid = 1, more: Partial<Hello> = {}): Hello => ({
  t: "hello",
  token: "",
  pid,
  ppid,
  python: "3.12.3",
  platform: "linux",
  executable: "/usr/bin/python3",
  argv: ["train.py"],
  main: "/train.py",
  module: undefined,
  rank: undefined,
  world: undefined,
  restart: 0,
  spawned: false,
  ...more,
});
const after = (state: ProcessState, ...messages: AgentMessage[]): ProcessState =>
  messages.reduce((before, message, i) => afterMessage(before, message, i + 1), state);
const torch: AgentMessage = { t: "torch", version: "2.6.0", cuda: undefined };
const trains: AgentMessage = { t: "trains", steps: 1 };
const beat = (batches: number, batchSeconds = 0.1): AgentMessage => ({
  t: "beat",
  batches,
  steps: batches,
  batchSeconds,
  phase: "train",
  paused: false,
});
const pids = (states: readonly ProcessState[]) => states.map((state) => state.hello.pid);

describe("which process is meant", () => {
  const launcher = firstState(hello(10), 0);
  const script = firstState(hello(11, 10), 0);
  const helper = firstState(hello(12, 11), 0);

  it("is the one that trains, whatever has started it", () => {
    expect(pids(mainProcesses([launcher, after(script, torch, trains), helper]))).toEqual([11]);
    const spawned = firstState(hello(13, 11, { spawned: true }), 0);
    expect(pids(mainProcesses([launcher, script, spawned]))).toEqual([13]);
  });

  it("before any trains: no launcher, and rather one with PyTorch", () => {
    expect(pids(mainProcesses([launcher]))).toEqual([10]);
    expect(pids(mainProcesses([launcher, script]))).toEqual([11]);
    expect(pids(mainProcesses([launcher, script, after(firstState(hello(14, 1), 0), torch)]))).toEqual([14]);
  });

  it("is none that is ending", () => {
    expect(mainProcesses([after(script, torch, trains, { t: "exit" })])).toEqual([]);
  });

  it("is every rank, all at one batch that none has passed when the message comes", () => {
    const rank = (number: number, batches: number) =>
      after(firstState(hello(20 + number, 10, { rank: number, world: 2 }), 0), torch, trains, beat(batches));
    const ranks = [rank(0, 40), rank(1, 42)];
    expect(pids(mainProcesses([launcher, ...ranks]))).toEqual([20, 21]);
    expect(areRanks(ranks)).toBe(true);
    expect(commonBatch(ranks)).toBe(42 + 2 + 5);
    expect(commonBatch([ranks[0]!])).toBeNull();
  });
});

describe("a process by its messages", () => {
  const state = firstState(hello(11), 0);

  it("counts what is being saved, and what is waited for", () => {
    const saving = after(state, { t: "save-started", save: 1, path: "/g.pth", format: "torch" });
    expect(awaited([saving], false)).toBe("save");
    const failed = after(saving, { t: "save-failed", save: 1, path: "/g.pth", error: "OSError: full" });
    expect(failed).toMatchObject({ saveFailed: true });
    expect(awaited([failed], false)).toBe("boundary");
    expect(awaited([failed], true)).toBe("script");
  });

  it("gets on with its batches, not with signs of life alone", () => {
    const first = afterMessage(state, beat(5), 10);
    expect(first.progressAt).toBe(10);
    const same = afterMessage(first, beat(5), 20);
    expect([same.progressAt, same.heardAt]).toEqual([10, 20]);
  });
});

describe("an interrupt that a script takes no notice of", () => {
  const state = after(firstState(hello(11), 0), trains, beat(10));
  const wish = { deliveredAt: 100, batches: new Map([[11, 10]]) };
  const at = (batches: number, now: number, more: Partial<ProcessState> = {}) =>
    isIgnored([{ state: { ...state, batches, progressAt: 100, ...more } }], wish, now);

  it("is noticed by batches that go on, or by nothing at all for long", () => {
    expect(at(10, 104)).toBe(false);
    expect(at(12, 104)).toBe(false);
    expect(at(13, 104)).toBe(true);
    expect(at(10, 119)).toBe(false);
    expect(at(10, 121)).toBe(true);
    expect(isIgnored([], wish, 121)).toBe(true);
  });

  it("is not called so while a save is under way", () => {
    expect(at(10, 500, { saves: new Map([[1, { path: "/g.pth", since: 100 }]]) })).toBe(false);
  });
});

describe("a line of an agent", () => {
  it("is a message only when all of it is as it should be", () => {
    expect(messageOf('{"t":"phase","name":"train","seconds":2,"more":1}')).toMatchObject({ name: "train" });
    for (const line of ['{"t":"news"}', '{"t":"beat"}', "{", "", "null", '{"t":"phase","name":"x"}'])
      expect(messageOf(line)).toBeUndefined();
    expect(messageOf(`${"[".repeat(1000)}${"]".repeat(1000)}`)).toBeUndefined();
  });
});
