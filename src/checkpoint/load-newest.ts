/** What a training goes on from: looking whether the newest generation is whole and reading it into memory, at once. */
import type { Checkpoint } from "./checkpoint.js";
import { hashInThread } from "./disk-hash.js";
import type { Generation, Skipped } from "./generations.js";
import { loadCheckpoint } from "./load.js";
import type { Series } from "./names.js";
import { newestWhole } from "./resolve.js";

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
export async function loadNewest(weights: string, series: Series): Promise<Newest | undefined> {
  let loading: { readonly id: string; readonly checkpoint: Promise<Checkpoint> } | undefined;
  const found = await newestWhole(weights, {
    series,
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
  const checkpoint =
    loading?.id === generation.id ? await loading.checkpoint : await loadCheckpoint(generation);
  return { generation, checkpoint, skipped };
}
