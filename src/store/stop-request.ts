/**
 * Asking the writer of a weights folder to stop, from another process, also where signals do not reach: a service, a
 * detached run, another computer. Who asks makes a file that is named after the writer's lock. The writer looks for it
 * now and then, and writes into it how it has ended before it lets go of its lock. So a wish never reaches a later
 * writer, and who asks knows when all is safe.
 */
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseBounded } from "../base/bounded-json.js";
import { diskError, nodeDisk, type Disk } from "./disk.js";
import { refuseLink } from "./folder.js";
import { findWriters, inUse, isRunning, type Announcement, type Owner } from "./lock.js";
import { generationsFolder, stopName } from "./names.js";
import type { Site } from "./site.js";

/** Milliseconds between two looks, of both sides. */
const interval = 300;

const requestOf = (lock: string): string => join(dirname(lock), stopName(basename(lock)));

export interface StopListener {
  /** Tells whoever has asked how it ended; listens no more. Without a question, does nothing. Never throws. */
  close(answer: unknown): Promise<void>;
}

/**
 * The writer's side.
 * @param lock its path, at that moment
 * @param asked called once
 */
export function listenForStop(lock: () => string, asked: () => void, disk: Disk = nodeDisk): StopListener {
  const isThere = async (): Promise<boolean> =>
    (await disk.info(requestOf(lock())).catch(() => undefined))?.kind === "file";
  let heard = false;
  const look = async (): Promise<void> => {
    // A disk that does not answer now may do so the next time.
    if (!(await isThere()) || heard) return;
    heard = true;
    clearInterval(timer);
    asked();
  };
  const timer = setInterval(() => void look(), interval);
  timer.unref();
  return {
    async close(answer) {
      clearInterval(timer);
      if (!(await isThere())) return;
      await disk.append(requestOf(lock()), `${JSON.stringify(answer)}\n`).catch(() => undefined);
    },
  };
}

export interface StopRequest {
  readonly pid: number;
  readonly host: string;
  /** Since when it writes, ISO 8601. */
  readonly since: string;
  /** Waits until it has ended. @returns its answer; undefined when it ended without one */
  answered(): Promise<unknown>;
}

/** Bytes that an answer has at most. */
const answerAtMost = 2 ** 20;
/** Milliseconds for which a process that is there may be without an announcement: it opens the folder anew. */
const betweenTwo = 2000;

/** A training that writes, as far as it is known; versions before did not say what they were doing. */
type Training = Announcement & { readonly owner: Owner };

const isTraining = (announcement: Announcement): announcement is Training =>
  announcement.owner !== undefined && (announcement.owner.purpose ?? "train") === "train";

/**
 * Asks the training that writes to the folder.
 * @returns undefined when none does
 * @throws WEIGHTS_IN_USE somebody writes, but the announcement does not say who
 * @throws WEIGHTS_NOT_WRITABLE, FOLDER_IS_LINK, DISK_FULL, SAVE_FAILED
 */
export async function requestStop(site: Site): Promise<StopRequest | undefined> {
  const { disk, weights } = site;
  const folder = generationsFolder(site);
  await refuseLink(disk, folder);
  if ((await disk.info(folder))?.kind !== "folder") return undefined;
  const writers = await findWriters(disk, folder);
  const training = writers.find(isTraining);
  if (!training) {
    const [unknown] = writers.filter(({ owner }) => owner === undefined);
    if (unknown) throw inUse(weights, unknown);
    return undefined;
  }
  const ask = async ({ path: lock }: Training) => {
    const path = requestOf(lock);
    await disk.append(path, "").catch((error: unknown) => {
      throw diskError(error, weights, 0, undefined);
    });
    const asked = (await disk.info(path))?.modified ?? Date.now();
    const since = performance.now();
    /** By the clock of the file system. */
    const now = (): number => asked + performance.now() - since;
    return { lock, path, now };
  };
  const { pid, host, since, started } = training.owner;
  let asked = await ask(training);
  return {
    pid,
    host,
    since,
    async answered() {
      let missing: number | undefined;
      for (;;) {
        // In this order: it answers before it lets go.
        const trainings = (await findWriters(disk, folder, asked.now())).filter(isTraining);
        const answer = await readAnswer(disk, asked.path);
        if (answer === undefined) {
          const same = trainings.filter(({ owner }) => owner.pid === pid && owner.host === host);
          const isThere = same.some(({ path }) => path === asked.lock);
          const [again] = same;
          // The same process has opened the folder anew: what it was asked before, it does not hear any more.
          if (!isThere && again?.owner.started === started) {
            await disk.remove(asked.path).catch(() => undefined);
            asked = await ask(again);
          }
          missing = isThere || again ? undefined : (missing ?? performance.now());
          const isOver =
            missing !== undefined &&
            (performance.now() - missing > betweenTwo || !(await isRunning(disk, training.owner)));
          if (!isOver) {
            await wait(interval);
            continue;
          }
        }
        await disk.remove(asked.path).catch(() => undefined);
        return answer;
      }
    },
  };
}

/** Who holds a folder for something that ends by itself, such as a clean-up. @throws FOLDER_IS_LINK */
export async function findHolder(site: Site): Promise<Owner | undefined> {
  const { disk } = site;
  const folder = generationsFolder(site);
  await refuseLink(disk, folder);
  if ((await disk.info(folder))?.kind !== "folder") return undefined;
  return (await findWriters(disk, folder))[0]?.owner;
}

/** The last line that can be read; undefined for an answer that is not there, or only in part. */
async function readAnswer(disk: Disk, path: string): Promise<unknown> {
  const text = await disk.readText(path, { last: answerAtMost }).catch(() => "");
  return text.split("\n").reduce<unknown>((answer, line) => {
    try {
      return parseBounded(line);
    } catch {
      return answer;
    }
  }, undefined);
}
