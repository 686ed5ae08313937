/** What an opened store knows beyond the disk, and what it gives a new generation: a free name and its place in the order. */
import { randomBytes } from "node:crypto";
import type { CheckpointKind } from "./checkpoint.js";
import type { Identity } from "./commit.js";
import type { Disk } from "./disk.js";
import type { Generation } from "./generations.js";
import type { Lock } from "./lock.js";
import {
  checkpointsFolder,
  emergencyName,
  generationId,
  stampOf,
  temporaryName,
  trashName,
  type Series,
} from "./names.js";
import type { RetentionRules } from "./retention-policy.js";

/** What an opened store knows beyond the disk. */
export interface Session {
  readonly disk: Disk;
  readonly weights: string;
  readonly series: Series;
  readonly lock: Lock;
  /** Whether the file system has hard links. */
  readonly links: boolean;
  readonly rules: RetentionRules;
  readonly run: string;
  /** The generation saved last, or that training went on from. */
  parent: string | undefined;
  /** The highest sequence ever seen here. A manifest that cannot be read for a moment must not let the count begin again. */
  sequence: number;
  /** Ids of what was read back in this session, whether or not the disk took the mark. */
  readonly verified: Set<string>;
  /** Something that cannot wait: an emergency save, or the end. What can is called off then. */
  urgent: boolean;
}

export function newToken(): string {
  return randomBytes(16).toString("hex");
}

/** Whole copies of a checkpoint that its names take, where the file system has no hard links. */
export function copiesOf({ links }: Pick<Session, "links">, kind: CheckpointKind): number {
  return links ? 0 : kind === "emergency" ? 2 : 1;
}

/** undefined: the file system does not say. */
export async function freeSpace({
  disk,
  weights,
}: Pick<Session, "disk" | "weights">): Promise<number | undefined> {
  return disk.freeSpace(weights).catch(() => undefined);
}

/** A name that nothing has yet, and the place in the order. */
export async function identify(
  session: Session,
  content: { readonly step: number; readonly kind: CheckpointKind; readonly networks: readonly string[] },
  older: readonly Generation[],
): Promise<Identity> {
  const { disk, weights, series } = session;
  session.sequence = 1 + Math.max(session.sequence, ...older.map((one) => one.sequence));
  const now = new Date();
  const taken = new Set(await disk.list(checkpointsFolder(weights)));
  const names = new Set(content.kind === "emergency" ? await disk.list(weights) : []);
  for (let copy = 1; ; copy++) {
    const stamp = stampOf(now, copy);
    const id = generationId(content.step, content.kind, stamp);
    const folders = [id, temporaryName(id), trashName(id)];
    const emergencies = content.networks.map((network) => emergencyName(network, stamp));
    if (folders.some((name) => taken.has(name)) || emergencies.some((name) => names.has(name))) continue;
    return {
      id,
      sequence: session.sequence,
      pair: newToken(),
      run: session.run,
      parent: session.parent ?? null,
      ...series,
      savedAt: now.toISOString(),
    };
  }
}
