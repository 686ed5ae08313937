/** Memory that was given back, for the next arrays of its sizes: memory that is new costs a system far more than a write. */
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
  const spare = new Map<number, ArrayBuffer[]>();
  return {
    keep(buffers, wanted) {
      spare.clear();
      const left = new Map<number, number>();
      for (const bytes of wanted) left.set(bytes, (left.get(bytes) ?? 0) + 1);
      for (const buffer of buffers) {
        const bytes = buffer.byteLength;
        const count = left.get(bytes) ?? 0;
        if (count === 0) continue;
        left.set(bytes, count - 1);
        spare.set(bytes, [...(spare.get(bytes) ?? []), buffer]);
      }
    },
    take: (bytes) => spare.get(bytes)?.pop() ?? new ArrayBuffer(bytes),
  };
}
