import { createFreeList } from "../base/free-list.js";

/** A free list of memory that knows what will be asked for, and keeps nothing else. */
export interface SpareMemory {
  /**
   * Forgets what there was and keeps of these buffers what is wanted.
   * @param wanted bytes of each one that will be taken
   */
  keep(buffers: readonly ArrayBuffer[], wanted: readonly number[]): void;
  /** A buffer of so many bytes, whatever is in it: kept, or else new. */
  take(bytes: number): ArrayBuffer;
}

export function createSpareMemory(): SpareMemory {
  const spare = createFreeList(
    (bytes) => new ArrayBuffer(bytes),
    ({ byteLength }) => byteLength,
  );
  return {
    keep(buffers, wanted) {
      spare.clear();
      const left = new Map<number, number>();
      for (const bytes of wanted) left.set(bytes, (left.get(bytes) ?? 0) + 1);
      for (const buffer of buffers) {
        const count = left.get(buffer.byteLength) ?? 0;
        if (count === 0) continue;
        left.set(buffer.byteLength, count - 1);
        spare.give(buffer);
      }
    },
    take: (bytes) => spare.take(bytes),
  };
}
