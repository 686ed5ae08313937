/** What follows a commit: the proof by reading back, and then names and marks, which may fail without harm. */
import { basename } from "node:path";
import { GuardapesosError, type Damage } from "../base/errors.js";
import { attempt } from "./attempt.js";
import type { StoreProblem } from "./checkpoint.js";
import { markVerified, type Committed } from "./commit.js";
import { holds } from "./compare.js";
import { nameEmergency, pointFamiliar, type NamedFile } from "./familiar.js";
import { damageOf, readGeneration, readManifest, type Generation } from "./generations.js";
import type { Disk } from "./disk.js";
import type { Manifest } from "./manifest.js";
import { generationFolder, parseId } from "./names.js";
import { ownFiles } from "./recover.js";
import type { Session } from "./session.js";
import { isRepeat, verifyGeneration } from "./verify.js";

/**
 * Reads a committed generation back.
 * @param pieces what was to be written, by network; without them the files are held against their manifest
 * @throws SAVE_NOT_VERIFIED
 */
export async function prove(
  { disk, weights }: Session,
  id: string,
  pieces?: Committed["pieces"],
  onProgress: (share: number) => void = () => undefined,
): Promise<Generation> {
  const disproved = (damage: Damage) => new GuardapesosError("SAVE_NOT_VERIFIED", { id, ...damage });
  const generation = await readGeneration(disk, generationFolder(weights, id), id, weights).catch(
    (error: unknown) => {
      const damage = damageOf(error);
      throw damage === undefined ? error : disproved(damage);
    },
  );
  const damaged = pieces && (await firstDifferent(disk, generation, pieces, onProgress));
  if (pieces && damaged === undefined) return generation;
  // The manifest's digests tell where the fault is, if it is in a tensor.
  const [fault] = (await verifyGeneration(generation, { deep: true }, disk)).damages;
  if (fault !== undefined) throw disproved(fault);
  if (damaged !== undefined) throw disproved({ file: damaged, reason: "checksum" });
  return generation;
}

/** The name of the first file that is not what was to be written; undefined when all are. */
async function firstDifferent(
  disk: Disk,
  generation: Generation,
  pieces: Committed["pieces"],
  onProgress: (share: number) => void,
): Promise<string | undefined> {
  let read = 0;
  for (const { network, path } of generation.files) {
    const equal = await holds(disk, path, pieces.get(network) ?? [], (bytes) => {
      read += bytes;
      onProgress(Math.min(1, read / generation.bytes));
    });
    if (!equal) return basename(path);
  }
  return undefined;
}

/** Whether the weights are still the parent's although steps have passed. */
export async function isStale({ disk, weights, parent }: Session, manifest: Manifest): Promise<boolean> {
  if (parent === undefined) return false;
  try {
    return isRepeat(await readManifest(disk, generationFolder(weights, parent), parent), manifest);
  } catch {
    return false; // the parent is gone or damaged: nothing to compare with
  }
}

/** After the proof: emergency names, the mark, the familiar names, in this order. */
export async function settle(
  session: Session,
  generation: Generation,
  older: readonly Generation[],
  problems: StoreProblem[],
): Promise<{ files: readonly NamedFile[]; movedAside: readonly string[] }> {
  const { disk, weights } = session;
  const { id } = generation;
  const ours = await ownFiles(disk, weights, [generation, ...older]);
  const inside = generation.files.map(({ path, bytes }) => ({ path, bytes }));
  const stamp = parseId(id)?.stamp ?? "";
  const emergency =
    generation.kind === "emergency"
      ? await attempt(problems, "emergency-names", id, () =>
          nameEmergency(disk, weights, generation, stamp, ours),
        )
      : undefined;
  // Without its names it is not marked: the next start tries again (a mark without names means: deleted by hand).
  if (generation.kind !== "emergency" || emergency !== undefined) {
    await attempt(problems, "mark", id, () => markVerified(disk, generation, generation.verifiedAt!));
  }
  const familiar =
    generation.nonFinite === 0
      ? await attempt(problems, "familiar-names", id, () => pointFamiliar(disk, weights, generation, ours))
      : undefined;
  const files = generation.kind === "emergency" ? emergency : familiar?.files;
  return { files: files ?? inside, movedAside: familiar?.movedAside ?? [] };
}
