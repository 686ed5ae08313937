/**
 * Finding a checkpoint and reading it into memory. A training beside it may remove what was found before it is read: then
 * the reference means another one, or none.
 */
import type { Checkpoint } from "./checkpoint.js";
import { folderPath, hashInThread, isGone, nodeDisk, type Skipped } from "../store/index.js";
import type { Generation } from "./generation.js";
import { loadCheckpoint, type LoadOptions } from "./load.js";
import { resolveReference, type Resolved, type ResolveOptions } from "./resolve.js";
import { newestWhole, type Choice } from "./upkeep.js";

export interface Newest {
  readonly generation: Generation;
  readonly checkpoint: Checkpoint;
  /** Newer ones that were passed over because they are not whole. They stay where they are. */
  readonly skipped: readonly Skipped[];
}

/**
 * Loads the newest whole generation; undefined when there is none at all. Nothing of one whose files turn out to be damaged
 * is given away.
 * @throws what newestWhole and loadCheckpoint throw
 */
export async function loadNewest(
  weights: string,
  choice: Pick<Choice, "series" | "accepts">,
): Promise<Newest | undefined> {
  let loading: { readonly id: string; readonly checkpoint: Promise<Checkpoint> } | undefined;
  const found = await newestWhole(weights, {
    ...choice,
    hash: hashInThread,
    onCandidate(generation) {
      const checkpoint = loadCheckpoint(generation);
      // It is awaited once its files have turned out to be whole; of others, what is wrong is known by then.
      checkpoint.catch(() => undefined);
      loading = { id: generation.id, checkpoint };
    },
  });
  if (found === undefined) return undefined;
  const { generation, skipped } = found;
  try {
    const checkpoint =
      loading?.id === generation.id ? await loading.checkpoint : await loadCheckpoint(generation);
    return { generation, checkpoint, skipped };
  } catch (error) {
    if (await isGone(nodeDisk, folderPath(generation.folder))) return loadNewest(weights, choice);
    throw error;
  }
}

/** What a reference means, and its content. @throws what resolveReference and loadCheckpoint throw */
export async function loadReference(
  weights: string,
  reference: string,
  options: ResolveOptions & LoadOptions = {},
): Promise<Resolved & { readonly checkpoint: Checkpoint }> {
  const resolved = await resolveReference(weights, reference, options);
  const { source } = resolved;
  try {
    return { ...resolved, checkpoint: await loadCheckpoint(source, options) };
  } catch (error) {
    if (source.from !== "generation" || !(await isGone(nodeDisk, folderPath(source.generation.folder))))
      throw error;
    return loadReference(weights, reference, options);
  }
}
