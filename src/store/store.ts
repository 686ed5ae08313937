/**
 * The writing side of a weights folder: opening it (one writer, everything interrupted brought to its end) and queueing
 * its saves. What one save does is in save.ts.
 */
import { dirname, join, resolve } from "node:path";
import { invariant } from "../base/invariant.js";
import { listBackups } from "./backup-list.js";
import type { SaveRequest } from "./artifact.js";
import type { GenerationId, Lineage, Sequence } from "./brands.js";
import { deviceOf, diskError, makeFolders } from "./disk.js";
import { refuseLink } from "./folder.js";
import { listGenerations } from "./generations.js";
import { readJournal } from "./journal.js";
import { takeLock, type Lock, type LockOptions } from "./lock.js";
import { generationsFolder, isSafeName, temporaryFile, type Series } from "./names.js";
import { recover, type Opening } from "./recover.js";
import { defaultRetention, type RetentionRules } from "./retention-policy.js";
import { saveGeneration, type SaveReport } from "./save.js";
import { isOf, isPerhapsOf } from "./series.js";
import { copiesOf, newLineage, type Session } from "./session.js";
import type { Site } from "./site.js";
import { keepBallast, spaceNeeded } from "./space.js";

export interface SeriesOptions {
  /** For the familiar names: "DRUSEN" and "local". */
  readonly label: string;
  readonly name: string;
  /** Which class the label stands for, as in Series; it is written down with each generation. */
  readonly class?: string | null | undefined;
  /**
   * The generation that training goes on from. Left out: the newest of this label and name. null: a fresh start, whose
   * generations retention counts apart from those before.
   */
  readonly parent?: string | null | undefined;
  /**
   * Whether a line of descent begins here although there is a parent, so that retention leaves alone what was saved before;
   * always so for a parent of another label, name or class.
   */
  readonly apart?: boolean | undefined;
  readonly retention?: Partial<RetentionRules> | undefined;
}

export interface OpenOptions extends SeriesOptions {
  /** Whether to keep room for an emergency save; true when left out. */
  readonly ballast?: boolean | undefined;
  /** Seconds to wait for a clean-up or a restore that is at work there; 0 when left out. */
  readonly patience?: number | undefined;
  /** The lock of the folder of generations, where the caller holds it already: it stays the caller's to release. */
  readonly lock?: Lock | undefined;
}

/** What saves the generations of one series. */
export interface Saver {
  /** The line of descent that its generations are of. */
  readonly lineage: Lineage;
  /**
   * Saves, one after the other when called again meanwhile. When it throws, the older generations are as they were, and the
   * store can be used on.
   * @param onProgress told the share done, 0 to 1
   * @throws ARTIFACT_CHANGED a file that was to be copied was written to meanwhile
   * @throws DISK_FULL, WEIGHTS_NOT_WRITABLE, SAVE_FAILED, SAVE_NOT_VERIFIED, WEIGHTS_IN_USE (taken over by another)
   */
  save(request: SaveRequest, onProgress?: (share: number) => void): Promise<SaveReport>;
}

export interface Store extends Saver {
  /** What opening found and mended. */
  readonly opening: Opening;
  /** The device on which the folder is; undefined where the system does not say. */
  readonly device: string | undefined;
  /**
   * Another series beside the first, with a lineage of its own: retention counts each by itself. Its saves wait for those of
   * the others, and theirs for its.
   */
  beside(series: SeriesOptions): Promise<Saver>;
  /** Waits for saves under way and lets others write. */
  close(): Promise<void>;
}

/**
 * Opens a store for writing; its folders are made when they are not there.
 * @throws WEIGHTS_IN_USE, WEIGHTS_NOT_WRITABLE, FOLDER_IS_LINK, DISK_FULL, SAVE_FAILED (the disk fails)
 */
export async function openStore(
  site: Site,
  options: OpenOptions,
  onWaiting?: LockOptions["onWaiting"],
): Promise<Store> {
  const { patience, lock } = options;
  const locking = { purpose: "train", patience, onWaiting } as const;
  const { session, opening } = await openSession(site, options, locking, lock);
  const identity = (await site.disk.target(site.weights).catch(() => undefined))?.identity;
  const device = identity === undefined ? undefined : deviceOf(identity);
  return { opening, device, ...queued(session, options.ballast ?? true, lock === undefined) };
}

/**
 * What openStore does before any save. Throws like it; the caller releases `session.lock`.
 * @param held the lock, where the caller has it already
 */
export async function openSession(
  site: Site,
  options: SeriesOptions,
  locking: LockOptions,
  held?: Lock,
): Promise<{ session: Session; opening: Opening }> {
  const { disk, weights } = site;
  const series = seriesOf(options);
  let lock: Lock | undefined;
  try {
    await makeDurable(site);
    lock = held ?? (await takeLock(disk, generationsFolder(site), weights, locking));
    const links = await hasLinks(site, lock.path);
    const recovered = await recover(site, series);
    const session = await startSession(site, options, { lock, links, hurry: { isUrgent: false } });
    const { lineage, sequence } = session;
    return { opening: { ...recovered, links, lock: lock.path, lineage, sequence }, session };
  } catch (error) {
    if (held === undefined) await lock?.release();
    throw diskError(error, weights, 0, undefined);
  }
}

function seriesOf({ label, name, class: own }: SeriesOptions): Series {
  const isSafe = isSafeName(label) && isSafeName(name);
  invariant(isSafe, `label and name can stand in a file's name: ${label}, ${name}`);
  return { label, name, class: own };
}

/** The folders themselves must survive a power cut, too, also those that a killed process has made. */
async function makeDurable(site: Site): Promise<void> {
  const { disk, weights } = site;
  const folder = generationsFolder(site);
  await refuseLink(disk, folder);
  await makeFolders(disk, folder);
  await disk.syncFolder(weights);
  // Folders above may be closed to this user, and then they were there before.
  for (let at = resolve(weights); at !== dirname(at); at = dirname(at)) {
    await disk.syncFolder(dirname(at)).catch(() => undefined);
  }
}

async function hasLinks(site: Site, existing: string): Promise<boolean> {
  const { disk } = site;
  const probe = join(generationsFolder(site), temporaryFile("probe"));
  try {
    if ((await disk.info(probe)) !== undefined) await disk.remove(probe);
    await disk.link(existing, probe);
  } catch {
    return false;
  }
  await disk.remove(probe);
  return true;
}

async function startSession(
  site: Site,
  options: SeriesOptions,
  shared: Pick<Session, "lock" | "links" | "hurry">,
): Promise<Session> {
  const series = seriesOf(options);
  const { whole } = await listGenerations(site);
  const parent =
    options.parent === undefined
      ? whole.find((one) => isOf(one, series))
      : whole.find((one) => one.id === options.parent);
  const rules = { ...defaultRetention, ...options.retention };
  const journal = await readJournal(site);
  // Whoever has lost all but the backups goes on counting: what is saved now is newer than they are.
  const { whole: backups } = await listBackups(site);
  const counted = [...whole, ...journal, ...backups].map(({ sequence }) => sequence);
  const sequence = Math.max(0, ...counted) as Sequence;
  const goesOn = parent !== undefined && isPerhapsOf(parent, series) && options.apart !== true;
  const lineage = goesOn ? parent.lineage : newLineage();
  return {
    ...site,
    ...shared,
    series,
    rules,
    lineage,
    parent: parent?.id as GenerationId | undefined,
    sequence,
    verified: new Set(),
  };
}

/** One save after the other, of whichever series, and the ballast in between. */
function queued(
  first: Session,
  ballast: boolean,
  ownsLock: boolean,
): Pick<Store, "lineage" | "save" | "beside" | "close"> {
  const { hurry, lock, links } = first;
  let last: Promise<unknown> = Promise.resolve();
  let closing = false;
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    invariant(!closing, "nothing is saved after close");
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const saverOf = (session: Session): Saver => ({
    lineage: session.lineage,
    save(request, onProgress) {
      const isUrgent = request.kind === "emergency";
      if (isUrgent) hurry.isUrgent = true;
      // Asked now: once it is saved, its memory may be someone else's.
      const bytes = ballast && !isUrgent ? spaceNeeded(request, copiesOf(session, "emergency")) : undefined;
      const save = inTurn(() => {
        if (isUrgent) hurry.isUrgent = closing;
        return saveGeneration(session, request, onProgress);
      });
      last = save.then(
        () => (bytes === undefined || closing ? undefined : refill(session, bytes)),
        () => undefined,
      );
      return save;
    },
  });
  return {
    ...saverOf(first),
    beside: (options) =>
      inTurn(async () => {
        const { weights, folder, disk, codecs, aliases } = first;
        const site = { weights, folder, disk, codecs, aliases };
        try {
          await recover(site, seriesOf(options));
          return saverOf(await startSession(site, options, { lock, links, hurry }));
        } catch (error) {
          throw diskError(error, weights, 0, undefined);
        }
      }),
    async close() {
      closing = true;
      hurry.isUrgent = true;
      await last;
      if (ownsLock) await lock.release();
    },
  };
}

/** Ballast is a luxury: where there is no room beside two more saves of so many bytes, or it fails, there is none. */
async function refill(session: Session, bytes: number): Promise<void> {
  const { disk, weights } = session;
  const free = await disk.freeSpace(weights).catch(() => 0);
  if (free > 3 * bytes) await keepBallast(session, bytes).catch(() => undefined);
}
