/**
 * Which checkpoints in a folder that somebody else writes to are finished, and which files are one of them: pure. A file is finished
 * when it has been still for a while and proves itself; of one that cannot, longer stillness is asked for.
 */

/** A checkpoint as one look saw it. */
export interface Seen {
  readonly path: string;
  /** Names, sizes and times of its files: the same text, the same state. */
  readonly signature: string;
}

interface Standing {
  readonly signature: string;
  /** Seconds on the watcher's clock, of the first look that saw it so. */
  readonly since: number;
}

export type Standings = ReadonlyMap<string, Standing>;

/** What is known after one more look. What has gone is forgotten. @param now seconds */
export function withLook(before: Standings, seen: readonly Seen[], now: number): Standings {
  return new Map(
    seen.map(({ path, signature }) => {
      const known = before.get(path);
      return [path, known?.signature === signature ? known : { signature, since: now }];
    }),
  );
}

/** Seconds for which a checkpoint has been as it is. */
export function stillFor(standings: Standings, path: string, now: number): number {
  const standing = standings.get(path);
  return standing === undefined ? 0 : now - standing.since;
}

/** What is known of a single file that may be one of a pair. */
export interface LooseFile {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970: when it was written last, and when it was made. */
  readonly changed: number;
  readonly born: number;
  /** As it says itself. */
  readonly progress: { readonly step?: number; readonly epoch?: number; readonly updates?: number };
}

/** Words for the parts of a training that are saved into files of their own. */
const roles =
  /^(generator|gen|g|netg|critic|discriminator|disc|d|netd|c|model|net|weights|optimizer|optim|opt|scheduler|scaler|ema|encoder|decoder|actor|value|target)$/i;

/** A file's name with the word for its part taken out: files of one save differ in it alone. undefined: it has no such word. */
export function familyOf(path: string): string | undefined {
  const words = path.split(/([^\p{L}\p{N}]+)/u);
  const from = words.length - 1 - [...words].reverse().findIndex((word) => /[\\/]/.test(word));
  const at = words.findIndex((word, i) => i >= (from > words.length - 1 ? 0 : from) && roles.test(word));
  return at < 0 ? undefined : words.with(at, "*").join("");
}

/** Seconds between the ends of two saves of one moment, beside what the second takes to be written. */
const apartAtMost = 2;
const bytesPerSecond = 50e6;
/** Where both files say the same step or epoch. */
const apartAtMostAgreeing = 60;

/**
 * Whether two files are of the same save, as far as that can be told by looking: what they say of themselves must not differ, they
 * were written right after each other, and in the order in which they were made. Two of different steps must never pass, so all
 * doubt is a no.
 */
export function isPair(one: LooseFile, other: LooseFile): boolean {
  const [first, second] = one.changed <= other.changed ? [one, other] : [other, one];
  const { progress: a } = first;
  const { progress: b } = second;
  for (const key of ["step", "epoch"] as const)
    if (a[key] !== undefined && b[key] !== undefined && a[key] !== b[key]) return false;
  // Several updates of a critic to each of its generator are a whole number of them; one that is behind is not.
  if (a.updates !== undefined && b.updates !== undefined) {
    const [least, most] = [Math.min(a.updates, b.updates), Math.max(a.updates, b.updates)];
    if (least === 0 ? most > 0 : most % least !== 0) return false;
  }
  // A script always saves in the same order. The one that was made first and was written last is of a later step.
  if (first.born > second.born && first.changed < second.changed) return false;
  const agreeing = (["step", "epoch"] as const).some((key) => a[key] !== undefined && a[key] === b[key]);
  const most = (agreeing ? apartAtMostAgreeing : apartAtMost) + second.bytes / bytesPerSecond;
  return (second.changed - first.changed) / 1000 <= most;
}

/** Files that were found finished in one look, as the sets that they are kept in: each with those of its save. */
export function setsOf(files: readonly LooseFile[]): readonly (readonly LooseFile[])[] {
  const sets: LooseFile[][] = [];
  for (const file of [...files].sort((a, b) => a.changed - b.changed)) {
    const family = familyOf(file.path);
    const set = sets.find(
      (one) =>
        family !== undefined &&
        familyOf(one[0]!.path) === family &&
        one.every((other) => isPair(other, file)),
    );
    if (set === undefined) sets.push([file]);
    else set.push(file);
  }
  return sets;
}

/** Names for files in one folder of the store: without folders and leading dots, and no two the same. */
export function storedNames(paths: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return paths.map((path) => {
    const own = path
      .normalize()
      .replace(/[\\/]+/g, "__")
      .replace(/[^\p{L}\p{N}._=-]+/gu, "_")
      .replace(/^\.+/, "_")
      .slice(-120);
    const base = own.replace(/^\.+/, "_").replace(/[. ]$/, "_") || "file";
    let name = /^(manifest|verified|kept)\.json$/i.test(base) ? `_${base}` : base;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${number}-${base}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
