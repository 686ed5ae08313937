import { describe, expect, it } from "vitest";
import type { HeatCause } from "../thermal/actuator.js";
import { createLoopActuator } from "./heat-actuator.js";

const cause: HeatCause = { severe: false, reason: { code: "hot", temperature: 83, threshold: 82 } };
const severe: HeatCause = { ...cause, severe: true };

const never = (): AbortSignal => new AbortController().signal;

/** Whether a promise has been resolved by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

describe("the loop as heat's actuator", () => {
  it("keeps what heat asks for until it is carried out", () => {
    const loop = createLoopActuator();
    expect(loop.order).toEqual({ mode: "run", idle: undefined });
    loop.pace(0.3);
    expect(loop.order).toEqual({ mode: "run", idle: 0.3 });
    void loop.pause(never(), cause);
    expect(loop.order).toEqual({ mode: "cool", cause });
    loop.resume(cause);
    expect(loop.order).toEqual({ mode: "run", idle: undefined });
    loop.stop(severe);
    expect(loop.order).toEqual({ mode: "stop", cause: severe });
  });

  it("is at rest once the loop says so, and rests until it may go on", async () => {
    const loop = createLoopActuator();
    const pausing = loop.pause(never(), cause);
    expect(await isDone(pausing)).toBe(false);
    const rest = loop.rest(never());
    expect([await isDone(pausing), await isDone(rest)]).toEqual([true, false]);
    loop.resume(cause);
    expect(await rest).toEqual({ worse: false });
  });

  it.each([
    ["says that it has become worse", cause, severe, true],
    ["says so only where it was not as bad before", severe, severe, false],
  ])("%s", async (_, before, after, worse) => {
    const loop = createLoopActuator();
    void loop.pause(never(), before);
    const rest = loop.rest(never());
    loop.resume(after);
    expect(await rest).toEqual({ worse });
  });

  it("wakes for the end, for who stops the run, and for a pause that is over already", async () => {
    const loop = createLoopActuator();
    void loop.pause(never(), cause);
    const rest = loop.rest(never());
    loop.stop(severe);
    expect(await rest).toEqual({ worse: false });

    const other = createLoopActuator();
    void other.pause(never(), cause);
    const stop = new AbortController();
    const waiting = other.rest(stop.signal);
    stop.abort();
    expect(await waiting).toEqual({ worse: false });
    expect(await other.rest(stop.signal)).toEqual({ worse: false });

    const late = createLoopActuator();
    void late.pause(never(), cause);
    late.resume(cause);
    expect(await late.rest(never())).toEqual({ worse: false });
  });

  it("gives a pause up that is wanted no more", async () => {
    const loop = createLoopActuator();
    const wanted = new AbortController();
    const pausing = loop.pause(wanted.signal, cause);
    wanted.abort();
    await pausing;
  });
});
