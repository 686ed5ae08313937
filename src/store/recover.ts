/** What opening a weights folder for writing does first: it brings to an end whatever a crash has interrupted. */
import { nameEmergency, pointFamiliar, type Ours } from "./aliases.js";
import { attempt, type StoreProblem } from "./attempt.js";
import { markVerified, removeLeftovers } from "./commit.js";
import { listGenerations, type Generation, type Skipped } from "./generations.js";
import { readJournal } from "./journal.js";
import { generationsFolder, parseId, type Series } from "./names.js";
import { hasNames } from "./series.js";
import type { Site } from "./site.js";
import { sha256Of } from "./artifact.js";
import { folderPath, type Lineage, type Sequence } from "./brands.js";
import { verifyGeneration } from "./verify.js";

export interface Opening {
  /** Interrupted saves and removals that were cleared away. */
  readonly leftovers: readonly string[];
  /** Generations newer than the newest sound one, and why they do not count. They stay where they are. */
  readonly skipped: readonly Skipped[];
  /** Where a user's own files at the familiar names have gone. */
  readonly movedAside: readonly string[];
  /** Whether the file system has hard links; otherwise the familiar names are copies. */
  readonly links: boolean;
  /** Path of the lock, by which others can ask this writer to stop. */
  readonly lock: string;
  /** The line of descent that its generations will be of. */
  readonly lineage: Lineage;
  /** The highest `sequence` that was given out here by then. */
  readonly sequence: Sequence;
  /** What could not be done, and stops nothing. */
  readonly problems: readonly StoreProblem[];
}

/** REQUIRES: the lock is held. */
export async function recover(
  site: Site,
  series: Series,
): Promise<Omit<Opening, "links" | "lock" | "lineage" | "sequence">> {
  const { disk, weights, aliases } = site;
  const problems: StoreProblem[] = [];
  const folders = [generationsFolder(site), ...(aliases ? [folderPath(weights)] : [])];
  const leftovers = await removeLeftovers(disk, folders, problems);
  const { whole, damaged } = await listGenerations(site);
  // Whatever their class: the familiar names are those of the label and the name.
  const mine = whole.filter((one) => hasNames(one, series));
  const ours = aliases ? await ownFiles(site, whole) : undefined;
  const skipped: Skipped[] = [...damaged];
  const sound = await findSound(site, mine, skipped);
  if (sound === undefined) return { leftovers, skipped, movedAside: [], problems };

  if (sound.verifiedAt === undefined) {
    await attempt(problems, "mark", sound.id, async () => {
      const stamp = parseId(sound.id)?.stamp ?? "";
      if (ours && sound.kind === "emergency") await nameEmergency(disk, weights, sound, stamp, ours);
      await markVerified(disk, sound, new Date().toISOString());
    });
  }
  if (!ours) return { leftovers, skipped, movedAside: [], problems };
  const naming = await attempt(problems, "familiar-names", sound.id, () =>
    pointFamiliar(disk, weights, sound, ours),
  );
  return { leftovers, skipped, movedAside: naming?.movedAside ?? [], problems };
}

/** The newest finite generation that is verified or, read back now, turns out to be whole. */
async function findSound(
  site: Site,
  newestFirst: readonly Generation[],
  skipped: Skipped[],
): Promise<Generation | undefined> {
  for (const generation of newestFirst) {
    if (generation.nonFinite > 0) continue;
    if (generation.verifiedAt !== undefined) return generation;
    const { damages } = await verifyGeneration(site, generation, { deep: true });
    const [first] = damages;
    if (first === undefined) return generation;
    skipped.push({ id: generation.id, ...first });
  }
  return undefined;
}

/** How to recognise the files that this store has written. */
export async function ownFiles(site: Site, generations: readonly Generation[]): Promise<Ours> {
  const { disk } = site;
  const identities = new Set<string>();
  const owners = new Map<string, Series>();
  const hashes = new Set((await readJournal(site)).flatMap((entry) => entry.sha256));
  for (const { files, series } of generations) {
    for (const file of files) {
      const identity = (await disk.info(file.path))?.identity;
      if (identity !== undefined) identities.add(identity);
      const sha256 = sha256Of(file);
      if (sha256 !== undefined) hashes.add(sha256);
      for (const key of [identity, sha256]) if (key !== undefined) owners.set(key, series);
    }
  }
  return { identities, hashes, owners };
}
