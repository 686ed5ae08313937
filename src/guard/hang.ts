/**
 * How long a guarded process may show no progress before that is told, learnt for each phase: pure. Progress is a batch, a
 * step, the beginning or end of a save, or another phase. All times are seconds on the guard's clock.
 */
import type { GuardedPhase } from "../events/guarded.js";

/** What the agent tells of a process in one moment. */
export interface Sign {
  readonly phase: GuardedPhase;
  readonly batches: number;
  readonly steps: number;
  /** Saves that have begun or ended so far. */
  readonly saves: number;
  readonly paused: boolean;
}

export interface HangState {
  readonly sign: Sign;
  /** The last progress. */
  readonly since: number;
  /** When this was last looked at. */
  readonly lookedAt: number;
  /** The longest time without progress that ended well, for each phase. */
  readonly longest: Readonly<Partial<Record<GuardedPhase, number>>>;
  /** It has been told that it hangs. */
  readonly told: boolean;
}

export interface Hang {
  readonly phase: GuardedPhase;
  /** Without progress. */
  readonly seconds: number;
  /** The longest before; undefined where there was none. */
  readonly usual: number | undefined;
  /** With `--hang-kill`: how long until it may be killed; never negative. */
  readonly killAfter: number;
}

/**
 * What is never called a hang, and what is where nothing has been learnt: an import from a cold disk, the first batch with
 * torch.compile and worker starts, a save to a network disk, an evaluation without a DataLoader.
 */
const bounds: Readonly<Record<GuardedPhase, { readonly least: number; readonly unlearnt: number }>> = {
  import: { least: 300, unlearnt: 900 },
  "first-batch": { least: 600, unlearnt: 1800 },
  train: { least: 300, unlearnt: 900 },
  save: { least: 300, unlearnt: 1200 },
  eval: { least: 600, unlearnt: 3600 },
};

/** Times the longest so far. */
const patience = 10;
/** Who was not looked at for so long was not alone: this computer has slept, or we were stopped. */
const blindSeconds = 30;

export function beginWatching(phase: GuardedPhase, now: number): HangState {
  const sign: Sign = { phase, batches: 0, steps: 0, saves: 0, paused: false };
  return { sign, since: now, lookedAt: now, longest: {}, told: false };
}

function isProgress(before: Sign, after: Sign): boolean {
  return (
    before.phase !== after.phase ||
    before.batches !== after.batches ||
    before.steps !== after.steps ||
    before.saves !== after.saves
  );
}

/** The state after one more sign, or after a look without one. To be called every few seconds, and at each message. */
export function afterSign(state: HangState, sign: Sign, now: number): HangState {
  const blind = now - state.lookedAt;
  // Time that nobody saw, and a pause, are no hang.
  const since = blind > blindSeconds ? state.since + blind : state.since;
  if (sign.paused || state.sign.paused) return { ...state, sign, since: now, lookedAt: now, told: false };
  if (!isProgress(state.sign, sign)) return { ...state, sign, since, lookedAt: now };
  const { phase } = state.sign;
  const took = now - since;
  const longest = { ...state.longest, [phase]: Math.max(state.longest[phase] ?? 0, took) };
  return { sign, since: now, lookedAt: now, longest, told: false };
}

/** After how long without progress a process hangs in this phase. */
export function hangBound(phase: GuardedPhase, longest: number | undefined): number {
  const { least, unlearnt } = bounds[phase];
  return longest === undefined ? unlearnt : Math.max(least, patience * longest);
}

/** @returns undefined while it does not hang */
export function hangOf({ sign, since, longest }: HangState, now: number): Hang | undefined {
  const usual = longest[sign.phase];
  const bound = hangBound(sign.phase, usual);
  const seconds = now - since;
  if (sign.paused || seconds < bound) return undefined;
  return { phase: sign.phase, seconds, usual, killAfter: Math.max(0, 2 * bound - seconds) };
}
