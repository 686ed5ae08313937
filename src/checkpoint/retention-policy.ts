/**
 * What to keep: a pure decision with a reason for every generation. It removes nothing itself.
 *
 * The rule above all others: nothing goes unless enough newer generations of the same run have been read back and are
 * finite. Everything else is a matter of taste, and has numbers.
 */
import type { CheckpointKind } from "./checkpoint.js";

/** What the policy needs to know of a generation. */
export interface Keepable {
  readonly id: string;
  /** Higher is newer. */
  readonly sequence: number;
  readonly run: string;
  readonly kind: CheckpointKind;
  readonly step: number;
  /** Read back after it was written, and found right. */
  readonly verified: boolean;
  /** NaN and infinite values. */
  readonly nonFinite: number;
  readonly keptByHand: boolean;
  /** An emergency whose EMERGENCY_ files a person has deleted: they do not want it any more. */
  readonly nameRemoved: boolean;
}

/** How many of the newest to keep of each kind, in each run. */
export interface RetentionRules {
  /** Newest verified finite generations of any kind that are always kept; at least 1. */
  readonly verified: number;
  readonly autos: number;
  readonly epochs: number;
  readonly stages: number;
  readonly emergencies: number;
  /** One generation for every so many steps stays for good; 0: none. */
  readonly everySteps: number;
}

/**
 * Two automatic saves and one epoch's end: with pairs of 350 to 550 MB that is 1.0 to 1.6 GB (and the ballast). Each
 * finished resolution adds one pair, each emergency one until it is pruned.
 */
export const defaultRetention: RetentionRules = {
  verified: 2,
  autos: 2,
  epochs: 1,
  stages: Infinity,
  emergencies: Infinity,
  everySteps: 0,
};

/** When the disk is full: automatic saves go first, down to the newest verified ones. */
export function underPressure(rules: RetentionRules): RetentionRules {
  return { ...rules, autos: 0 };
}

/** `other-run`: not a generation of the run that is being tidied. */
export type KeepReason =
  | "too-few-verified"
  | "newest-verified"
  | "newer-than-verified"
  | "kept-by-hand"
  | "newest-of-kind"
  | "every-so-many-steps"
  | "not-of-a-counted-kind"
  | "other-run";

export type RemoveReason = "names-deleted-by-hand" | "enough-newer-of-kind" | "not-verified" | "not-finite";

export interface RetentionDecision {
  /** Both newest first; together they are all that was given. */
  readonly kept: readonly { readonly id: string; readonly reason: KeepReason }[];
  readonly removed: readonly { readonly id: string; readonly reason: RemoveReason }[];
}

/**
 * @param generations in any order
 * @param run only this run's generations may go; undefined: every run is tidied, each by itself
 */
export function decideRetention(
  generations: readonly Keepable[],
  rules: RetentionRules,
  run?: string,
): RetentionDecision {
  const kept: { id: string; reason: KeepReason }[] = [];
  const removed: { id: string; reason: RemoveReason }[] = [];
  const newestFirst = [...generations].sort((a, b) => b.sequence - a.sequence);
  for (const one of newestFirst) {
    if (run !== undefined && one.run !== run) {
      kept.push({ id: one.id, reason: "other-run" });
      continue;
    }
    const siblings = newestFirst.filter((other) => other.run === one.run);
    const keep = keepReason(one, siblings, rules);
    if (keep !== undefined) kept.push({ id: one.id, reason: keep });
    else removed.push({ id: one.id, reason: removeReason(one) });
  }
  return { kept, removed };
}

function isGood(one: Keepable): boolean {
  return one.verified && one.nonFinite === 0;
}

function isUnwanted(one: Keepable): boolean {
  return one.kind === "emergency" && one.nameRemoved;
}

/** @param run the generations of one run, newest first, `one` among them */
function keepReason(one: Keepable, run: readonly Keepable[], rules: RetentionRules): KeepReason | undefined {
  const good = run.filter(isGood);
  const guards = good.slice(0, Math.max(1, rules.verified));
  if (guards.length < Math.max(1, rules.verified)) return "too-few-verified";
  if (guards.includes(one)) return "newest-verified";
  if (run.indexOf(one) < run.indexOf(guards.at(-1)!)) return "newer-than-verified";
  if (one.keptByHand) return "kept-by-hand";
  if (isUnwanted(one)) return undefined;
  const limit = limitOf(one.kind, rules);
  if (limit === undefined) return "not-of-a-counted-kind";
  // Only good ones count, so that spoilt saves never push out sound ones. An infinite limit keeps the spoilt, too.
  const sameKind = good.filter((other) => other.kind === one.kind).slice(0, limit);
  if (limit === Infinity || sameKind.includes(one)) return "newest-of-kind";
  if (rules.everySteps > 0 && isGood(one)) {
    const period = (other: Keepable) => Math.floor(other.step / rules.everySteps);
    if (good.findLast((other) => period(other) === period(one)) === one) return "every-so-many-steps";
  }
  return undefined;
}

/** undefined: made by hand, or brought from elsewhere; only a person removes it. */
function limitOf(kind: CheckpointKind, rules: RetentionRules): number | undefined {
  switch (kind) {
    case "auto":
      return rules.autos;
    case "epoch":
      return rules.epochs;
    case "stage":
      return rules.stages;
    case "emergency":
      return rules.emergencies;
    case "manual":
    case "imported":
      return undefined;
  }
}

function removeReason(one: Keepable): RemoveReason {
  if (isUnwanted(one)) return "names-deleted-by-hand";
  if (!one.verified) return "not-verified";
  return one.nonFinite > 0 ? "not-finite" : "enough-newer-of-kind";
}
