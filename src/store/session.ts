/** What an opened store knows beyond the disk, and what it gives a new generation: a free name and its place in the order. */
import { randomBytes } from "node:crypto";
import type { Identity, SaveRequest } from "./artifact.js";
import type { GenerationId, Lineage, SaveId, Sequence } from "./brands.js";
import type { Generation } from "./generations.js";
import type { Lock } from "./lock.js";
import {
  emergencyName,
  generationId,
  generationsFolder,
  stampOf,
  temporaryName,
  trashName,
  type CheckpointKind,
  type Series,
} from "./names.js";
import type { RetentionRules } from "./retention-policy.js";
import type { Site } from "./site.js";

/** What an opened store knows beyond the disk. */
export interface Session extends Site {
  readonly series: Series;
  readonly lock: Lock;
  /** Whether the file system has hard links. */
  readonly links: boolean;
  readonly rules: RetentionRules;
  readonly lineage: Lineage;
  /** The generation saved last, or that training went on from. */
  parent: GenerationId | undefined;
  /** The highest sequence ever seen here. A manifest that cannot be read for a moment must not let the count begin again. */
  sequence: Sequence;
  /** Ids of what was read back in this session, whether or not the disk took the mark. */
  readonly verified: Set<string>;
  /** Of all series of the store: whether an emergency save, or the end, cannot wait. What can is called off then. */
  readonly hurry: { isUrgent: boolean };
}

const newToken = (): string => randomBytes(16).toString("hex");
const newSaveId = (): SaveId => newToken() as SaveId;
export const newLineage = (): Lineage => newToken() as Lineage;

/** Whole copies of a generation that its names take, where the file system has no hard links. */
export function copiesOf(
  { links, aliases }: Pick<Session, "links" | "aliases">,
  kind: CheckpointKind,
): number {
  return links || !aliases ? 0 : kind === "emergency" ? 2 : 1;
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
  {
    step,
    kind,
    artifacts,
  }: Pick<SaveRequest, "step" | "kind"> & {
    readonly artifacts: readonly { readonly name: string }[];
  },
  older: readonly Generation[],
): Promise<Identity> {
  const { disk, weights, series } = session;
  session.sequence = (1 + Math.max(session.sequence, ...older.map((one) => one.sequence))) as Sequence;
  const now = new Date();
  const taken = new Set(await disk.list(generationsFolder(session)));
  const isNamed = kind === "emergency" && session.aliases;
  const names = new Set(isNamed ? await disk.list(weights) : []);
  const counted = step === undefined ? { save: session.sequence } : { step };
  for (let copy = 1; ; copy++) {
    const stamp = stampOf(now, copy);
    const id = generationId(counted, kind, stamp);
    const folders = [id, temporaryName(id), trashName(id)];
    const emergencies = artifacts.map(({ name }) => emergencyName(name, stamp));
    if (folders.some((name) => taken.has(name)) || emergencies.some((name) => names.has(name))) continue;
    return {
      id,
      sequence: session.sequence,
      saveId: newSaveId(),
      lineage: session.lineage,
      parent: session.parent ?? null,
      ...series,
      savedAt: now.toISOString(),
    };
  }
}
