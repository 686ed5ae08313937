/** Linux's magic numbers of tmpfs and ramfs (statfs): what is written there takes memory, and no disk. */
const types: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** @param type as statfs tells it */
export const isMemoryFileSystem = (type: number): boolean => types.has(type);
