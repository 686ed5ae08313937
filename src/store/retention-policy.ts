/**
 * What to keep: a pure decision with a reason for every generation. It removes nothing itself.
 *
 * The rule above all others: nothing goes unless enough newer generations of the same run have been read back and are
 * finite: its guards, which whoever removes reads once more before. What is not finite guards nothing and is worth little,
 * so only the newest of it stay. Everything else is a matter of taste, and has numbers.
 */
import type { CheckpointKind } from "./names.js";

/** What the policy needs to know of a generation. */
export interface Keepable {
  readonly id: string;
  /** Higher is newer. */
  readonly sequence: number;
  readonly run: string;
  readonly kind: CheckpointKind;
  /** undefined where it is not known: no rule about steps keeps it. */
  readonly step: number | undefined;
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
  /** With NaN or infinite values, of all counted kinds together: newer ones prove the fault as well. 2 when left out. */
  readonly spoilt?: number | undefined;
  /** One generation for every so many steps stays for good; 0: none. */
  readonly everySteps: number;
}

const newestSpoilt = 2;

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
  spoilt: newestSpoilt,
  everySteps: 0,
};

/** Emergency saves that stay as long as anything else makes enough room. */
const fewEmergencies = 3;

/**
 * When the disk is full: what may go so that a save finds room, one after the other. Automatic saves of this run first, down
 * to the newest verified ones; then old emergencies of every run, down to a few; then down to as many as `prune` leaves.
 */
export function underPressure(
  rules: RetentionRules,
): readonly { readonly rules: RetentionRules; readonly everyRun: boolean }[] {
  const autosGone = { ...rules, autos: 0, spoilt: 0 };
  const emergencies = (count: number) => ({
    rules: { ...autosGone, emergencies: Math.min(rules.emergencies, count) },
    everyRun: true,
  });
  return [{ rules: autosGone, everyRun: false }, emergencies(fewEmergencies), emergencies(1)];
}

/** `other-run`: not a generation of the run that is being tidied. */
export type KeepReason =
  | "too-few-verified"
  | "newest-verified"
  | "newer-than-verified"
  | "kept-by-hand"
  | "newest-of-kind"
  | "newest-spoilt"
  | "every-so-many-steps"
  | "not-of-a-counted-kind"
  | "other-run";

export type RemoveReason = "names-deleted-by-hand" | "enough-newer-of-kind" | "not-verified" | "not-finite";

export interface RetentionDecision {
  /** Both newest first; together they are all that was given. */
  readonly kept: readonly { readonly id: string; readonly reason: KeepReason }[];
  readonly removed: readonly { readonly id: string; readonly reason: RemoveReason }[];
  /** Ids of what must be whole so that `removed` may go: the newest verified ones of each run that loses something. */
  readonly guards: readonly string[];
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
  const guards = new Set<string>();
  const newestFirst = [...generations].sort((a, b) => b.sequence - a.sequence);
  for (const one of newestFirst) {
    if (run !== undefined && one.run !== run) {
      kept.push({ id: one.id, reason: "other-run" });
      continue;
    }
    const siblings = newestFirst.filter((other) => other.run === one.run);
    const keep = keepReason(one, siblings, rules);
    if (keep !== undefined) kept.push({ id: one.id, reason: keep });
    else {
      removed.push({ id: one.id, reason: removeReason(one) });
      const leaning = isSpoilt(one) ? [] : guardsOf(siblings, rules);
      for (const guard of leaning) guards.add(guard.id);
    }
  }
  return { kept, removed, guards: [...guards] };
}

function guardsOf(run: readonly Keepable[], { verified }: RetentionRules): readonly Keepable[] {
  return run.filter(isGood).slice(0, Math.max(1, verified));
}

function isGood(one: Keepable): boolean {
  return one.verified && one.nonFinite === 0;
}

/** Read back and found as it was written: not all of it numbers. What a person has made or marked is not counted. */
function isSpoilt(one: Keepable): boolean {
  return one.verified && one.nonFinite > 0 && !one.keptByHand && isCounted(one.kind);
}

function isNewestSpoilt(one: Keepable, run: readonly Keepable[], { spoilt }: RetentionRules): boolean {
  if (isUnwanted(one)) return false;
  return run
    .filter(isSpoilt)
    .slice(0, Math.max(0, spoilt ?? newestSpoilt))
    .includes(one);
}

function isCounted(kind: CheckpointKind): boolean {
  return kind !== "manual" && kind !== "imported";
}

function isUnwanted(one: Keepable): boolean {
  return one.kind === "emergency" && one.nameRemoved;
}

/** @param run the generations of one run, newest first, `one` among them */
function keepReason(one: Keepable, run: readonly Keepable[], rules: RetentionRules): KeepReason | undefined {
  if (isSpoilt(one)) return isNewestSpoilt(one, run, rules) ? "newest-spoilt" : undefined;
  const good = run.filter(isGood);
  const guards = guardsOf(run, rules);
  if (guards.length < Math.max(1, rules.verified)) return "too-few-verified";
  if (guards.includes(one)) return "newest-verified";
  if (run.indexOf(one) < run.indexOf(guards.at(-1)!)) return "newer-than-verified";
  if (one.keptByHand) return "kept-by-hand";
  if (isUnwanted(one)) return undefined;
  const limit = limitOf(one.kind, rules);
  if (limit === undefined) return "not-of-a-counted-kind";
  // Only good ones count, so that spoilt saves never push out sound ones. An infinite limit keeps those never read back, too.
  const sameKind = good.filter((other) => other.kind === one.kind).slice(0, limit);
  if (limit === Infinity || sameKind.includes(one)) return "newest-of-kind";
  if (rules.everySteps > 0 && isGood(one)) {
    const period = ({ step }: Keepable) => step !== undefined && Math.floor(step / rules.everySteps);
    if (one.step !== undefined && good.findLast((other) => period(other) === period(one)) === one)
      return "every-so-many-steps";
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
