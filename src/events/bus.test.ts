/** Who listens delays nobody, and misses nothing that it is not told of. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { createBus, type Bus, type Listener } from "./bus.js";
import type { RunEvent, Told } from "./event.js";
import { warning as warningOf } from "./warning.js";
import { notableKept, type RunView } from "./view.js";

const warning = (id: string): RunEvent => warningOf("STATE_TAKEN_UP", { id });
const saving = (batches: number): RunEvent => ({ type: "save-started", kind: "auto", reason: "", batches });
const now = () => new Date(0);
const numbers = (all: readonly Told[]) => all.map(({ envelope }) => envelope.seq);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function busWith(kept: number): { bus: Bus; faults: unknown[] } {
  const faults: unknown[] = [];
  return { bus: createBus({ run: "r", now, kept, onFault: (error) => faults.push(error) }), faults };
}

/** What a listener was given, in order: events, and views by the number that they go up to. */
function recorder(answer: () => void | Promise<void> = () => undefined) {
  const got: (number | { view: number })[] = [];
  const views: RunView[] = [];
  const listener: Listener = {
    event({ envelope }) {
      got.push(envelope.seq);
      return answer();
    },
    view(view) {
      got.push({ view: view.seq });
      views.push(view);
    },
  };
  return { got, views, listener };
}

it("tells each listener at once, in order, with the run, a number and the time", () => {
  const { bus } = busWith(10);
  const told: Told[] = [];
  bus.listen({ event: (one) => void told.push(one) });
  bus.emit(warning("a"));
  bus.emit(warning("b"));
  expect(told).toEqual([
    { envelope: { run: "r", seq: 1, at: now().toISOString() }, event: warning("a") },
    { envelope: { run: "r", seq: 2, at: now().toISOString() }, event: warning("b") },
  ]);
});

it("is not disturbed by a listener that throws, rejects or never answers", async () => {
  const { bus, faults } = busWith(10);
  const thrower = vi.fn(() => {
    throw new Error("thrown");
  });
  const hanging = vi.fn(() => new Promise<void>(() => undefined));
  const rejecting = recorder(() => Promise.reject(new Error("rejected")));
  const good = recorder();
  bus.listen({ event: thrower });
  bus.listen({ event: hanging });
  bus.listen(rejecting.listener);
  bus.listen(good.listener);
  for (let i = 0; i < 3; i++) bus.emit(warning(""));
  expect(good.got).toEqual([1, 2, 3]);
  for (let i = 0; i < 10; i++) await turn();
  expect(rejecting.got).toEqual([1, 2, 3]);
  expect(hanging).toHaveBeenCalledTimes(1);
  expect(thrower).toHaveBeenCalledTimes(3);
  expect(faults.map(String)).toEqual([
    ...Array<string>(3).fill("Error: thrown"),
    ...Array<string>(3).fill("Error: rejected"),
  ]);
});

it("brings a listener that was too slow up to date with a view", async () => {
  const { bus } = busWith(3);
  let answer: () => void = () => undefined;
  const slow = recorder(() => new Promise<void>((resolve) => (answer = resolve)));
  bus.listen(slow.listener);
  for (let i = 0; i < 9; i++) bus.emit(warning(String(i)));
  expect(slow.got).toEqual([1]);
  answer();
  await turn();
  expect(slow.got).toEqual([1, { view: 9 }]);
  bus.emit(warning("next"));
  expect(slow.got).toEqual([1, { view: 9 }, 10]);
});

it("gives a late listener the view first, or all that it asks for where that is still kept", () => {
  const { bus } = busWith(3);
  for (let i = 1; i <= 5; i++) bus.emit(warning(String(i)));
  const [late, from4, from2, next] = [recorder(), recorder(), recorder(), recorder()];
  bus.listen(late.listener);
  bus.listen(from4.listener, { fromSeq: 4 });
  bus.listen(from2.listener, { fromSeq: 2 });
  bus.listen(next.listener, { fromSeq: 6 });
  bus.emit(warning("6"));
  expect(late.got).toEqual([{ view: 5 }, 6]);
  expect(from4.got).toEqual([4, 5, 6]);
  expect(from2.got).toEqual([{ view: 5 }, 6]);
  expect(next.got).toEqual([6]);
});

it("keeps the newest of each type and a bounded number of notable ones", () => {
  const { bus } = busWith(3);
  for (let i = 1; i <= 3 * notableKept; i++) bus.emit(i % 2 ? warning(String(i)) : saving(i));
  const { listener, views } = recorder();
  bus.listen(listener);
  const { latest, notable, seq } = views[0]!;
  expect(seq).toBe(3 * notableKept);
  expect(latest["save-started"]?.event.batches).toBe(3 * notableKept);
  expect(latest.warning?.event.detail).toBe(String(3 * notableKept - 1));
  expect(notable).toHaveLength(notableKept);
  expect(new Set(notable.map(({ event }) => event.type))).toEqual(new Set(["warning"]));
  expect(numbers(notable)).toEqual(Array.from({ length: notableKept }, (_, i) => 1 + 2 * i + notableKept));
});

it("keeps no more of ten days than of ten minutes, though one listener never answers", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const { bus } = busWith(1000);
  bus.listen({ event: () => new Promise<void>(() => undefined) });
  bus.listen({ event: () => undefined });
  const emitSome = (count: number): void => {
    for (let i = 0; i < count; i++) {
      // Each with a text of its own: some 100 bytes.
      if (i % 10 === 0) bus.emit(warning(`${i} ${"x".repeat(50)}`));
      else if (i % 10 === 1) bus.emit({ type: "image-skipped", path: `${i}.jpg`, reason: `${i}`.repeat(10) });
      else bus.emit(saving(i));
    }
  };
  emitSome(5000);
  const before = heap();
  emitSome(100_000);
  // 100,000 events that are kept take some 30 MB.
  expect(heap() - before).toBeLessThan(5e6);
  const { listener, views } = recorder();
  bus.listen(listener);
  expect(JSON.stringify(views[0]).length).toBeLessThan(100_000);
  // Files that cannot be read, however many, leave what somebody would want to read afterwards.
  expect(views[0]!.notable.map(({ event }) => event.type)).not.toContain("image-skipped");
});

it("tells what a listener emits to everyone after what it was told of", () => {
  const { bus } = busWith(10);
  const [before, after] = [recorder(), recorder()];
  bus.listen(before.listener);
  bus.listen({
    event: ({ event }) => {
      if (event.type === "warning" && event.detail === "a") bus.emit(warning("answer"));
    },
  });
  bus.listen(after.listener);
  bus.emit(warning("a"));
  expect([before.got, after.got]).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

it("tells nothing more to one who has left, also from within what it was told", () => {
  const { bus } = busWith(10);
  const got: number[] = [];
  const leave = bus.listen({
    event: ({ envelope }) => {
      got.push(envelope.seq);
      leave();
    },
  });
  bus.emit(warning("a"));
  bus.emit(warning("b"));
  expect(got).toEqual([1]);
});

it("leaves no gap without a view, whatever the pace of a listener", async () => {
  const steps = fc.array(fc.constantFrom("emit", "answer"), { maxLength: 60 });
  const property = fc.asyncProperty(steps, fc.integer({ min: 1, max: 5 }), async (all, kept) => {
    const { bus } = busWith(kept);
    const answers: (() => void)[] = [];
    const { got, listener } = recorder(() => new Promise<void>((resolve) => answers.push(resolve)));
    bus.listen(listener);
    let emitted = 0;
    for (const step of all) {
      if (step === "emit") bus.emit(warning(String(++emitted)));
      else answers.shift()?.();
      await turn();
    }
    let upTo = 0;
    for (const one of got) {
      if (typeof one === "number") expect(one).toBe(upTo + 1);
      upTo = typeof one === "number" ? one : one.view;
    }
    // Whoever answers again and again has all of it in the end.
    for (let i = 0; i <= kept + 1; i++) {
      answers.shift()?.();
      await turn();
    }
    const last = got.at(-1);
    expect(last === undefined ? 0 : typeof last === "number" ? last : last.view).toBe(emitted);
  });
  await fc.assert(property, { numRuns: 100 });
});
