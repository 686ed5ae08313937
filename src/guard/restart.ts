/** Whether a guarded command that has ended is started again, and after how long: pure. */
import type { CrashCause, NoRestart } from "../events/guarded.js";

/** A start of the command, once it has ended. */
export interface PastStart {
  /** What ended it. */
  readonly cause: "crash" | "heat" | "hang";
  /** What kind of crash, where that is known. */
  readonly crash: CrashCause["kind"] | undefined;
  /** It has run an optimizer step (without an agent: it has saved a whole checkpoint). */
  readonly trained: boolean;
  /** It has brought a new whole checkpoint, its own or a snapshot. */
  readonly newCheckpoint: boolean;
  readonly seconds: number;
}

export interface RestartFacts {
  /** `--restart N`. */
  readonly most: number;
  /** All starts so far, the last one at the end; never empty. */
  readonly starts: readonly PastStart[];
  /** Whether anything says how it goes on from a checkpoint. */
  readonly canResume: boolean;
}

export type RestartDecision =
  /** `restart`: 1 for the first one, of those that `--restart` counts. */
  | { readonly again: true; readonly waitSeconds: number; readonly restart: number }
  /** `reason`: undefined where nobody asked for restarts. */
  | { readonly again: false; readonly reason: NoRestart | undefined };

/** Seconds before the first restart in a row, and at most. */
const firstWait = 10;
const longestWait = 600;
/** A card that has failed needs a moment to come back. */
const waitForCard = 60;
/** Who ran so long begins a new row. */
const longRun = 1800;

/** Starts without a new checkpoint after which it is never started again. */
const barrenStarts = 2;

/** How many of the last starts were short: they make the row. */
function shortStarts(starts: readonly PastStart[]): number {
  const long = starts.findLastIndex(({ seconds }) => seconds >= longRun);
  return starts.length - 1 - long;
}

/** Doubled for each short start in a row. After heat there is none: the card has cooled already. */
function waitAfter(starts: readonly PastStart[]): number {
  const last = starts.at(-1)!;
  if (last.cause === "heat") return 0;
  const wait = Math.min(longestWait, firstWait * 2 ** Math.max(0, shortStarts(starts) - 1));
  return last.crash === "cuda" ? Math.max(wait, waitForCard) : wait;
}

/** A cool-down by restart is not one of `--restart N`: heat decides how many there are. */
export function decideRestart({ most, starts, canResume }: RestartFacts): RestartDecision {
  const last = starts.at(-1)!;
  const used = starts.slice(0, -1).filter(({ cause }) => cause !== "heat").length;
  const barren = starts.slice(-barrenStarts);
  if (last.cause !== "heat" && most === 0) return { again: false, reason: undefined };
  if (!canResume) return { again: false, reason: "no-recipe" };
  if (!last.trained) return { again: false, reason: "failed-at-start" };
  if (barren.length === barrenStarts && !barren.some(({ newCheckpoint }) => newCheckpoint)) {
    return { again: false, reason: "no-progress" };
  }
  if (last.cause !== "heat" && used >= most) return { again: false, reason: "used-up" };
  return { again: true, waitSeconds: waitAfter(starts), restart: used + 1 };
}
