/** `--stop-after` and `--stop-at`: what they mean, and asking for the stop when it is time. */
import type { StopTarget } from "./signals.js";

const units = { h: 3600, m: 60, s: 1 } as const;

/** Hours that can be waited for: about ten years. */
const mostHours = 87_600;

/** "8h", "1h30m", "90s" -> seconds; undefined for anything else, and for more than `mostHours`. */
export function durationOf(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?$/.test(value))
    return undefined;
  const parts = [...value.matchAll(/([\d.]+)([hms])/g)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as "h"], 0);
  return seconds > 0 && seconds <= mostHours * units.h ? seconds : undefined;
}

/** "7:00", "23:30" -> minutes since midnight; undefined for anything else. */
export function timeOfDay(value: unknown): number | undefined {
  const [, hours, minutes] =
    /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(typeof value === "string" ? value : "") ?? [];
  return hours === undefined ? undefined : 60 * Number(hours) + Number(minutes);
}

/** When the clock on the wall shows a time next. @param minutes since midnight */
export function nextAt(minutes: number, now: Date): Date {
  const next = new Date(now);
  next.setHours(0, minutes, 0, 0);
  if (next <= now) {
    next.setDate(next.getDate() + 1);
    // That day may be one on which the clocks change.
    next.setHours(0, minutes, 0, 0);
  }
  return next;
}

export interface StopTimes {
  /** Seconds from now. */
  readonly after: number | undefined;
  /** Minutes since midnight. */
  readonly at: number | undefined;
}

/**
 * Asks for a stop at the earlier of the two times. Looks once a second, so that neither a clock that is set nor a night's
 * sleep of the computer matters.
 * @param tell told once, at the beginning, when that will be
 * @returns ends it
 */
export function stopInTime(
  target: StopTarget,
  { after, at }: StopTimes,
  tell: (at: Date) => void,
): () => void {
  if (after === undefined && at === undefined) return () => undefined;
  const begun = performance.now();
  const now = new Date();
  const end = at === undefined ? undefined : nextAt(at, now);
  const times = [after === undefined ? undefined : new Date(now.getTime() + after * 1000), end];
  tell(new Date(Math.min(...times.flatMap((time) => (time ? [time.getTime()] : [])))));
  const timer = setInterval(() => {
    const worked = (performance.now() - begun) / 1000;
    if (worked < (after ?? Infinity) && Date.now() < (end?.getTime() ?? Infinity)) return;
    clearInterval(timer);
    target.request("time");
  }, 1000);
  timer.unref();
  return () => clearInterval(timer);
}
