/**
 * Numbers as keys, bounded. V8 places texts in a Map by a secret hash, but numbers by a known one, and big integers by
 * their last 64 bits alone: a file can choose 60,000 keys that all meet in one place, which takes 20 seconds. So the
 * comparisons that the keys could cost at worst are counted before they are put in.
 */
import type { TorchValue } from "./values.js";

/** Half a second of comparisons: 10,000 keys without any order, or half a million that count up. */
const MOST_COMPARISONS = 50e6;

/** Counts a key that is about to be put into a Map or Set. @returns whether it may be */
export type KeyGuard = (container: object, key: TorchValue) => boolean;

/** A guard for all containers of one file. */
export function keyGuard(): KeyGuard {
  const seen = new WeakMap<object, { count: number; largest: number }>();
  let comparisons = 0;
  return (container, key) => {
    if (typeof key !== "number" && typeof key !== "bigint") return true;
    const keys = seen.get(container) ?? { count: 0, largest: 0 };
    seen.set(container, keys);
    keys.largest = Number.isInteger(key) ? Math.max(keys.largest, Math.abs(Number(key))) : Infinity;
    // Whole numbers up to n are spread evenly by the hash; the places are at least half as many as the keys.
    comparisons += Math.min(keys.count, (4 * keys.largest) / (keys.count + 1));
    keys.count += 1;
    return comparisons <= MOST_COMPARISONS;
  };
}
