/**
 * Memory that was given back, by size, for whoever needs as much next: memory that is new costs a system far more than a
 * write to memory that it knows.
 */
export interface FreeList<Item> {
  /** One of this size, whatever is in it: given back, or else new. */
  take(size: number): Item;
  /** REQUIRES: nothing reads from it or writes to it any more. What there is no room for is forgotten. */
  give(item: Item): void;
  /** Forgets what was given back. */
  clear(): void;
}

/**
 * @param make a new one of a size
 * @param sizeOf the size that one was made with
 * @param most how many of a size are kept
 */
export function createFreeList<Item>(
  make: (size: number) => Item,
  sizeOf: (item: Item) => number,
  most = Infinity,
): FreeList<Item> {
  const free = new Map<number, Item[]>();
  return {
    take: (size) => free.get(size)?.pop() ?? make(size),
    give(item) {
      const size = sizeOf(item);
      const same = free.get(size) ?? [];
      if (same.length < most) same.push(item);
      free.set(size, same);
    },
    clear: () => free.clear(),
  };
}
