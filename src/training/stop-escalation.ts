/**
 * How a stop escalates: the one machine that says what a request means, from the first press to the end. Pure.
 *
 *     running ── request ──> finishing ── request, or a copy of the state ──> leaving ── end ──> ended
 *        └─────── request while a graph is made ──────────────────────────────────┘
 *
 * `finishing` waits for the batch under way and saves. `leaving` waits for nobody: the newest finished state is saved and the
 * engine left to itself, which is allowed only where that loses nothing.
 */

/**
 * What asks for a stop: a signal, "stop" (the command), "time" (one that was set), "parent" (its end) or "bug" (a failure
 * outside the run).
 */
export type StopCause = NodeJS.Signals | "stop" | "time" | "parent" | "bug";

/** A stop that is asked for. */
export interface StopWish {
  /** What asked first. */
  readonly signal: StopCause;
  readonly times: number;
}

export type StopState =
  | { readonly name: "running" }
  | ({ readonly name: "finishing" | "leaving" } & StopWish)
  /** All has been told; what was asked for, if anything. */
  | { readonly name: "ended"; readonly wish: StopWish | undefined };

export type StopInput =
  | { readonly input: "request"; readonly cause: StopCause }
  /** A copy of the newest finished state is there, for when the engine can give it no more. */
  | { readonly input: "copied" }
  | { readonly input: "ended" };

/** What the machine goes by. */
export interface StopFacts {
  /** Whether the engine is at work, and of that whether on the graphs of a resolution, which nobody waits for. */
  readonly busy: boolean;
  readonly preparing: boolean;
  /** Whether nothing finished is lost when the engine is left to itself now. */
  readonly nothingLost: boolean;
}

/** Where no training is under way yet, or any more. */
export const idle: StopFacts = { busy: false, preparing: false, nothingLost: false };

export interface StopMove {
  readonly state: StopState;
  /** What is to be told; undefined: nothing. */
  readonly told?: StopWish & { readonly leaving: boolean };
}

export function wishOf(state: StopState): StopWish | undefined {
  if (state.name === "running") return undefined;
  if (state.name === "ended") return state.wish;
  return { signal: state.signal, times: state.times };
}

/** A graph that is being made is waited for by nobody, a batch not by whoever asks again. */
const mayLeave = ({ times }: StopWish, { busy, preparing, nothingLost }: StopFacts): boolean =>
  (times > 1 || preparing) && busy && nothingLost;

/** The next state, and what is told of it. Whoever tells that it is `leaving` leaves the engine, too. */
export function advanceStop(state: StopState, input: StopInput, facts: StopFacts): StopMove {
  if (state.name === "ended") return { state };
  if (input.input === "ended") return { state: { name: "ended", wish: wishOf(state) } };
  if (input.input === "copied") {
    if (state.name !== "finishing" || !mayLeave(state, facts)) return { state };
    const { signal, times } = state;
    return { state: { name: "leaving", signal, times }, told: { signal, times, leaving: true } };
  }
  const before = wishOf(state);
  const wish = { signal: before?.signal ?? input.cause, times: (before?.times ?? 0) + 1 };
  const leaving = state.name !== "leaving" && mayLeave(wish, facts);
  const name = leaving || state.name === "leaving" ? "leaving" : "finishing";
  return { state: { name, ...wish }, told: { ...wish, leaving } };
}
