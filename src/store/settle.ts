/** What follows a commit: the proof by reading back, and then names and marks, which may fail without harm. */
import { basename } from "node:path";
import { GuardapesosError, type Damage } from "../base/errors.js";
import { nameEmergency, pointFamiliar, type NamedFile } from "./aliases.js";
import { attempt, type StoreProblem } from "./attempt.js";
import { markVerified, type Committed } from "./commit.js";
import { holds } from "./compare.js";
import { damageOf, readGeneration, readManifest, type Generation } from "./generations.js";
import { hashFile } from "./hash-file.js";
import type { Manifest } from "./manifest.js";
import { generationFolder, parseId } from "./names.js";
import { ownFiles } from "./recover.js";
import type { Session } from "./session.js";
import { isRepeat, verifyGeneration } from "./verify.js";

/**
 * Reads a committed generation back.
 * @param pieces what was to be written, by file; without them the files are held against their manifest
 * @throws SAVE_NOT_VERIFIED
 */
export async function prove(
  session: Session,
  id: string,
  pieces?: Committed["pieces"],
  onProgress: (share: number) => void = () => undefined,
): Promise<Generation> {
  const disproved = (damage: Damage) => new GuardapesosError("SAVE_NOT_VERIFIED", { id, ...damage });
  const { disk } = session;
  const generation = await readGeneration(disk, generationFolder(session, id), id, session).catch(
    (error: unknown) => {
      const damage = damageOf(error);
      throw damage === undefined ? error : disproved(damage);
    },
  );
  const damaged = pieces && (await firstDifferent(session, generation, pieces, onProgress));
  if (pieces && damaged === undefined) return generation;
  // The manifest's digests tell where the fault is, if it is in a tensor.
  const [fault] = (await verifyGeneration(session, generation, { deep: true })).damages;
  if (fault !== undefined) throw disproved(fault);
  if (damaged !== undefined) throw disproved({ file: damaged, reason: "checksum" });
  return generation;
}

/** The name of the first file that is not what was to be written; undefined when all are. */
async function firstDifferent(
  { disk }: Session,
  generation: Generation,
  pieces: Committed["pieces"],
  onProgress: (share: number) => void,
): Promise<string | undefined> {
  let read = 0;
  const onRead = (bytes: number): void => {
    read += bytes;
    onProgress(Math.min(1, read / generation.bytes));
  };
  for (const { name, path, digest } of generation.files) {
    const own = pieces.get(name);
    // What was copied is in no memory: it is held against the digest that was taken of it then.
    const equal = own
      ? await holds(disk, path, own, onRead)
      : `sha256:${await hashFile(disk, path, { onRead })}` === digest;
    if (!equal) return basename(path);
  }
  return undefined;
}

/** Whether the weights are still the parent's although steps have passed. */
export async function isStale(session: Session, manifest: Manifest): Promise<boolean> {
  const { disk, parent } = session;
  if (parent === undefined) return false;
  try {
    return isRepeat(await readManifest(disk, generationFolder(session, parent), parent), manifest);
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
  const inside = generation.files.map(({ path, bytes }) => ({ path, bytes }));
  if (!session.aliases) {
    await attempt(problems, "mark", id, () => markVerified(disk, generation, generation.verifiedAt!));
    return { files: inside, movedAside: [] };
  }
  const ours = await ownFiles(session, [generation, ...older]);
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
