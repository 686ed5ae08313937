/** Numbers, sizes, times and lists as each language writes them. Plain spaces only, so that logs can be searched. */

export const languages = ["en", "es"] as const;
export type Language = (typeof languages)[number];

export interface Formats {
  readonly integer: (value: number) => string;
  /** With exactly `digits` decimals. */
  readonly decimal: (value: number, digits: 0 | 1 | 2 | 3) => string;
  /** A whole number as it is, another with four figures. */
  readonly figure: (value: number) => string;
  /** A share from 0 to 1. */
  readonly percent: (share: number) => string;
  readonly bytes: (value: number) => string;
  /** In words: "3m 20s", "3 min 20 s". */
  readonly duration: (seconds: number) => string;
  /** As a clock shows it: 03:20, 1:03:20. */
  readonly clock: (seconds: number) => string;
  /** A moment in the reader's own time zone. */
  readonly moment: (iso: string) => string;
  readonly and: (items: readonly string[]) => string;
  readonly or: (items: readonly (string | number)[]) => string;
}

const plainSpaces = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");

/** Formats of a language. */
export function formats(language: Language): Formats {
  const number = (options: Intl.NumberFormatOptions) => {
    const format = new Intl.NumberFormat(language, options);
    return (value: number) => plainSpaces(format.format(value));
  };
  const unit = (name: string, unitDisplay: "short" | "narrow", maximumFractionDigits: number) =>
    number({ style: "unit", unit: name, unitDisplay, maximumFractionDigits });
  const timeUnit = (name: string) => unit(name, language === "es" ? "short" : "narrow", 0);

  const integer = number({ maximumFractionDigits: 0 });
  const decimals = [0, 1, 2, 3].map((digits) =>
    number({ minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false }),
  );
  const fourFigures = number({ maximumSignificantDigits: 4 });
  const percent = number({ style: "percent", maximumFractionDigits: 0 });
  const tenths = unit("second", language === "es" ? "short" : "narrow", 1);
  const [day, hour, minute, second] = [
    timeUnit("day"),
    timeUnit("hour"),
    timeUnit("minute"),
    timeUnit("second"),
  ];
  const sizes = [
    (value: number) => `${integer(value)} B`,
    ...["kilobyte", "megabyte", "gigabyte", "terabyte"].map((name, i) => unit(name, "short", i < 2 ? 0 : 1)),
  ];
  const conjunction = new Intl.ListFormat(language, { type: "conjunction" });
  const disjunction = new Intl.ListFormat(language, { type: "disjunction" });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

  return {
    integer,
    figure: (value) => (Number.isInteger(value) ? integer(value) : fourFigures(value)),
    percent,
    decimal: (value, digits) => decimals[digits]!(value),
    bytes(value) {
      let power = 0;
      while (value >= 999.5 * 1000 ** power && power < sizes.length - 1) power++;
      return sizes[power]!(value / 1000 ** power);
    },
    duration(seconds) {
      if (seconds < 9.95) return tenths(seconds);
      const whole = Math.round(seconds);
      const [days, hours, minutes] = [whole / 86_400, (whole / 3600) % 24, (whole / 60) % 60].map(Math.floor);
      if (days! > 0) return `${day(days!)} ${hour(hours!)}`;
      if (hours! > 0) return `${hour(hours!)} ${minute(minutes!)}`;
      if (minutes! > 0) return `${minute(minutes!)} ${second(whole % 60)}`;
      return second(whole);
    },
    clock(seconds) {
      const whole = Math.round(seconds);
      const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
      const short = `${two((whole / 60) % 60)}:${two(whole % 60)}`;
      return whole < 3600 ? short : `${Math.floor(whole / 3600)}:${short}`;
    },
    moment: (iso) => plainSpaces(moment.format(new Date(iso))),
    and: (items) => conjunction.format(items),
    or: (items) => disjunction.format(items.map(String)),
  };
}
