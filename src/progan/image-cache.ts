/**
 * Decoded images in memory, up to a limit, then on disk (image-spill.ts), the rest decoded again when they are asked for.
 * Which ones stay is decided by order (the first that fit), not by use: an epoch reads every image once in a random
 * order, so any fixed part is as good as a smarter one, and what a lost file is replaced by does not depend on chance.
 */
import type { SpillTrouble } from "../base/image-note.js";
import { totalmem } from "node:os";
import { setImmediate } from "node:timers/promises";
import { createReportPace } from "../base/report-pace.js";
import { createSpill, temporaryFolders, type Spill } from "./image-spill.js";

/** What a container may use is less than what the machine has; 0, or more than there is, where nothing is set. */
const usableMemory = Math.min(totalmem(), process.constrainedMemory() || Infinity);

/** 1 GiB, less on a small machine. */
const defaultCacheBytes = Math.min(2 ** 30, usableMemory / 8);

export interface CacheOptions {
  /** Bytes of decoded images that may stay in memory. */
  readonly cacheBytes?: number | undefined;
  /** Where those that do not fit may go. */
  readonly spillFolders?: readonly string[] | undefined;
  /** Told once where and why some of them are neither in memory nor on disk. */
  readonly onUncached?: ((trouble: SpillTrouble) => void) | undefined;
}

/** Holds the images of one resolution at a time. */
export interface ImageCache {
  /**
   * Loads every item once, in order, in place of all that was kept before. Rejects with the signal's reason as soon as it
   * is aborted.
   */
  fill<Item>(items: readonly Item[], options: FillOptions<Item>): Promise<CachedImages<Item>>;
  /** Gives back the room on disk; the images that were there are decoded again when they are asked for. */
  releaseDisk(): Promise<void>;
}

export interface FillOptions<Item> {
  /** Decodes one image; rejects when it cannot be used. */
  readonly load: (item: Item) => Promise<Uint8Array>;
  /** Of each decoded image. */
  readonly imageBytes: number;
  /** Images loaded at once while preparing. */
  readonly atOnce: number;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal | undefined;
  /** An image that cannot be used; it is left out. */
  readonly onUnusable: (item: Item, error: unknown) => void;
  /** An image that could be used before and cannot be read now; another stands in. */
  readonly onLost: (item: Item, error: unknown) => void;
}

export interface CachedImages<Item> {
  readonly usable: readonly Item[];
  /** @param scratch what an image from the disk is perhaps read into */
  readonly pixels: (index: number, scratch?: Uint8Array) => Promise<Uint8Array>;
}

/** What became of one of several. */
export type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

const outcomeOf = <Value>(work: Promise<Value>): Promise<Outcome<Value>> =>
  work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

/** Does the same with each item, several at once, and gives the outcomes in order. Throws the signal's reason alone. */
export async function* inTurn<Item, Value>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Value>,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly item: Item; readonly result: Outcome<Value> }> {
  const inFlight: Promise<Outcome<Value>>[] = [];
  let started = 0;
  for (const [index, item] of items.entries()) {
    while (started < Math.min(items.length, index + atOnce))
      inFlight.push(outcomeOf(work(items[started++]!)));
    yield { item, result: await unlessAborted(inFlight.shift()!, signal) };
    // Lets signals and timers through when the work never waits by itself.
    await setImmediate();
  }
}

export function createImageCache(options: CacheOptions): ImageCache {
  const { cacheBytes = defaultCacheBytes, spillFolders: folders = temporaryFolders() } = options;
  let resident: Uint8Array[] = [];
  let spill: Spill | undefined;
  let told = false;
  const onTrouble = (trouble: SpillTrouble): void => {
    if (!told) options.onUncached?.(trouble);
    told = true;
  };
  return {
    async fill(items, filling) {
      const { imageBytes, signal } = filling;
      // Also where someone still holds the images of the resolution before.
      resident.length = 0;
      resident = [];
      if (spill) await unlessAborted(spill.close(), signal);
      spill = createSpill({ imageBytes, folders, onTrouble });
      try {
        const capacity = Math.floor(cacheBytes / imageBytes);
        return await fill(items, filling, { resident, capacity, spill });
      } catch (error) {
        // A disk that does not answer must not hold up who wants to be gone.
        void spill.close();
        throw error;
      }
    },
    async releaseDisk() {
      await spill?.close();
    },
  };
}

interface Places {
  /** In memory. */
  readonly resident: Uint8Array[];
  /** Images that fit there. */
  readonly capacity: number;
  readonly spill: Spill;
}

async function fill<Item>(
  items: readonly Item[],
  options: FillOptions<Item>,
  { resident, capacity, spill }: Places,
): Promise<CachedImages<Item>> {
  const { load, signal } = options;
  const usable: Item[] = [];
  const isTime = createReportPace();
  let done = 0;
  const report = () => {
    if (isTime(done >= items.length)) options.onProgress(done, items.length);
  };

  report();
  for await (const { item, result } of inTurn(items, options.atOnce, load, signal)) {
    if ("error" in result) options.onUnusable(item, result.error);
    else {
      usable.push(item);
      if (resident.length < capacity) resident.push(result.value);
      else await unlessAborted(spill.append(result.value), signal);
    }
    done++;
    report();
  }

  return {
    usable,
    async pixels(index, scratch) {
      const kept = resident[index] ?? (await spill.read(index - resident.length, scratch));
      if (kept) return kept;
      const item = usable[index]!;
      const loaded = await outcomeOf(load(item));
      if ("value" in loaded) return loaded.value;
      options.onLost(item, loaded.error);
      const standIn = resident[index % resident.length];
      if (!standIn) throw loaded.error;
      return standIn;
    },
  };
}

/**
 * Waits, but no longer than until the signal is aborted; rejects then with its reason. No `Promise.race` against one
 * promise for all: that would hold every image until the last.
 */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  return new Promise((resolve, reject) => {
    // The reason is the caller's, whatever it is.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    const abort = () => reject(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal?.removeEventListener("abort", abort));
  });
}
