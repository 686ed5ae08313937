/** Tidying up on request: what would go, what it would free, and doing it. */
import { GuardapesosError } from "../base/errors.js";
import type { StoreProblem } from "./checkpoint.js";
import { markKept } from "./commit.js";
import { diskError, nodeDisk, type Disk } from "./disk.js";
import { listGenerations, type Generation } from "./generations.js";
import { takeLock } from "./lock.js";
import { checkpointsFolder } from "./names.js";
import { defaultRetention, type RemoveReason, type RetentionRules } from "./retention-policy.js";
import { carryOut, planRetention } from "./tidy.js";

export interface PruneOptions {
  /** Over `pruneRules`. */
  readonly rules?: Partial<RetentionRules> | undefined;
  /** Only say what would go. */
  readonly dryRun?: boolean | undefined;
}

export interface PruneReport {
  /** What goes, old emergencies first. */
  readonly removals: readonly { readonly generation: Generation; readonly reason: RemoveReason }[];
  /** Ids that are gone now; none in a dry run. */
  readonly removed: readonly string[];
  /** Bytes that were freed, or would be. */
  readonly freed: number;
  readonly kept: number;
  readonly problems: readonly StoreProblem[];
}

/** Beside what retention always does: of the emergencies only the newest one stays. Every run is tidied. */
export const pruneRules: RetentionRules = { ...defaultRetention, emergencies: 1 };

/**
 * Removes generations by the rules, or says which it would. The newest verified ones of every run always stay.
 * @throws WEIGHTS_IN_USE when a training is using the folder (not in a dry run)
 */
export async function prune(
  weights: string,
  options: PruneOptions = {},
  disk: Disk = nodeDisk,
): Promise<PruneReport> {
  const rules = { ...pruneRules, ...options.rules };
  const plan = async () => {
    const { whole } = await listGenerations(weights, disk);
    const decision = planRetention(whole, rules);
    const byId = new Map(whole.map((one) => [one.id, one]));
    const removals = decision.removed
      .map(({ id, reason }) => ({ generation: byId.get(id)!, reason }))
      .sort(
        (a, b) => rank(a.generation) - rank(b.generation) || a.generation.sequence - b.generation.sequence,
      );
    const freed = removals.reduce((sum, { generation }) => sum + generation.bytes, 0);
    return {
      whole,
      decision,
      report: { removals, removed: [], freed, kept: decision.kept.length, problems: [] },
    };
  };
  try {
    const isThere = (await disk.info(checkpointsFolder(weights)))?.kind === "folder";
    if ((options.dryRun ?? false) || !isThere) return (await plan()).report;
    const lock = await takeLock(disk, checkpointsFolder(weights), weights);
    try {
      const { whole, decision, report } = await plan();
      const { removed, freed, problems } = await carryOut(disk, weights, whole, decision);
      return { ...report, removed, freed, problems };
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw diskError(error, weights, 0, undefined);
  }
}

function rank({ kind }: Generation): number {
  return kind === "emergency" ? 0 : 1;
}

/**
 * Marks a generation so that nothing removes it but a person, or takes the mark away. Works while a training runs.
 * @throws CHECKPOINT_NOT_FOUND
 */
export async function keepByHand(
  weights: string,
  id: string,
  keep: boolean,
  disk: Disk = nodeDisk,
): Promise<Generation> {
  try {
    const { whole } = await listGenerations(weights, disk);
    const generation = whole.find((one) => one.id === id);
    if (generation === undefined) {
      const known = whole.slice(0, 5).map((one) => one.id);
      throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: id, known });
    }
    await markKept(disk, generation, keep);
    return { ...generation, keptByHand: keep };
  } catch (error) {
    throw diskError(error, weights, 0, undefined);
  }
}
