/**
 * Whether images that training began with are still there. A disk that is unmounted, or a folder that is moved, must end a
 * training rather than leave it with the few images that happen to be in memory.
 */
import { stat } from "node:fs/promises";
import { GuardapesosError } from "../base/errors.js";

/** More than this share of the images gone is too many. */
const mayBeGone = 0.1;
/** Files looked at now and then: enough to see that a tenth is gone, few enough for a slow disk. */
const sampleSize = 100;

export interface PresenceOptions {
  /** For the error. */
  readonly folder: string;
  /** Seconds between two looks; 5 when left out. */
  readonly every?: number | undefined;
}

export interface Presence {
  /** The images that training began with, by their paths, in place of those before. */
  watch(paths: readonly string[]): void;
  /**
   * An image that could be used before cannot be read now.
   * @throws IMAGES_VANISHED too many are gone
   */
  gone(path: string): void;
  /**
   * Looks after the files now and then, beside the caller, who never waits.
   * @throws IMAGES_VANISHED a look before has found too many gone, and so did the one after it
   */
  look(now?: number): void;
}

export function createPresence({ folder, every = 5 }: PresenceOptions): Presence {
  let paths: readonly string[] = [];
  const gone = new Set<string>();
  let looking = false;
  let lookedAt = performance.now();
  /** Files that the newest looks have missed, one after the other. */
  let missed: readonly number[] = [];

  const isTooMany = (count: number): boolean => count > mayBeGone * paths.length;
  const vanished = (count: number) =>
    new GuardapesosError("IMAGES_VANISHED", { folder, gone: count, of: paths.length });

  async function lookAgain(): Promise<void> {
    const step = Math.max(1, Math.floor(paths.length / sampleSize));
    const some = paths.filter((_, index) => index % step === 0);
    const few = await missing(some);
    const count = few > mayBeGone * some.length && some.length < paths.length ? await missing(paths) : few;
    missed = few > mayBeGone * some.length && isTooMany(count) ? [...missed, count] : [];
  }

  return {
    watch(present) {
      paths = present;
      gone.clear();
      missed = [];
    },
    gone(path) {
      gone.add(path);
      if (isTooMany(gone.size)) throw vanished(gone.size);
    },
    look(now = performance.now()) {
      // Twice: a folder may just be exchanged for another one.
      if (missed.length > 1) throw vanished(missed.at(-1)!);
      if (looking || now - lookedAt < every * 1000) return;
      looking = true;
      lookedAt = now;
      void lookAgain().finally(() => (looking = false));
    },
  };
}

/** How many of these files are gone. */
async function missing(paths: readonly string[]): Promise<number> {
  let count = 0;
  for (const path of paths) if (await isGone(path, stat)) count++;
  return count;
}

/**
 * Whether there is nothing by this name. Whatever else is wrong with a disk may pass.
 * @param look `stat`, or `lstat`: a link that leads nowhere is something
 */
export async function isGone(path: string, look: (path: string) => Promise<unknown>): Promise<boolean> {
  return look(path).then(
    () => false,
    (error: unknown) => ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? ""),
  );
}
