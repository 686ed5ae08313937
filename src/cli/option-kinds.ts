/**
 * What each kind of option takes: one line for both the command line and the config file. A word that was typed becomes
 * what a config file would have in its place; the value that comes of that is judged by the same rule.
 */
import type { Expected } from "../base/errors.js";
import { autosaveOf } from "../progan/config.js";
import { parseSensor } from "../thermal/sensors/open.js";
import { durationOf, timeOfDay } from "./stop-time.js";

/** What options take; the rest of what can be expected concerns whole files. */
export type OptionExpected = Expected & { readonly kind: Exclude<Expected["kind"], "object" | "recipes"> };

interface OptionKind<E extends OptionExpected> {
  /** What a config file would have for a typed word; whatever is not accepted, where no word can stand for a value. */
  readonly fromWord: (typed: string, expected: E) => unknown;
  /** The option's value; undefined for what it does not take. */
  readonly accept: (value: unknown, expected: E) => unknown;
}

/** A name that can stand in a file name on every system, its letters composed. */
const namePattern = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u;

/** Longer ones do not fit into the names of all files that they become part of: 255 bytes, a label of 64 among them. */
const longestName = { characters: 100, bytes: 140 };

export function isName(value: string): boolean {
  const short = value.length <= longestName.characters && Buffer.byteLength(value) <= longestName.bytes;
  return short && namePattern.test(value);
}

/** Whether a text says something that a path or a name can be: no system has one with a NUL. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" && value.trim() !== "" && !value.includes("\0");

const trimmed = (typed: string): string => typed.trim();
const digits = (typed: string): number | undefined =>
  /^\d+$/.test(typed.trim()) ? Number(typed) : undefined;
const anyNumber = (typed: string): number | undefined => (typed.trim() === "" ? undefined : Number(typed));

const isWhole = (value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** One number for all resolutions, or one for each. */
function numberForEach(
  value: unknown,
  { min, max, count }: { min: number; max: number; count: number },
): readonly number[] | undefined {
  if (isWhole(value, min, max)) return Array.from({ length: count }, () => value);
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const fits = (one: unknown): one is number => isWhole(one, min, max);
  return list.length === count && list.every(fits) ? list : undefined;
}

const kinds: {
  readonly [Kind in OptionExpected["kind"]]: OptionKind<OptionExpected & { readonly kind: Kind }>;
} = {
  // Blanks may be part of a path.
  text: { fromWord: (typed) => typed, accept: (value) => (isText(value) ? value : undefined) },
  texts: {
    fromWord: (typed) => [typed],
    accept: (value) => {
      const list: readonly unknown[] = Array.isArray(value) ? value : [value];
      return list.every(isText) ? list : undefined;
    },
  },
  name: {
    fromWord: trimmed,
    accept(value) {
      const name = typeof value === "string" ? value.normalize() : "";
      return isName(name) ? name : undefined;
    },
  },
  boolean: {
    fromWord: () => undefined,
    accept: (value) => (typeof value === "boolean" ? value : undefined),
  },
  integer: {
    fromWord: digits,
    accept: (value, { min, max }) => (isWhole(value, min, max) ? value : undefined),
  },
  number: {
    fromWord: anyNumber,
    accept: (value, { above }) => (isNumber(value) && value > above ? value : undefined),
  },
  "number-from": {
    fromWord: anyNumber,
    accept: (value, { min, max }) => (isNumber(value) && value >= min && value <= max ? value : undefined),
  },
  sensor: {
    fromWord: trimmed,
    accept: (value) => (typeof value === "string" && parseSensor(value) !== undefined ? value : undefined),
  },
  interval: { fromWord: (typed) => digits(typed) ?? trimmed(typed), accept: autosaveOf },
  duration: { fromWord: trimmed, accept: durationOf },
  "time-of-day": { fromWord: trimmed, accept: timeOfDay },
  integers: {
    fromWord: (typed) => (typed.includes(",") ? typed.split(",").map(digits) : digits(typed)),
    accept: numberForEach,
  },
  "one-of": {
    fromWord: (typed, { values }) => values.find((value) => String(value) === typed.trim()),
    accept: (value, { values }) => values.find((known) => known === value),
  },
};

/** The kind of an option whose kind is not known where it is asked for. */
const kindOf = ({ kind }: OptionExpected): OptionKind<OptionExpected> =>
  kinds[kind] as OptionKind<OptionExpected>;

/** A value of the config file as the option's; undefined for what the option does not take. */
export function acceptedValue(value: unknown, expected: OptionExpected): unknown {
  return kindOf(expected).accept(value, expected);
}

/** A typed word as the option's value; undefined for what the option does not take. */
export function acceptedWord(typed: string, expected: OptionExpected): unknown {
  return acceptedValue(kindOf(expected).fromWord(typed, expected), expected);
}
