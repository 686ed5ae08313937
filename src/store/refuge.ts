/**
 * Where the last save of a training goes when its weights folder does not take it: deleted, renamed, unmounted, closed to
 * this user, or on a disk that fails. A place is a weights folder of its own, so that training goes on from it as from any.
 */
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { GuardapesosError, type ErrorCode } from "../base/errors.js";
import type { SaveRequest } from "./artifact.js";
import { deviceOf, type Disk } from "./disk.js";
import { stateOfFolder } from "./folder.js";
import { stampOf } from "./names.js";
import type { SaveReport } from "./save.js";
import type { Site } from "./site.js";
import { openStore, type OpenOptions } from "./store.js";

/** With these, another place may do. A disk that is only full is waited for where the state stays in memory meanwhile. */
const causes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "WEIGHTS_FOLDER_GONE",
  "WEIGHTS_NOT_WRITABLE",
  "WEIGHTS_IN_USE",
  "SAVE_FAILED",
  "SAVE_NOT_VERIFIED",
]);

export interface RefugeOptions {
  /** The store that did not take it, and what it was opened with. */
  readonly site: Site;
  readonly series: OpenOptions;
  /** Whether another place may do for a disk that is only full, too. */
  readonly whenFull: boolean;
  /** The device on which it was; undefined when it is not known. */
  readonly device: string | undefined;
}

interface Place {
  readonly folder: string;
  /** Whether it is made for this: then never through a name that somebody has put there. */
  readonly isNew: boolean;
}

/**
 * Saves in the first place that takes it.
 * @returns undefined when none does, or `error` is of a kind for which nothing is tried
 */
export async function saveElsewhere(
  request: SaveRequest,
  error: unknown,
  options: RefugeOptions,
  onProgress?: (share: number) => void,
): Promise<{ readonly folder: string; readonly report: SaveReport } | undefined> {
  if (!(error instanceof GuardapesosError)) return undefined;
  const code = error.code as ErrorCode;
  if (!causes.has(code) && !(code === "DISK_FULL" && options.whenFull)) return undefined;
  for (const place of await placesFor(options, code)) {
    try {
      const report = await saveIn(place, request, options, onProgress);
      return { folder: place.folder, report };
    } catch {
      continue;
    }
  }
  return undefined;
}

async function saveIn(
  { folder, isNew }: Place,
  request: SaveRequest,
  { site, series }: RefugeOptions,
  onProgress?: (share: number) => void,
): Promise<SaveReport> {
  // Never through what somebody has put there, and closed to others.
  if (isNew) await site.disk.makePrivateFolder(folder);
  const elsewhere = { ...site, weights: folder };
  const store = await openStore(elsewhere, { ...series, parent: null, ballast: false });
  try {
    return await store.save(request, onProgress);
  } finally {
    await store.close();
  }
}

/** The folder itself, made anew; beside it; at home; in memory. */
async function placesFor(
  { site: { disk, weights: folder }, device }: RefugeOptions,
  code: ErrorCode,
): Promise<readonly Place[]> {
  const stamp = stampOf(new Date());
  const weights = resolve(folder);
  // Where its disk is not mounted, what is written below would be hidden once it is again.
  const isSameDisk = (await deviceAbove(disk, weights)) === device;
  const state = await stateOfFolder(weights, disk).catch(() => "foreign");
  const anew =
    code === "WEIGHTS_FOLDER_GONE" && state !== "foreign" ? [{ folder: weights, isNew: false }] : [];
  const beside = { folder: `${weights}-rescued-${stamp}`, isNew: true };
  const memory = process.platform === "linux" ? "/dev/shm" : tmpdir();
  const elsewhere = [homedir(), memory].map((parent) => ({
    folder: join(parent, `guardapesos-rescued-${stamp}`),
    isNew: true,
  }));
  return isSameDisk ? [...anew, beside, ...elsewhere] : elsewhere;
}

/** The device of the nearest folder that is there, of a path and those above it. */
async function deviceAbove(disk: Disk, path: string): Promise<string | undefined> {
  const info = await disk.target(path).catch(() => undefined);
  if (info?.kind === "folder") return deviceOf(info.identity);
  return dirname(path) === path ? undefined : deviceAbove(disk, dirname(path));
}
