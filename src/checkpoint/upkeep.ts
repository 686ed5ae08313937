/** What can be asked of, and done to, a weights folder with networks. Each is the store's, told of by its folder's path. */
import * as store from "../store/index.js";
import type { Disk } from "../store/index.js";
import { generationOf, listingOf, type Generation, type Listing } from "./generation.js";
import { loosePairs } from "./loose.js";
import { networkSite } from "./store.js";

/** Which generations count; all when left out. */
export interface Choice extends Omit<store.Choice, "accepts" | "onCandidate"> {
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
  /** Told of each generation right before its files are read. */
  readonly onCandidate?: ((generation: Generation) => void) | undefined;
}

const translated = <Answer>(tell: ((generation: Generation) => Answer) | undefined) =>
  tell && ((generation: store.Generation) => tell(generationOf(generation)));

/**
 * All generations of a weights folder; a folder without any is an empty list.
 * @throws FOLDER_NOT_READABLE when the folder is there and cannot be read
 * @throws FOLDER_IS_LINK
 */
export async function listGenerations(weights: string, disk?: Disk): Promise<Listing> {
  return listingOf(await store.listGenerations(networkSite(weights, disk)));
}

/** The backups of a weights folder, newest first; an `id` is the backup's name. */
export async function listBackups(weights: string, disk?: Disk, now?: number): Promise<Listing> {
  return listingOf(await store.listBackups(networkSite(weights, disk), now));
}

/** Reads every file of a generation. Damage is reported, not thrown; nothing is changed. */
export function verifyGeneration(
  generation: store.Readable,
  options: store.VerifyOptions = {},
  disk?: Disk,
): Promise<store.Verification> {
  return store.verifyGeneration(networkSite("", disk), generation, options);
}

/** The newest finite generation whose files have the right SHA-256. Throws as the store's own. */
export async function newestWhole(
  weights: string,
  { accepts, onCandidate, ...choice }: Choice = {},
  disk?: Disk,
): Promise<{ generation: Generation; skipped: readonly store.Skipped[] } | undefined> {
  const wish = { ...choice, accepts: translated(accepts), onCandidate: translated(onCandidate) };
  const found = await store.newestWhole(networkSite(weights, disk), wish);
  return found && { ...found, generation: generationOf(found.generation) };
}

export interface PruneReport extends Omit<store.PruneReport, "removals"> {
  /** What goes, old emergencies first. */
  readonly removals: readonly { readonly generation: Generation; readonly reason: store.RemoveReason }[];
}

/** Removes generations by the rules, or says which it would. @throws WEIGHTS_IN_USE (not in a dry run) */
export async function prune(
  weights: string,
  options?: store.PruneOptions,
  disk?: Disk,
): Promise<PruneReport> {
  const { removals, ...rest } = await store.prune(networkSite(weights, disk), options);
  return {
    removals: removals.map(({ generation, reason }) => ({ generation: generationOf(generation), reason })),
    ...rest,
  };
}

/** Marks a generation so that nothing removes it but a person, or takes the mark away. @throws CHECKPOINT_NOT_FOUND */
export async function keepByHand(
  weights: string,
  id: string,
  keep: boolean,
  disk?: Disk,
): Promise<Generation> {
  return generationOf(await store.keepByHand(networkSite(weights, disk), id, keep));
}

export interface BackupOptions extends Omit<store.BackupOptions, "accepts"> {
  /** Only generations that pass this are copied. */
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
}

export interface BackupReport extends Omit<store.BackupReport, "backup" | "existing" | "source"> {
  /** undefined: none is due yet. */
  readonly backup: Generation | undefined;
  /** Today's, because of which none is due. */
  readonly existing: Generation | undefined;
  /** What it is a copy of, or would be. */
  readonly source: Generation;
}

/** Copies the newest whole generation and reads the copy back. Throws as the store's own. */
export async function backup(
  weights: string,
  { accepts, ...options }: BackupOptions = {},
  disk?: Disk,
): Promise<BackupReport> {
  const wish = { ...options, accepts: translated(accepts) };
  const { backup: made, existing, source, ...rest } = await store.backup(networkSite(weights, disk), wish);
  return {
    backup: made && generationOf(made),
    existing: existing && generationOf(existing),
    source: generationOf(source),
    ...rest,
  };
}

export interface RestoreReport extends Omit<store.RestoreReport, "generation" | "source"> {
  /** The new generation: from now on the newest of its label and name. */
  readonly generation: Generation;
  readonly source: Generation;
}

export interface RestoreOptions {
  /** Only what passes this is restored. */
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
}

/** Makes a backup or an older generation the newest again, as a copy. Throws as the store's own. */
export async function restore(
  weights: string,
  reference: string,
  { accepts }: RestoreOptions = {},
  disk?: Disk,
): Promise<RestoreReport> {
  const site = networkSite(weights, disk);
  const { generation, source, ...rest } = await store.restore(site, reference, {
    accepts: translated(accepts),
  });
  return { generation: generationOf(generation), source: generationOf(source), ...rest };
}

/** Whether a person has made it the newest again. */
export function isRestored({ kind, reason }: Pick<Generation, "kind" | "reason">): boolean {
  return store.parseReason(reason, kind).why === "restored";
}

/** What saving has cost and what it takes. @param now milliseconds since 1970 */
export function storeStats(weights: string, now?: number, disk?: Disk): Promise<store.StoreStats> {
  return store.storeStats(networkSite(weights, disk), now);
}

/**
 * Looks, and reads every generation and backup back; changes nothing but a small trial file of its own, which it removes.
 * @param now milliseconds since 1970
 */
export function examine(weights: string, now?: number, disk?: Disk): Promise<readonly store.Finding[]> {
  const loose = async () => {
    const { pairs } = await loosePairs(weights, {}, disk);
    return pairs.map((pair) => [...new Set(pair.files.values())]);
  };
  return store.examine(networkSite(weights, disk), { now, loose });
}

/** The stores of a weights folder: of what is trained here, and of guarded trainings. */
const sitesOf = (weights: string, disk: Disk | undefined): readonly store.Site[] => [
  networkSite(weights, disk),
  store.siteOf(weights, { folder: store.guardedFolder, ...(disk && { disk }) }),
];

/** Who holds a folder for something that ends by itself, such as a clean-up. @throws FOLDER_IS_LINK */
export async function findHolder(weights: string, disk?: Disk): Promise<store.Owner | undefined> {
  for (const site of sitesOf(weights, disk)) {
    const holder = await store.findHolder(site);
    if (holder) return holder;
  }
  return undefined;
}

/** Asks the training that writes to the folder, or the guard of one, to stop. Throws as the store's own. */
export async function requestStop(weights: string, disk?: Disk): Promise<store.StopRequest | undefined> {
  for (const site of sitesOf(weights, disk)) {
    const request = await store.requestStop(site);
    if (request) return request;
  }
  return undefined;
}
