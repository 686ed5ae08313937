/**
 * Carries out what the retention policy decides. Nothing else in the store removes a generation. A decision is made from the
 * folder as it is now and from files that are read now, and each removal looks once more at what a person may have done
 * meanwhile.
 */
import { emergencyNames, isPointedAt, nameEmergency } from "./aliases.js";
import { attempt, type StoreProblem } from "./attempt.js";
import { isMarkedKept, removeFolder } from "./commit.js";
import { isGone, listGenerations, type Generation, type Skipped } from "./generations.js";
import { generationsFolder, parseId } from "./names.js";
import { ownFiles } from "./recover.js";
import {
  decideRetention,
  type Keepable,
  type RemoveReason,
  type RetentionDecision,
  type RetentionRules,
} from "./retention-policy.js";
import type { Site } from "./site.js";
import { verifyGeneration } from "./verify.js";

function keepableOf(generation: Generation, verified: ReadonlySet<string> | undefined): Keepable {
  const { id, verifiedAt } = generation;
  return {
    ...generation,
    run: generation.lineage,
    verified: verifiedAt !== undefined || (verified?.has(id) ?? false),
  };
}

export interface Wish {
  readonly rules: RetentionRules;
  /** Only this lineage's generations may go; undefined: every one is tidied, each by itself. */
  readonly lineage?: string | undefined;
  /** Whether the newer ones of a kind must be whole, too, for which an older one goes. */
  readonly ofKind?: boolean | undefined;
  /** Ids of generations that count as verified although the disk did not take their mark. */
  readonly verified?: ReadonlySet<string> | undefined;
  /** Ids of generations that were read back just now; those that are read for this plan are added. */
  readonly proven?: Set<string> | undefined;
  /** Called beside reading; may throw to call it off. */
  readonly onRead?: (() => void) | undefined;
}

export interface Plan {
  /** What may go, oldest first. */
  readonly removals: readonly { readonly generation: Generation; readonly reason: RemoveReason }[];
  /** How many whole ones stay. */
  readonly kept: number;
  /** What was whole when it was saved, was counted on, and is not whole any more: it guards nothing, and stays. */
  readonly damaged: readonly Skipped[];
}

/** What may go now: nothing unless those that it leans on are whole when they are read for this. */
export async function planRemovals(site: Site, wish: Wish): Promise<Plan> {
  const proven = wish.proven ?? new Set<string>();
  const damaged = new Map<string, Skipped>();
  for (;;) {
    const whole = (await listGenerations(site)).whole.filter(({ id }) => !damaged.has(id));
    const decision = decideRetention(
      whole.map((one) => keepableOf(one, wish.verified)),
      wish.rules,
      wish.lineage,
    );
    const byId = new Map(whole.map((one) => [one.id, one]));
    const unread = [...leanedOn(decision, byId, wish)].filter((id) => !proven.has(id));
    if (unread.length === 0) {
      const removals = decision.removed.map(({ id, reason }) => ({ generation: byId.get(id)!, reason }));
      return { removals: removals.reverse(), kept: decision.kept.length, damaged: [...damaged.values()] };
    }
    for (const id of unread) {
      const generation = byId.get(id)!;
      const options = wish.onRead ? { onProgress: wish.onRead } : {};
      const { gone, damages } = await verifyGeneration(site, generation, options);
      const [damage] = damages;
      if (damage === undefined) proven.add(id);
      else if (!gone) damaged.set(id, { id, ...damage });
    }
  }
}

function leanedOn(
  { removed, kept, guards }: RetentionDecision,
  byId: ReadonlyMap<string, Generation>,
  { ofKind = false }: Wish,
): ReadonlySet<string> {
  const key = (id: string) => `${byId.get(id)!.lineage} ${byId.get(id)!.kind}`;
  const losing = new Set(removed.map(({ id }) => key(id)));
  const newer = kept.filter(({ id, reason }) => reason === "newest-of-kind" && losing.has(key(id)));
  return new Set([...guards, ...(ofKind ? newer.map(({ id }) => id) : [])]);
}

export interface Tidied {
  /** Ids. */
  readonly removed: readonly string[];
  readonly freed: number;
  /** Removals that did not work; the rest was done. */
  readonly problems: readonly StoreProblem[];
}

/**
 * Removes what a plan lets go, oldest first, and the emergency names of those that go.
 * REQUIRES: the lock is held.
 * @param atMost how many
 */
export async function carryOut(
  site: Site,
  { removals }: Pick<Plan, "removals">,
  atMost = Infinity,
): Promise<Tidied> {
  const removed: string[] = [];
  const problems: StoreProblem[] = [];
  let freed = 0;
  for (const { generation } of removals) {
    if (removed.length >= atMost) break;
    await attempt(problems, "removal", generation.id, async () => {
      if (!(await removeGeneration(site, generation))) return;
      removed.push(generation.id);
      freed += generation.bytes;
    });
  }
  return { removed, freed, problems };
}

/** @returns false when it stays (a person has marked it, or a familiar name points at it), or had gone already */
async function removeGeneration(site: Site, generation: Generation): Promise<boolean> {
  const { disk, weights, aliases } = site;
  const { id, folder, kind } = generation;
  if ((await isGone(disk, folder)) || (await isMarkedKept(disk, folder))) return false;
  // The names could not be brought to a newer one: removing this one would leave names of two saves.
  if (aliases && (await isPointedAt(disk, weights, generation))) return false;
  const stamp = parseId(id)?.stamp ?? "";
  const isNamed = aliases && kind === "emergency";
  const names = isNamed ? await emergencyNames(disk, weights, generation, stamp) : [];
  // Names first: a crash in between leaves a generation without names, which the next removal takes along.
  for (const name of names) await disk.remove(name);
  if (names.length > 0) await disk.syncFolder(weights);
  if (await removeFolder(disk, generationsFolder(site), id)) return true;
  // Marked in the last moment: it stands where it was, and gets its names back.
  if (names.length > 0)
    await nameEmergency(disk, weights, generation, stamp, await ownFiles(site, [generation]));
  return false;
}
