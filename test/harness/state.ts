/** Everything that a checkpoint holds as text that can be compared: tensors as hashes of their bytes, and the place. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { NamedArray } from "../../src/base/named-arrays.js";
import {
  listGenerations,
  loadCheckpoint,
  resolveReference,
  type Checkpoint,
  type Generation,
} from "../../src/checkpoint/index.js";

/** SHA-256 of an array's shape and bytes. */
export function hashOf({ shape, data }: NamedArray): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return createHash("sha256").update(`${shape.join()}\n`).update(bytes).digest("hex").slice(0, 20);
}

/** Weights, moments, Adam's counters, loss scales, and where training stands, by name. */
export type State = Readonly<Record<string, string | number>>;

export function stateOf({ step, networks, progress }: Checkpoint): State {
  const state: Record<string, string | number> = { step, place: JSON.stringify(progress["place"]) };
  const { scales } = progress;
  if (scales !== undefined) state["scales"] = JSON.stringify(scales);
  for (const [network, { stateDict, adam }] of networks) {
    for (const [name, array] of stateDict) state[`${network} ${name}`] = hashOf(array);
    for (const [name, entry] of adam?.entries ?? []) {
      state[`${network} ${name} exp_avg`] = hashOf(entry.expAvg);
      state[`${network} ${name} exp_avg_sq`] = hashOf(entry.expAvgSq);
      state[`${network} ${name} adam step`] = entry.step;
    }
  }
  return state;
}

/** The state of the checkpoint that a reference means. */
export async function stateAt(weights: string, reference = "latest"): Promise<State> {
  const { source } = await resolveReference(weights, reference);
  return stateOf(await loadCheckpoint(source));
}

/** Newest first. Fails when one of them is damaged. */
export async function generationsIn(weights: string): Promise<readonly Generation[]> {
  const { whole, damaged } = await listGenerations(weights);
  if (damaged.length > 0) throw new Error(JSON.stringify(damaged));
  return whole;
}

/** Every file under a folder with the hash of its bytes, to prove that nothing was written. */
export async function filesIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = files.sort().map(async (path) => {
    const hash = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    return [relative(folder, path), hash] as const;
  });
  return Object.fromEntries(await Promise.all(hashed));
}
