/**
 * Turns a monitor's verdicts into calls of an actuator: `nextOrder` decides (pure), `drive` carries out. How hot is too hot, for
 * how long a card cools and what ends that is the policy's (policy.ts).
 */
import type { Actuator, HeatCause } from "./actuator.js";
import type { Clock } from "./clock.js";
import type { HeatEvent } from "./event.js";
import type { Advice, Monitor } from "./monitor.js";

/** How far an actuator has been driven. */
export type DriverState =
  /** Training goes on; `idle` is what it was told last. */
  | { readonly phase: "running"; readonly idle: number | undefined }
  /** A pause was asked for, and is not there yet. */
  | { readonly phase: "pausing"; readonly cause: HeatCause }
  /** Training rests. */
  | { readonly phase: "resting"; readonly cause: HeatCause }
  | { readonly phase: "stopped" };

export type Order =
  | { readonly to: "pace"; readonly idle: number | undefined }
  | { readonly to: "pause"; readonly cause: HeatCause }
  | { readonly to: "resume"; readonly cause: HeatCause }
  | { readonly to: "stop"; readonly cause: HeatCause };

/** @returns what the actuator is to be told now, and the state after it; no order where all is as it should be */
export function nextOrder(
  state: DriverState,
  { mode, reason, severe }: Advice,
  idle: number | undefined,
): { readonly state: DriverState; readonly order?: Order } {
  if (state.phase === "stopped") return { state };
  if (mode === "stop")
    return { state: { phase: "stopped" }, order: { to: "stop", cause: { reason, severe } } };
  if (state.phase === "running") {
    if (mode === "cool") {
      const cause = { reason, severe };
      return { state: { phase: "pausing", cause }, order: { to: "pause", cause } };
    }
    return idle === state.idle
      ? { state }
      : { state: { phase: "running", idle }, order: { to: "pace", idle } };
  }
  // What has become critical in a cool-down stays so until its end.
  if (mode === "cool") return { state: { ...state, cause: { ...state.cause, severe } } };
  return { state: { phase: "running", idle: undefined }, order: { to: "resume", cause: state.cause } };
}

export interface DriveOptions {
  readonly monitor: Monitor;
  readonly actuator: Actuator;
  /** The monitor's. */
  readonly clock: Clock;
  /** Told about once a real second of a cool-down how long it still takes. */
  readonly emit: (event: Extract<HeatEvent, { type: "cooling" }>) => void;
  /** Ends the driving, and a pause under way with it. */
  readonly signal: AbortSignal;
}

/**
 * Drives until `signal`, or until training was told to stop. Looks whenever the monitor has something new, and each real second.
 * Rejects with what the actuator threw, against its contract.
 */
export async function drive({ monitor, actuator, clock, emit, signal }: DriveOptions): Promise<void> {
  let state: DriverState = { phase: "running", idle: undefined };
  let pause = new AbortController();
  let waiting = new AbortController();
  let tellAfter = -Infinity;
  const wake = (): void => waiting.abort();
  /** Why a pause has failed. */
  let failure: { readonly error: unknown } | undefined;

  const carryOut = (order: Order): void => {
    pause.abort();
    if (order.to === "pace") actuator.pace(order.idle);
    else if (order.to === "resume") actuator.resume(order.cause);
    else if (order.to === "stop") actuator.stop(order.cause);
    else {
      pause = new AbortController();
      const { signal: wanted } = pause;
      const atRest = (): void => {
        if (!wanted.aborted && state.phase === "pausing") state = { ...state, phase: "resting" };
      };
      actuator
        .pause(wanted, order.cause)
        .then(atRest, (error: unknown) => (failure = { error }))
        .finally(wake);
    }
  };

  /** Readings come between two ticks, too. */
  const tellCooling = (): void => {
    const now = clock.now();
    if (now < tellAfter) return;
    tellAfter = now + 0.9 * clock.scale;
    emit({ type: "cooling", ...monitor.cooling() });
  };

  monitor.listen(wake);
  signal.addEventListener("abort", wake);
  try {
    while (!signal.aborted && state.phase !== "stopped") {
      if (failure) throw failure.error;
      const next: ReturnType<typeof nextOrder> = nextOrder(state, monitor.advice(), monitor.idle());
      state = next.state;
      if (next.order) {
        carryOut(next.order);
        continue;
      }
      if (state.phase === "resting") tellCooling();
      waiting = new AbortController();
      await clock.sleep(secondsToWait(state, monitor, clock.scale), waiting.signal);
    }
  } finally {
    signal.removeEventListener("abort", wake);
    pause.abort();
  }
}

/** Seconds until the next look, where nothing new comes before. @param tick one real second */
function secondsToWait({ phase }: DriverState, monitor: Monitor, tick: number): number {
  if (phase !== "resting") return tick;
  const { secondsLeft } = monitor.cooling();
  // Wakes at the moment that may end it, too.
  return secondsLeft > 0 ? Math.min(tick, secondsLeft) : tick / 4;
}
