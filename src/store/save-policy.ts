/** When to save: a pure decision with its reason. What happens then is the training loop's affair. */
import type { CheckpointKind } from "./names.js";

export interface SaveRules {
  /** Batches between automatic saves; "auto" takes the interval from what a save costs; 0: no automatic saves. */
  readonly everyBatches: number | "auto";
  /** Minutes between automatic saves; 0: time does not count. */
  readonly everyMinutes: number;
}

export interface SaveFacts {
  /** Since the newest save was begun, whether it succeeded or not. */
  readonly batchesSinceSave: number;
  /** Since the newest save was begun, or has failed. */
  readonly secondsSinceSave: number;
  /** Saves that have failed since the last one that succeeded. */
  readonly failures: number;
  /** Whether one is under way. */
  readonly saving: boolean;
  /** How long training stood still for one save, measured; undefined before the first. */
  readonly saveCost: number | undefined;
  readonly epochEnded: boolean;
  readonly stageEnded: boolean;
  /** A person wants a save now. For those who use the store as a library: a training has no key for it. */
  readonly askedByHand?: boolean;
  /** Why training is about to stop ("SIGINT", "heat", ...); undefined while it goes on. */
  readonly stopping: string | undefined;
  /** Whether training is about to end by itself: no later try comes then. */
  readonly ending?: boolean | undefined;
}

export interface SaveDecision {
  readonly kind: CheckpointKind;
  readonly reason: string;
}

/** Share of training time that `auto` spends on saving at most. */
export const autoShare = 0.01;
/** Seconds between failures that `auto` expects: a working day. */
export const expectedUptime = 8 * 3600;

/**
 * The interval that loses least: Young, "A first order approximation to the optimum checkpoint interval", CACM 1974;
 * Daly, FGCS 2006. Never so short that saving takes more than `autoShare` of the time, never under 30 s.
 * @param cost seconds that training stands still for one save
 * @param uptime mean seconds between failures
 * @returns seconds between saves
 */
export function optimalInterval(cost: number, uptime = expectedUptime): number {
  return Math.max(Math.sqrt(2 * cost * uptime), cost / autoShare, 30);
}

/** Seconds after which a save that has failed for the n-th time in a row is tried again: at once at first, then every minute. */
export function retryAfter(failures: number): number {
  return Math.min(60, 5 * 2 ** (failures - 1));
}

/** What was said when a save failed is what happens: no other save comes before the next try, whatever has ended by then. */
function tryAgain({
  failures,
  saving,
  batchesSinceSave,
  secondsSinceSave,
}: SaveFacts): SaveDecision | undefined {
  if (saving || batchesSinceSave === 0 || secondsSinceSave < retryAfter(failures)) return undefined;
  return { kind: "auto", reason: "again, as the last save failed" };
}

/** @returns undefined when there is nothing to save for */
export function decideSave(facts: SaveFacts, rules: SaveRules): SaveDecision | undefined {
  if (facts.stopping !== undefined) return { kind: "emergency", reason: facts.stopping };
  if (facts.askedByHand === true) return { kind: "manual", reason: "asked for" };
  if (facts.failures > 0 && facts.ending !== true) return tryAgain(facts);
  if (facts.stageEnded) return { kind: "stage", reason: "end of the resolution" };
  if (facts.epochEnded) return { kind: "epoch", reason: "end of the epoch" };
  if (facts.batchesSinceSave === 0) return undefined;
  if (rules.everyMinutes > 0 && facts.secondsSinceSave >= rules.everyMinutes * 60) {
    return { kind: "auto", reason: `every ${rules.everyMinutes} minutes` };
  }
  if (rules.everyBatches === "auto") {
    // The first save is what measures the cost: it is taken after half a minute.
    const interval = facts.saveCost === undefined ? 30 : optimalInterval(facts.saveCost);
    if (facts.secondsSinceSave < interval) return undefined;
    return { kind: "auto", reason: `every ${Math.round(interval)} seconds, from what a save costs` };
  }
  if (rules.everyBatches > 0 && facts.batchesSinceSave >= rules.everyBatches) {
    return { kind: "auto", reason: `every ${rules.everyBatches} batches` };
  }
  return undefined;
}
