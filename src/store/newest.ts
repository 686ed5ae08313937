/** The generation to go on from. */
import { GuardapesosError } from "../base/errors.js";
import { listGenerations, type Generation, type Skipped } from "./generations.js";
import { manifestFile, parseId, type CheckpointKind, type Series } from "./names.js";
import { isOf } from "./series.js";
import type { Site } from "./site.js";
import { verifyGeneration } from "./verify.js";

/** Which generations count; all when left out. */
export interface Choice {
  readonly series?: Series | undefined;
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
  readonly kind?: CheckpointKind | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
  /** As in VerifyOptions. */
  readonly hash?: ((path: string) => Promise<string>) | undefined;
  /** Told of each generation right before its files are read. */
  readonly onCandidate?: ((generation: Generation) => void) | undefined;
}

/**
 * The newest finite generation whose files have the right SHA-256, read now; undefined when there is none at all.
 * @throws CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_NEWER when there are some and not one is whole, also when what is damaged
 *   cannot tell whether it was chosen: nobody should start anew without knowing
 * @throws WEIGHTS_NOT_FINITE when all that are whole hold values that are not numbers
 */
export async function newestWhole(
  site: Site,
  choice: Choice = {},
): Promise<{ generation: Generation; skipped: readonly Skipped[] } | undefined> {
  const { series, accepts = () => true, kind, onProgress, hash, onCandidate } = choice;
  const { whole, damaged } = await listGenerations(site);
  const isOfKind = (id: string) => kind === undefined || parseId(id)?.kind === kind;
  const unreadable = damaged.filter(({ id }) => isOfKind(id)).sort(youngestFirst);
  const skipped: Skipped[] = [];
  for (const generation of whole) {
    if (!isOfKind(generation.id) || (series !== undefined && !isOf(generation, series))) continue;
    if (!accepts(generation)) continue;
    const { id, nonFinite: values } = generation;
    if (values > 0) {
      skipped.push({ id, file: manifestFile, reason: "not-finite", values });
      continue;
    }
    onCandidate?.(generation);
    const options = { ...(onProgress && { onProgress }), ...(hash && { hash }) };
    const { gone, damages } = await verifyGeneration(site, generation, options);
    // A training has removed it, and so has newer ones.
    if (gone) return newestWhole(site, choice);
    const [fault] = damages;
    if (fault === undefined) {
      const newer = unreadable.filter((one) => youngestFirst(one, { id }) <= 0);
      return { generation, skipped: [...newer, ...skipped] };
    }
    skipped.push({ id, ...fault });
  }
  const [lost] = [...skipped, ...unreadable];
  if (lost !== undefined) throw uselessness(lost);
  return undefined;
}

/** A manifest that cannot be read has no place in the order; the stamp in the name is all there is. */
function youngestFirst(one: { readonly id: string }, other: { readonly id: string }): number {
  const stamp = ({ id }: { readonly id: string }) => parseId(id)?.stamp ?? "";
  return stamp(other).localeCompare(stamp(one)) || other.id.localeCompare(one.id);
}

function uselessness(skipped: Skipped): GuardapesosError {
  const { id } = skipped;
  switch (skipped.reason) {
    case "newer-format":
      return new GuardapesosError("CHECKPOINT_FORMAT_NEWER", { id, format: skipped.format });
    case "not-finite":
      return new GuardapesosError("WEIGHTS_NOT_FINITE", { id, values: skipped.values });
    default:
      return new GuardapesosError("CHECKPOINT_DAMAGED", skipped);
  }
}
