/** What saving has cost and what it takes: figures for `guardapesos stats` and the live displays. */
import { listBackups } from "./backup-list.js";
import { listGenerations, type Generation } from "./generations.js";
import { readJournal, type JournalEntry } from "./journal.js";
import { ballastPath, checkpointKinds, type CheckpointKind, type Series } from "./names.js";
import { keyOf } from "./series.js";
import type { Site } from "./site.js";
import { savesLeft } from "./space.js";

export interface KindStats {
  readonly saves: number;
  readonly bytes: number;
  /** In the writer's thread, while training went on. */
  readonly seconds: number;
}

export interface SeriesStats {
  readonly series: Series;
  readonly generations: number;
  readonly bytes: number;
  /** ISO 8601, UTC. */
  readonly newest: { readonly id: string; readonly at: string };
}

export interface StoreStats {
  /** Verified saves so far, by kind, also of generations that are gone. */
  readonly byKind: Readonly<Record<CheckpointKind, KindStats>>;
  readonly failed: number;
  readonly bytesWritten: number;
  readonly secondsSaving: number;
  /** Seconds between saves of the same session, summed: how long training went on, from the first save of each on. */
  readonly trained: number;
  /** Median seconds between two saves of one session; undefined for fewer than two. */
  readonly interval: number | undefined;
  readonly generations: number;
  /** The generations by class and name, the most recently saved first. */
  readonly bySeries: readonly SeriesStats[];
  readonly damaged: number;
  /** Bytes of generations, backups and ballast. Links take no room of their own. */
  readonly spaceUsed: { readonly generations: number; readonly backups: number; readonly ballast: number };
  readonly free: number | undefined;
  /** How many more saves of the newest one's size fit; undefined when there is none or the disk does not say. */
  readonly savesLeft: number | undefined;
  /** The newest verified generation, and its age in seconds. */
  readonly lastVerified: { readonly id: string; readonly at: string; readonly age: number } | undefined;
}

/** Pauses longer than this between two saves are taken for the end of a session. */
const sessionGap = 6 * 3600;

/** @param now milliseconds since 1970 */
export async function storeStats(site: Site, now: number = Date.now()): Promise<StoreStats> {
  const { disk, weights } = site;
  const journal = await readJournal(site);
  const saved = journal.filter((entry) => entry.failed === undefined);
  const { whole, damaged } = await listGenerations(site);
  const backups = (await listBackups(site)).whole;
  const ballast = (await disk.info(ballastPath(site)))?.bytes ?? 0;
  const free = await disk.freeSpace(weights).catch(() => undefined);
  const newest = whole[0];
  const verified = whole.find((one) => one.verifiedAt !== undefined);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, value) => total + value, 0);
  const gaps = gapsOf(saved);
  return {
    byKind: Object.fromEntries(
      checkpointKinds.map((kind) => [kind, ofKind(saved, kind)]),
    ) as StoreStats["byKind"],
    failed: journal.length - saved.length,
    bytesWritten: sum(saved.map((entry) => entry.bytes)),
    secondsSaving: sum(saved.map((entry) => entry.seconds)),
    trained: sum(gaps),
    interval: gaps[Math.floor((gaps.length - 1) / 2)],
    generations: whole.length,
    bySeries: bySeries(whole),
    damaged: damaged.length,
    spaceUsed: {
      generations: sum(whole.map((one) => one.bytes)),
      backups: sum(backups.map((one) => one.bytes)),
      ballast,
    },
    free,
    savesLeft: free === undefined || newest === undefined ? undefined : savesLeft(free, newest.bytes),
    lastVerified:
      verified === undefined
        ? undefined
        : {
            id: verified.id,
            at: verified.savedAt,
            age: Math.max(0, (now - Date.parse(verified.savedAt)) / 1000),
          },
  };
}

function ofKind(saved: readonly JournalEntry[], kind: CheckpointKind): KindStats {
  const mine = saved.filter((entry) => entry.kind === kind);
  return {
    saves: mine.length,
    bytes: mine.reduce((total, entry) => total + entry.bytes, 0),
    seconds: mine.reduce((total, entry) => total + entry.seconds, 0),
  };
}

/** @param newestFirst in whose order the series come */
function bySeries(newestFirst: readonly Generation[]): SeriesStats[] {
  const found = new Map<string, Generation[]>();
  for (const one of newestFirst) {
    const key = keyOf(one.series);
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return [...found.values()].map((of) => {
    const [{ series, id, savedAt }] = of as [Generation];
    const bytes = of.reduce((total, one) => total + one.bytes, 0);
    return { series, generations: of.length, bytes, newest: { id, at: savedAt } };
  });
}

/** Seconds between two saves of one session, ascending. */
function gapsOf(saved: readonly JournalEntry[]): number[] {
  const times = saved.map((entry) => Date.parse(entry.at)).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
  return gaps.filter((gap) => gap <= sessionGap).sort((a, b) => a - b);
}
