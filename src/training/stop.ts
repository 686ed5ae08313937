/** A wish to stop, however it comes (a signal, a command): asked once or many times, never acted on here. */
import {
  advanceStop,
  idle,
  wishOf,
  type StopCause,
  type StopFacts,
  type StopInput,
  type StopMove,
  type StopState,
  type StopWish,
} from "./stop-escalation.js";

/** The run's side of a stop. */
export interface StopAttendant {
  readonly facts: () => StopFacts;
  /** Told of each request that is of any consequence; where it says so, the engine is to be left. */
  readonly tell: (told: NonNullable<StopMove["told"]>) => void;
}

export interface Stop {
  request(cause: StopCause): void;
  /** Something has failed where no run could catch it: asks for a stop, after which the run fails with this. */
  fail(error: unknown): void;
  readonly wish: StopWish | undefined;
  /** What failed first. */
  readonly fault: { readonly error: unknown } | undefined;
  /** Aborted by the first request: wakes whatever waits. */
  readonly aborted: AbortSignal;
  /** From now on the run is asked and told; of the requests before, as of one. */
  attend(attendant: StopAttendant): void;
  /** A copy of the newest finished state is there. */
  copied(): void;
  /** The run has told its end: nothing is told any more. */
  ended(): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  let state: StopState = { name: "running" };
  let attendant: StopAttendant | undefined;
  let fault: Stop["fault"];
  const take = (input: StopInput): void => {
    const move = advanceStop(state, input, attendant?.facts() ?? idle);
    ({ state } = move);
    // Wakes whatever waits.
    if (input.input === "request") controller.abort(new Error(input.cause));
    if (move.told) attendant?.tell(move.told);
  };
  const request = (cause: StopCause): void => take({ input: "request", cause });
  return {
    request,
    fail(error) {
      fault ??= { error };
      request("bug");
    },
    get wish() {
      return wishOf(state);
    },
    get fault() {
      return fault;
    },
    aborted: controller.signal,
    attend(own) {
      attendant = own;
      const wish = wishOf(state);
      if (wish) own.tell({ ...wish, leaving: false });
    },
    copied: () => take({ input: "copied" }),
    ended: () => take({ input: "ended" }),
  };
}

/**
 * Waits for something that a stop need not wait for.
 * @param grace milliseconds for which it is waited for all the same: time to end well by itself
 * @returns undefined when the stop came first
 */
export async function unlessStopped<Value>(
  work: Promise<Value>,
  stop: Pick<Stop, "aborted">,
  grace = 0,
): Promise<Value | undefined> {
  const { aborted } = stop;
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  let wake = (): void => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    wake = () => {
      if (grace > 0) timer = setTimeout(() => resolve(undefined), grace);
      else resolve(undefined);
    };
    if (aborted.aborted) wake();
    else aborted.addEventListener("abort", wake);
  });
  try {
    return await Promise.race([stopped, work]);
  } finally {
    clearTimeout(timer);
    aborted.removeEventListener("abort", wake);
  }
}
