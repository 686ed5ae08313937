/** Carries out what the retention policy decides. Nothing else in the store removes a generation. */
import { attempt } from "./attempt.js";
import type { StoreProblem } from "./checkpoint.js";
import { removeFolder } from "./commit.js";
import type { Disk } from "./disk.js";
import { emergencyNames, isPointedAt } from "./familiar.js";
import type { Generation } from "./generations.js";
import { checkpointsFolder, parseId } from "./names.js";
import {
  decideRetention,
  type Keepable,
  type RetentionDecision,
  type RetentionRules,
} from "./retention-policy.js";

export function keepableOf(generation: Generation): Keepable {
  return { ...generation, verified: generation.verifiedAt !== undefined };
}

/** What retention would do now. See decideRetention. */
export function planRetention(
  generations: readonly Generation[],
  rules: RetentionRules,
  run?: string,
): RetentionDecision {
  return decideRetention(generations.map(keepableOf), rules, run);
}

export interface Tidied {
  /** Ids. */
  readonly removed: readonly string[];
  readonly freed: number;
  /** Removals that did not work; the rest was done. */
  readonly problems: readonly StoreProblem[];
}

/**
 * Removes what `decision` says (but nothing that a familiar name still points at), oldest first, and the emergency names of those that go.
 * REQUIRES: the lock is held; `decision` was made from `generations`.
 */
export async function carryOut(
  disk: Disk,
  weights: string,
  generations: readonly Generation[],
  decision: RetentionDecision,
): Promise<Tidied> {
  const removed: string[] = [];
  const problems: StoreProblem[] = [];
  let freed = 0;
  for (const { id } of [...decision.removed].reverse()) {
    const generation = generations.find((one) => one.id === id)!;
    await attempt(problems, "removal", id, async () => {
      // The names could not be brought to a newer one: removing this one would leave half a pair of names.
      if (await isPointedAt(disk, weights, generation)) return;
      const stamp = parseId(id)?.stamp ?? "";
      const names =
        generation.kind === "emergency" ? await emergencyNames(disk, weights, generation, stamp) : [];
      // Names first: a crash in between leaves a generation without names, which the next removal takes along.
      for (const name of names) await disk.remove(name);
      if (names.length > 0) await disk.syncFolder(weights);
      await removeFolder(disk, checkpointsFolder(weights), id);
      removed.push(id);
      freed += generation.bytes;
    });
  }
  return { removed, freed, problems };
}
