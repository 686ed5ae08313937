/** Tidying up on request: what would go, what it would free, and doing it. */
import { setTimeout as wait } from "node:timers/promises";
import { GuardapesosError } from "../base/errors.js";
import type { StoreProblem } from "./attempt.js";
import { isMarkedKept, markKept } from "./commit.js";
import { codeOf, diskError } from "./disk.js";
import { refuseLink } from "./folder.js";
import { listGenerations, type Generation, type Skipped } from "./generations.js";
import { takeLock } from "./lock.js";
import { generationsFolder } from "./names.js";
import { defaultRetention, type RemoveReason, type RetentionRules } from "./retention-policy.js";
import type { Site } from "./site.js";
import { carryOut, planRemovals } from "./tidy.js";

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
  /** How many whole ones stay. */
  readonly kept: number;
  /** What is not whole any more although it was when it was saved: it is not counted on, and stays. */
  readonly damaged: readonly Skipped[];
  readonly problems: readonly StoreProblem[];
}

/** Beside what retention always does: of the emergencies only the newest one stays. Every lineage is tidied. */
export const pruneRules: RetentionRules = { ...defaultRetention, emergencies: 1 };

/**
 * Removes generations by the rules, or says which it would. The newest verified ones of every run always stay, and nothing
 * goes unless they, and the newer ones of its kind, are whole when they are read for this.
 * @throws WEIGHTS_IN_USE when a training is using the folder (not in a dry run)
 */
export async function prune(site: Site, options: PruneOptions = {}): Promise<PruneReport> {
  const { disk, weights } = site;
  const folder = generationsFolder(site);
  const rules = { ...pruneRules, ...options.rules };
  const plan = async (): Promise<PruneReport> => {
    const { removals, kept, damaged } = await planRemovals(site, { rules, ofKind: true });
    const freed = removals.reduce((sum, { generation }) => sum + generation.bytes, 0);
    const emergenciesFirst = [...removals].sort((a, b) => rank(a.generation) - rank(b.generation));
    return { removals: emergenciesFirst, removed: [], freed, kept, damaged, problems: [] };
  };
  try {
    await refuseLink(disk, folder);
    const isThere = (await disk.info(folder))?.kind === "folder";
    if ((options.dryRun ?? false) || !isThere) return await plan();
    const lock = await takeLock(disk, folder, weights, { purpose: "prune" });
    try {
      const planned = await plan();
      return { ...planned, ...(await carryOut(site, planned)) };
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

/** For how long a generation is waited for that a removal under way has taken and may put back; between two looks. In ms. */
const [putBackWithin, interval] = [2000, 50];

const failureOf = (work: Promise<void>): Promise<Error | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => error as Error,
  );

/**
 * Marks a generation so that nothing removes it but a person, or takes the mark away. Works while a training runs; when this
 * returns, the generation is there and marked.
 * @throws CHECKPOINT_NOT_FOUND also when it has been removed meanwhile
 */
export async function keepByHand(site: Site, id: string, keep: boolean): Promise<Generation> {
  const { disk, weights } = site;
  const notFound = async () => {
    const known = (await listGenerations(site)).whole.slice(0, 5).map((one) => one.id);
    return new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference: id, known });
  };
  try {
    const generation = (await listGenerations(site)).whole.find((one) => one.id === id);
    if (generation === undefined) throw await notFound();
    for (let waited = 0; ; waited += interval) {
      const error = await failureOf(markKept(disk, generation, keep));
      const isThere = (await disk.info(generation.folder)) !== undefined;
      if (isThere && (await isMarkedKept(disk, generation.folder)) === keep) break;
      // Somebody else marks it at this moment, or a removal has taken it and may put it back.
      const isRace = error === undefined || ["ENOENT", "EEXIST"].includes(codeOf(error) ?? "");
      if (error !== undefined && !isRace) throw error;
      if (waited >= putBackWithin) throw (isThere && error) || (await notFound());
      await wait(interval);
    }
    return { ...generation, keptByHand: keep };
  } catch (error) {
    throw diskError(error, weights, 0, undefined);
  }
}
