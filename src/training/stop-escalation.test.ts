import { describe, expect, it } from "vitest";
import {
  advanceStop,
  idle,
  wishOf,
  type StopFacts,
  type StopInput,
  type StopState,
} from "./stop-escalation.js";

const request: StopInput = { input: "request", cause: "SIGINT" };
const copied: StopInput = { input: "copied" };
const end: StopInput = { input: "ended" };
const running: StopState = { name: "running" };
const finishing = (times: number): StopState => ({ name: "finishing", signal: "SIGTERM", times });
const leaving = (times: number): StopState => ({ name: "leaving", signal: "SIGTERM", times });
/** In a batch; a copy of the state before it is there, or is not. */
const safe: StopFacts = { busy: true, preparing: false, nothingLost: true };
const unsafe: StopFacts = { ...safe, nothingLost: false };
const preparing: StopFacts = { ...safe, preparing: true };

/** A state in short: its name and how often was asked. */
const short = (state: StopState): string => {
  const { signal, times } = wishOf(state) ?? {};
  return [state.name, signal, times].filter((part) => part !== undefined).join(" ");
};

describe("a stop", () => {
  it.each([
    // Before training has begun, and while it computes nothing.
    [running, request, idle, "finishing SIGINT 1", "told"],
    [finishing(1), request, idle, "finishing SIGTERM 2", "told"],
    // In a batch: the first press waits for it, the second does not where that loses nothing.
    [running, request, safe, "finishing SIGINT 1", "told"],
    [finishing(1), request, safe, "leaving SIGTERM 2", "told, leaves"],
    [finishing(1), request, unsafe, "finishing SIGTERM 2", "told"],
    [finishing(1), request, { ...safe, busy: false }, "finishing SIGTERM 2", "told"],
    // A copy that was awaited lets the second press have its way, and the first wait on.
    [finishing(2), copied, safe, "leaving SIGTERM 2", "told, leaves"],
    [finishing(2), copied, unsafe, "finishing SIGTERM 2", ""],
    [finishing(1), copied, safe, "finishing SIGTERM 1", ""],
    [running, copied, safe, "running", ""],
    // Nobody waits for a graph.
    [running, request, preparing, "leaving SIGINT 1", "told, leaves"],
    [running, request, { ...preparing, nothingLost: false }, "finishing SIGINT 1", "told"],
    // Left once.
    [leaving(2), request, safe, "leaving SIGTERM 3", "told"],
    [leaving(2), copied, safe, "leaving SIGTERM 2", ""],
    // The end is the last that is told.
    [running, end, idle, "ended", ""],
    [leaving(2), end, idle, "ended SIGTERM 2", ""],
    [{ name: "ended", wish: { signal: "SIGTERM", times: 2 } }, request, safe, "ended SIGTERM 2", ""],
    [{ name: "ended", wish: undefined }, copied, safe, "ended", ""],
  ] as const)("in %j, by %j with %j", (state, input, facts, next, what) => {
    const move = advanceStop(state, input, facts);
    expect(short(move.state)).toBe(next);
    const told = move.told ? (move.told.leaving ? "told, leaves" : "told") : "";
    expect(told).toBe(what);
    if (move.told) expect(move.told).toMatchObject(wishOf(move.state)!);
  });

  it("leaves the engine only where nothing is lost, and once, whatever comes in whatever order", () => {
    const inputs = [request, copied, end];
    const facts = [idle, safe, unsafe, preparing, { ...preparing, nothingLost: false }];
    /** Every course of three inputs, each with every fact. */
    const walk = (state: StopState, depth: number, left: number): void => {
      expect(left).toBeLessThan(2);
      if (depth === 0) return;
      for (const input of inputs) {
        for (const fact of facts) {
          const { state: next, told } = advanceStop(state, input, fact);
          if (told?.leaving) expect(fact).toMatchObject({ busy: true, nothingLost: true });
          walk(next, depth - 1, left + (told?.leaving ? 1 : 0));
        }
      }
    };
    walk(running, 3, 0);
  });
});
