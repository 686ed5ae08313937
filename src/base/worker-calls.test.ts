/** Calls into a real thread. */
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GuardapesosError } from "./errors.js";
import { callWorker, type Calls, type Caller } from "./worker-calls.js";
import { workerEntry } from "./worker-entry.js";

const module = workerEntry(import.meta.url, "./worker-calls.js").href;
const errors = workerEntry(import.meta.url, "./errors.js").href;

/** The thread's side, as text because a thread runs no TypeScript on every Node that we support. */
const program = `
Promise.all([import("${module}"), import("${errors}")]).then(([{ answerCalls, HandOver }, { GuardapesosError }]) => {
  let kept;
  answerCalls({
    double: async (x) => 2 * x,
    late: async (x) => new Promise((done) => setTimeout(done, 30, x)),
    count: async (to, tell) => { for (let i = 1; i <= to; i++) tell(i); return to; },
    refuse: async () => { throw new GuardapesosError("NO_IMAGES", { folder: "f" }); },
    stumble: async () => { throw new TypeError("a bug"); },
    sum: async (numbers) => numbers.reduce((a, b) => a + b, 0),
    give: async () => { kept = new Float32Array([1, 2]); return new HandOver(kept, [kept.buffer]); },
    left: async () => kept.length,
    copy: async () => { kept = new Float32Array([3, 4]); return kept; },
    unsendable: async () => () => 1,
    crash: async () => { setTimeout(() => { throw new Error("the thread is lost"); }); return new Promise(() => {}); },
    leave: async () => process.exit(3),
    mark: async ([time, marks]) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
      await new Promise((done) => setTimeout(done, 1));
      Atomics.store(marks, 0, 1);
      Atomics.notify(marks, 0);
    },
    block: async (time) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time),
  });
});
`;

interface Known extends Calls {
  double: (x: number) => Promise<number>;
  late: (x: string) => Promise<string>;
  count: (to: number, tell: (i: number) => void) => Promise<number>;
  refuse: (none: undefined) => Promise<void>;
  stumble: (none: undefined) => Promise<void>;
  sum: (numbers: Float32Array) => Promise<number>;
  give: (none: undefined) => Promise<Float32Array>;
  left: (none: undefined) => Promise<number>;
  copy: (none: undefined) => Promise<Float32Array>;
  unsendable: (none: undefined) => Promise<void>;
  crash: (none: undefined) => Promise<void>;
  leave: (none: undefined) => Promise<void>;
  mark: (given: readonly [time: number, marks: Int32Array]) => Promise<void>;
  block: (time: number) => Promise<string>;
}

const callers: Caller<Known>[] = [];
function startThread(): Caller<Known> {
  const caller = callWorker<Known>(new Worker(program, { eval: true }));
  callers.push(caller);
  return caller;
}
afterEach(async () => {
  for (const caller of callers.splice(0)) await caller.end();
});

describe("a call to a thread", () => {
  it("is answered, one after the other in the order of asking", async () => {
    const thread = startThread();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    await Promise.all([
      thread.call("late", "a").then(note("late")),
      thread.call("double", 2).then(note("double")),
      thread.call("late", "b").then(note("late again")),
    ]);
    expect(order).toEqual(["late", "double", "late again"]);
    expect(await thread.call("double", 21)).toBe(42);
  });

  it("tells its progress to its own caller alone", async () => {
    const thread = startThread();
    const [mine, others]: [number[], number[]] = [[], []];
    await Promise.all([
      thread.call("count", 3, [], (i) => mine.push(i)),
      thread.call("count", 2, [], (i) => others.push(i)),
      thread.call("count", 5),
    ]);
    expect([mine, others]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
  });

  it("that fails fails with the same code and data, or as the bug that it is, and the next is answered", async () => {
    const thread = startThread();
    const refused: unknown = await thread.call("refuse", undefined).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(GuardapesosError);
    expect(refused).toMatchObject({ code: "NO_IMAGES", data: { folder: "f" } });
    const bug: unknown = await thread.call("stumble", undefined).catch((error: unknown) => error);
    expect(bug).not.toBeInstanceOf(GuardapesosError);
    expect(bug).toMatchObject({ message: "a bug", stack: expect.stringContaining("stumble") as string });
    await expect(thread.call("unsendable", undefined)).rejects.toThrow(/could not be cloned/);
    expect(await thread.call("double", 1)).toBe(2);
  });

  it("takes the buffers that are listed and copies the others, in both directions", async () => {
    const thread = startThread();
    const [given, shown] = [Float32Array.of(1, 2, 3), Float32Array.of(4, 5)];
    expect(await thread.call("sum", given, [given.buffer])).toBe(6);
    expect(given.length).toBe(0);
    expect(await thread.call("sum", shown)).toBe(9);
    expect(shown.length).toBe(2);

    expect([...(await thread.call("give", undefined))]).toEqual([1, 2]);
    expect(await thread.call("left", undefined)).toBe(0);
    expect([...(await thread.call("copy", undefined))]).toEqual([3, 4]);
    expect(await thread.call("left", undefined)).toBe(2);
  });

  it.each(["crash", "leave"] as const)(
    "fails when the thread dies (%s), and so do all others",
    async (how) => {
      const thread = startThread();
      const waiting = [thread.call(how, undefined), thread.call("double", 1)];
      const reasons = await Promise.allSettled(waiting);
      expect(reasons.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      await expect(thread.call("double", 1)).rejects.toThrow(
        how === "crash" ? "the thread is lost" : "code 3",
      );
    },
  );

  it("to a thread that was abandoned fails at once, and nobody waits for what it still does", async () => {
    const thread = startThread();
    await thread.call("double", 1);
    expect([thread.busy, thread.dead]).toEqual([false, undefined]);
    const waiting = thread.call("block", 2000);
    expect(thread.busy).toBe(true);
    const started = performance.now();
    thread.abandon(new Error("left alone"));
    await expect(waiting).rejects.toThrow("left alone");
    await expect(thread.call("double", 1)).rejects.toThrow("left alone");
    await thread.end();
    expect(performance.now() - started).toBeLessThan(1000);
    expect([thread.busy, thread.dead?.message]).toEqual([false, "left alone"]);
  });

  it("to a thread that was abandoned is finished there: a thread in a native call is not to be ended", async () => {
    const thread = startThread();
    const marks = new Int32Array(new SharedArrayBuffer(4));
    const waiting = thread.call("mark", [100, marks]);
    thread.abandon(new Error("left alone"));
    await expect(waiting).rejects.toThrow("left alone");
    await thread.end();
    await vi.waitFor(() => expect(Atomics.load(marks, 0)).toBe(1), { timeout: 30_000 });
  });

  it("at the end fails, and after it too", async () => {
    const caller = startThread();
    await caller.call("double", 1);
    const waiting = expect(caller.call("late", "a")).rejects.toThrow("the thread ended");
    await caller.end();
    await waiting;
    await expect(caller.call("double", 1)).rejects.toThrow("the thread ended");
  });
});
