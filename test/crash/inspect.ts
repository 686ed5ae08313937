/** What a user would find in a weights folder: every `.pth` opened, its pair loaded, its numbers compared. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  listGenerations,
  loadCheckpoint,
  resolveReference,
  verifyGeneration,
  type Checkpoint,
} from "../../src/checkpoint/index.js";
import { sample } from "./numbers.js";

export interface Findings {
  unreadable: string[];
  mixed: string[];
}

/**
 * @param expected the checkpoint that was saved at this step
 * @param skip names that need no look
 */
export async function inspect(
  folder: string,
  expected: (loaded: Checkpoint) => Checkpoint,
  skip: (name: string) => boolean = () => false,
): Promise<Findings> {
  const findings: Findings = { unreadable: [], mixed: [] };
  const verified = new Set<string>();
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(".pth") || name.startsWith(".") || skip(name)) continue;
    try {
      const { source } = await resolveReference(folder, join(folder, name));
      // Both files of a pair stand for the same generation.
      if (source.from === "generation") {
        if (verified.has(source.generation.id)) continue;
        verified.add(source.generation.id);
      }
      const loaded = await loadCheckpoint(source);
      if (!sameNumbers(loaded, expected(loaded))) findings.mixed.push(name);
    } catch (error) {
      findings.unreadable.push(`${name}: ${String(error)}`);
    }
  }
  // What says of itself that it is whole must be.
  for (const generation of (await listGenerations(folder)).whole) {
    if (skip(generation.id) || verified.has(generation.id)) continue;
    const [damage] = (await verifyGeneration(generation)).damages;
    if (damage !== undefined) findings.unreadable.push(`${generation.id}: ${damage.reason}`);
  }
  return findings;
}

export function sameNumbers(one: Checkpoint, other: Checkpoint): boolean {
  for (const [network, { stateDict }] of one.networks) {
    for (const [name, { data }] of stateDict) {
      const expected = other.networks.get(network)!.stateDict.get(name)!.data;
      if (!Buffer.from(data.buffer).equals(Buffer.from(expected.buffer))) return false;
    }
  }
  return true;
}

/** The checkpoint that `sample` makes for a loaded one's step. */
export function original(size?: number): (loaded: Checkpoint) => Checkpoint {
  return ({ step, kind }) => sample(step, kind, size);
}
