/**
 * Which backup is newer, whether one is due, and which go when one has been made: pure decisions over what is there. Names
 * of backups are dates that a wrong clock may have given; nothing here goes by them but "today".
 */
import type { Generation } from "./generations.js";
import { dayOf } from "./names.js";
import { hasNames } from "./series.js";

/** What the decisions need to know of a backup; `id` is its name. */
export type Dated = Pick<
  Generation,
  "id" | "sequence" | "lineage" | "series" | "savedAt" | "verifiedAt" | "saveId" | "keptByHand"
>;

const hour = 3600_000;

/** Milliseconds by which two clocks that are right may differ. */
const clockTolerance = 60_000;

/** Milliseconds between two backups of a day that nobody has asked for one by one. */
export const leastInterval = 6 * hour;

/** Whether a time lies after `now` (milliseconds since 1970): then it was a wrong clock that said it. */
export function isAhead(iso: string | undefined, now: number): boolean {
  return iso !== undefined && Date.parse(iso) > now + clockTolerance;
}

/**
 * Newest first: by sequence within one line of descent, by the time of saving between them. A time after that of a higher
 * sequence, or after now, was a wrong clock's: the times of those beside it count.
 * @param now milliseconds since 1970
 */
export function newestBackupsFirst<Backup extends Dated>(backups: readonly Backup[], now: number): Backup[] {
  const times = new Map<Backup, number>();
  for (const lineage of new Set(backups.map((one) => one.lineage))) {
    const descent = backups.filter((one) => one.lineage === lineage).sort((a, b) => b.sequence - a.sequence);
    const sane = descent.filter((one) => !isAhead(one.savedAt, now));
    let time = Infinity;
    for (const one of sane) times.set(one, (time = Math.min(time, Date.parse(one.savedAt))));
    for (const one of descent) {
      if (times.has(one)) continue;
      const beside = sane.find((other) => other.sequence <= one.sequence) ?? sane.at(-1);
      times.set(one, beside === undefined ? -Infinity : times.get(beside)!);
    }
  }
  const copied = ({ verifiedAt }: Backup) => (isAhead(verifiedAt, now) ? "" : (verifiedAt ?? ""));
  return [...backups].sort(
    (a, b) =>
      compare(times.get(b)!, times.get(a)!) ||
      b.sequence - a.sequence ||
      compare(copied(b), copied(a)) ||
      compare(b.id, a.id),
  );
}

function compare<Value extends number | string>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether a backup is of the day. */
const isOfDay = ({ id }: Dated, day: string): boolean => id.split("_")[0] === day;

/** Whether a backup is of the same series as a generation: also one that does not say its class, of the same descent. */
function isAlike(backup: Dated, { series, lineage }: Pick<Dated, "series" | "lineage">): boolean {
  const { class: own } = backup.series;
  return (
    hasNames(backup, series) && (own === series.class || (own === undefined && backup.lineage === lineage))
  );
}

/** The backup that the day has of a generation's own descent, and that is no newer than it. */
function ofToday<Backup extends Dated>(backups: readonly Backup[], source: Dated, today: string): Backup[] {
  return backups.filter(
    (one) =>
      isOfDay(one, today) &&
      isAlike(one, source) &&
      one.lineage === source.lineage &&
      one.sequence <= source.sequence,
  );
}

/**
 * The backup because of which none is made yet: today's, of the same save or less than six hours old. undefined: one is due.
 */
export function enoughForNow<Backup extends Dated>(
  backups: readonly Backup[],
  source: Dated,
  now: Date,
): Backup | undefined {
  return ofToday(backups, source, dayOf(now)).find(({ saveId, verifiedAt }) => {
    if (verifiedAt === undefined) return false;
    const age = now.getTime() - Date.parse(verifiedAt);
    return saveId === source.saveId || (age >= 0 && age < leastInterval);
  });
}

/**
 * What goes once `made` has been verified: what the day had before of its descent, and of its series whatever is beyond the
 * newest `keep`. Never `made` itself, nothing of other series, and nothing that a person has marked.
 */
export function outdatedBy<Backup extends Dated>(
  backups: readonly Backup[],
  made: Dated,
  keep: number,
  now: Date,
): Backup[] {
  const replaced = ofToday(backups, made, dayOf(now)).filter(({ id }) => id !== made.id);
  const alike = backups.filter((one) => isAlike(one, made) && one.id !== made.id && !replaced.includes(one));
  const old = newestBackupsFirst(alike, now.getTime()).slice(Math.max(1, keep) - 1);
  return [...replaced, ...old].filter(({ keptByHand }) => !keptByHand);
}
