/**
 * Everything that keeps generations in a weights folder: the store of the networks that are trained here, and that of other
 * programs' trainings beside it, or in its place.
 */
import * as store from "../store/index.js";
import type { Disk, Site, Skipped } from "../store/index.js";
import { keptOf, type Kept } from "./generation.js";
import { networkSite } from "./store.js";
import { codecs } from "./torch-codec.js";
import { examine } from "./upkeep.js";

export interface KeptListing {
  /** Newest first. */
  readonly whole: readonly Kept[];
  readonly damaged: readonly Skipped[];
}

export type Accepts = ((generation: Kept) => boolean) | undefined;

/** One store, as the commands see it. Each throws as the store's own function of that name. */
export interface Keeper {
  /** The name of its folder in the weights folder. */
  readonly store: string;
  readonly isOwn: boolean;
  list(): Promise<KeptListing>;
  listBackups(): Promise<KeptListing>;
  keep(id: string, keep: boolean): Promise<Kept>;
  prune(options: store.PruneOptions): Promise<PruneReport>;
  backup(options: BackupOptions): Promise<BackupReport>;
  restore(reference: string, accepts: Accepts): Promise<RestoreReport>;
  stats(): Promise<store.StoreStats>;
  examine(): Promise<readonly store.Finding[]>;
}

type PruneReport = Omit<store.PruneReport, "removals"> & {
  readonly removals: readonly { readonly generation: Kept; readonly reason: store.RemoveReason }[];
};
type BackupOptions = Omit<store.BackupOptions, "accepts"> & { readonly accepts?: Accepts };
type BackupReport = Omit<store.BackupReport, "backup" | "existing" | "source"> & {
  readonly backup: Kept | undefined;
  readonly existing: Kept | undefined;
  readonly source: Kept;
};
type RestoreReport = Omit<store.RestoreReport, "generation" | "source"> & {
  readonly generation: Kept;
  readonly source: Kept;
};

const translated = (accepts: Accepts) =>
  accepts && ((generation: store.Generation) => accepts(keptOf(generation)));

const listingOf = ({ whole, damaged }: store.Listing): KeptListing => ({ whole: whole.map(keptOf), damaged });

function keeperOf(site: Site): Keeper {
  const isOwn = site.folder === store.ownFolder;
  return {
    store: site.folder,
    isOwn,
    list: async () => listingOf(await store.listGenerations(site)),
    listBackups: async () => listingOf(await store.listBackups(site)),
    keep: async (id, keep) => keptOf(await store.keepByHand(site, id, keep)),
    async prune(options) {
      const { removals, ...rest } = await store.prune(site, options);
      const going = removals.map(({ generation, reason }) => ({ generation: keptOf(generation), reason }));
      return { removals: going, ...rest };
    },
    async backup({ accepts, ...options }) {
      const wish = { ...options, accepts: translated(accepts) };
      const { backup, existing, source, ...rest } = await store.backup(site, wish);
      return {
        backup: backup && keptOf(backup),
        existing: existing && keptOf(existing),
        source: keptOf(source),
        ...rest,
      };
    },
    async restore(reference, accepts) {
      const wish = { accepts: translated(accepts) };
      const { generation, source, ...rest } = await store.restore(site, reference, wish);
      return { generation: keptOf(generation), source: keptOf(source), ...rest };
    },
    stats: () => store.storeStats(site),
    examine: () => (isOwn ? examine(site.weights, undefined, site.disk) : store.examine(site)),
  };
}

/** Of networks first, whether there is anything in them or not. */
export function everyKeeper(weights: string, disk: Disk = store.nodeDisk): readonly Keeper[] {
  const guarded = store.siteOf(weights, { folder: store.guardedFolder, codecs, disk });
  return [networkSite(weights, disk), guarded].map(keeperOf);
}

/** Those that are there; the one of networks where none is. */
export async function keepersIn(weights: string, disk: Disk = store.nodeDisk): Promise<readonly Keeper[]> {
  const all = everyKeeper(weights, disk);
  const isThere = await Promise.all(
    all.map(async (keeper) => {
      const folder = store.generationsFolder({ weights, folder: keeper.store });
      return (await disk.info(folder).catch(() => "unknown")) !== undefined;
    }),
  );
  const there = all.filter((_, i) => isThere[i]);
  return there.length > 0 ? there : all.slice(0, 1);
}

/** The generations of all of them: each store's newest first, and of their heads the one that was saved last. */
export async function listEvery(keepers: readonly Keeper[]): Promise<KeptListing> {
  const listings = await Promise.all(keepers.map((keeper) => keeper.list()));
  return { whole: newestFirst(listings), damaged: listings.flatMap(({ damaged }) => damaged) };
}

/** A damaged backup cannot say whose it is, so each store tells of it. */
export async function listEveryBackup(keepers: readonly Keeper[]): Promise<KeptListing> {
  const listings = await Promise.all(keepers.map((keeper) => keeper.listBackups()));
  return { whole: newestFirst(listings), damaged: listings[0]?.damaged ?? [] };
}

function newestFirst(listings: readonly KeptListing[]): Kept[] {
  const left = listings.map(({ whole }) => [...whole]);
  const merged: Kept[] = [];
  for (;;) {
    const heads = left.filter((list) => list.length > 0);
    if (heads.length === 0) return merged;
    const newest = heads.reduce((one, other) => (other[0]!.savedAt > one[0]!.savedAt ? other : one));
    merged.push(newest.shift()!);
  }
}
