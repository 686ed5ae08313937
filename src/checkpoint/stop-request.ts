/**
 * Asking the writer of a weights folder to stop, from another process, also where signals do not reach: a service, a
 * detached run, another computer. Who asks makes a file that is named after the writer's lock. The writer looks for it
 * now and then, and writes into it how it has ended before it lets go of its lock. So a wish never reaches a later
 * writer, and who asks knows when all is safe.
 */
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { diskError, nodeDisk, type Disk } from "./disk.js";
import { findWriter } from "./lock.js";
import { checkpointsFolder, stopName } from "./names.js";

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
    (await disk.info(requestOf(lock())).catch(() => undefined)) !== undefined;
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

/**
 * Asks.
 * @returns undefined when nobody writes to the folder
 * @throws WEIGHTS_NOT_WRITABLE, DISK_FULL, SAVE_FAILED
 */
export async function requestStop(weights: string, disk: Disk = nodeDisk): Promise<StopRequest | undefined> {
  const folder = checkpointsFolder(weights);
  if ((await disk.info(folder)) === undefined) return undefined;
  const writer = await findWriter(disk, folder);
  if (!writer) return undefined;
  const { owner, path: lock } = writer;
  const path = requestOf(lock);
  await disk.append(path, "").catch((error: unknown) => {
    throw diskError(error, weights, 0, undefined);
  });
  return {
    pid: owner.pid,
    host: owner.host,
    since: owner.since,
    async answered() {
      for (;;) {
        // In this order: it answers before it lets go.
        const over = (await findWriter(disk, folder))?.path !== lock;
        const answer = parsed(await disk.readText(path).catch(() => ""));
        if (answer === undefined && !over) {
          await wait(interval);
          continue;
        }
        await disk.remove(path).catch(() => undefined);
        return answer;
      }
    },
  };
}

/** @returns undefined for an answer that is not there, or only in part */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
