/**
 * Which of a script's files are one checkpoint: those that it saved with no optimizer step between. Pure. Neither names nor
 * nearness in time prove it: a generator and a critic of two different steps are never made a pair.
 */

/** A file of the script that is whole on disk. */
export interface FinishedSave {
  readonly pid: number;
  /** The script's own path, absolute. */
  readonly path: string;
  /** Where its bytes are to be taken from. */
  readonly source: string;
  readonly format: string;
  readonly bytes: number;
  /** Of this process when it was saved. */
  readonly steps: number;
  readonly batches: number;
  /** Of the last batch, in pixels; undefined where it held no images. */
  readonly imageSide?: number | undefined;
  /** Seconds on the guard's clock. */
  readonly at: number;
}

/** Files of one moment of training, in the order in which they were saved. */
export interface SaveGroup {
  readonly pid: number;
  readonly steps: number;
  readonly batches: number;
  readonly saves: readonly FinishedSave[];
}

/** The group of each process to which another file may still be added. */
export type OpenGroups = ReadonlyMap<number, SaveGroup>;

export interface Grouped {
  readonly open: OpenGroups;
  /** Complete now. */
  readonly complete: readonly SaveGroup[];
}

/** Seconds without a save after which a group counts as complete although no step has followed: an evaluation may last. */
export const quietSeconds = 10;

const remove = (open: OpenGroups, pid: number): OpenGroups =>
  new Map([...open].filter(([known]) => known !== pid));

/** One more file. The same path again takes the place of the one before: it has been overwritten. */
export function withSave(open: OpenGroups, save: FinishedSave): Grouped {
  const { pid, steps, batches } = save;
  const group = open.get(pid);
  if (group?.steps === steps) {
    const others = group.saves.filter(({ path }) => path !== save.path);
    return { open: new Map(open).set(pid, { ...group, saves: [...others, save] }), complete: [] };
  }
  const fresh: SaveGroup = { pid, steps, batches, saves: [save] };
  return { open: new Map(open).set(pid, fresh), complete: group ? [group] : [] };
}

/** A process has made so many steps. @param saving a save of it is under way, which may have begun before them */
export function withSteps(open: OpenGroups, pid: number, steps: number, saving: boolean): Grouped {
  const group = open.get(pid);
  if (group === undefined || saving || steps <= group.steps) return { open, complete: [] };
  return { open: remove(open, pid), complete: [group] };
}

/** Time has passed. @param saving the processes of which a save is under way */
export function withTime(open: OpenGroups, now: number, saving: ReadonlySet<number>): Grouped {
  const complete = [...open.values()].filter(
    ({ pid, saves }) => !saving.has(pid) && now - saves.at(-1)!.at >= quietSeconds,
  );
  return { open: complete.reduce((left, { pid }) => remove(left, pid), open), complete };
}

/** A process has ended: nothing more comes. */
export function withEnd(open: OpenGroups, pid: number): Grouped {
  const group = open.get(pid);
  return group ? { open: remove(open, pid), complete: [group] } : { open, complete: [] };
}

/** Names for files that lie in one folder: their own, and a number in front where two are the same. */
export function artifactNames(paths: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return paths.map((path) => {
    const own = (path.split(/[\\/]/).at(-1) ?? "")
      .normalize()
      .replace(/[^\p{L}\p{N}._-]+/gu, "_")
      .replace(/^[.-]+/, "_");
    const base = own === "" ? "file" : own;
    let name = base;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${number}-${base}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
