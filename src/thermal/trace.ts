/**
 * A course of readings in a file: our own CSV (as `guardapesos monitor --log` writes it), JSON with the same names, or a log
 * of nvidia-smi. Empty fields are unknown.
 */
import { GuardapesosError, reasonOf } from "../base/errors.js";
import {
  hottest,
  measures,
  readingOf,
  slowdownReasons,
  type Given,
  type Measure,
  type Reading,
  type SlowdownReason,
} from "./reading.js";
import { smiTable } from "./smi-csv.js";

/** Seconds, every measure, and the slowdown's reasons with a space between. */
const columns = ["seconds", ...measures, "slowdown"] as const;
export const traceHeader = columns.join(",");

/** A reading as a line of a trace. @param seconds since the trace's begin */
export function traceLine(seconds: number, reading: Reading): string {
  const values = measures.map((measure) => reading[measure]);
  return [Number(seconds.toFixed(3)), ...values, reading.slowdown?.join(" ")]
    .map((value) => value ?? "")
    .join(",");
}

interface Point {
  readonly seconds: number;
  readonly given: Given;
}

const isMeasure = (name: string): name is Measure => (measures as readonly string[]).includes(name);

/** @throws for anything that is neither a number nor the text of one */
function numberOf(name: string, value: unknown): number {
  const isText = typeof value === "string" && value.trim() !== "";
  const number = typeof value === "number" || isText ? Number(value) : NaN;
  if (!Number.isFinite(number)) throw new Error(`${name}: ${JSON.stringify(value)}`);
  return number;
}

function reasonsOf(value: unknown): readonly SlowdownReason[] {
  const words = typeof value === "string" ? value.split(" ").filter(Boolean) : [];
  const known = slowdownReasons.filter((reason) => words.includes(reason));
  if (typeof value !== "string" || known.length !== words.length) {
    throw new Error(`slowdown: ${JSON.stringify(value)}`);
  }
  return known;
}

/** One point from its fields by name. @throws what is wrong with it, as text */
function pointOf(fields: readonly (readonly [string, unknown])[]): Point {
  let seconds: number | undefined;
  const given: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    if (name !== "seconds" && name !== "slowdown" && !isMeasure(name)) throw new Error(`${name}?`);
    if (value === undefined || value === null || value === "") continue;
    if (name === "slowdown") given[name] = reasonsOf(value);
    else if (name === "seconds") seconds = numberOf(name, value);
    else given[name] = numberOf(name, value);
  }
  if (seconds === undefined) throw new Error("seconds?");
  return { seconds, given };
}

/** Whether a line is the last of a text, has no end, and what is there may be the begin of a whole one. */
function isCut(text: string, line: number): boolean {
  const lines = text.split("\n");
  const cut = lines[line - 1] ?? "";
  if (line !== lines.length || line < 3) return false;
  const fields = (one = ""): number => one.split(",").length;
  const lastWord = /[^, ]*$/.exec(cut)![0];
  return (
    fields(cut) < fields(lines[0]) ||
    (lastWord !== "" && slowdownReasons.some((reason) => reason.startsWith(lastWord)))
  );
}

interface Numbered {
  /** Of the file, from 1; of a JSON list, the place in it. */
  readonly line: number;
  readonly point: () => Point | undefined;
}

function fromJson(text: string): readonly Numbered[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("[...]?");
  return list.map((one: unknown, i) => ({
    line: i + 1,
    point: () => pointOf(Object.entries(typeof one === "object" && one !== null ? one : {})),
  }));
}

interface Row {
  readonly row: string;
  readonly line: number;
}

/** Seconds within which the lines of several cards are of one moment, where they do not say which card they are of. */
const oneMoment = 0.25;

/** Of several cards in one log, the hottest of each moment: as a sensor that watches them all. */
function fromSmi(
  read: NonNullable<ReturnType<typeof smiTable>>,
  headings: string,
  rows: readonly Row[],
): readonly Numbered[] {
  let start: number | undefined;
  /** Of the moment that is being read. */
  let moment: { seconds: number; cards: Map<number, Given> } | undefined;
  const point = ({ row }: Row): Point | undefined => {
    // nvidia-smi repeats its headings when it is started again on the same log.
    if (row === headings) return undefined;
    const found = read(row);
    if (found?.time === undefined) throw new Error("timestamp?");
    const { time, index, given } = found;
    start ??= time;
    const seconds = (time - start) / 1000;
    const isSame =
      moment !== undefined &&
      (index === undefined ? seconds - moment.seconds <= oneMoment : !moment.cards.has(index));
    if (moment === undefined || !isSame) moment = { seconds, cards: new Map() };
    moment.cards.set(index ?? moment.cards.size, given);
    return { seconds: moment.seconds, given: hottest([...moment.cards.values()])! };
  };
  return rows.map((row) => ({ line: row.line, point: () => point(row) }));
}

function fromCsv(text: string): readonly Numbered[] {
  const lines = text.split(/\r?\n/);
  const [headings = ""] = lines;
  const rows = lines.slice(1).flatMap((row, i) => (row.trim() === "" ? [] : [{ row, line: i + 2 }]));
  const smi = smiTable(headings);
  if (smi) return fromSmi(smi, headings, rows);
  const names = headings.split(",").map((name) => name.trim());
  return rows.map(({ row, line }) => ({
    line,
    point: () => {
      const values = row.split(",").map((value) => value.trim());
      if (values.length !== names.length) throw new Error(`${values.length} ≠ ${names.length}`);
      return pointOf(names.map((name, i) => [name, values[i]] as const));
    },
  }));
}

/** A trace's text: UTF-8, or the UTF-16 that PowerShell's ">" writes, in which every other byte of ASCII is 0. */
export function traceText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff || second === 0 ? "utf-16le" : first === 0xfe || first === 0 ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/**
 * The readings of a trace; `at` counts from its begin. A last line that whoever wrote it was kept from ending is left out
 * where it cannot be read.
 * @throws TRACE_INVALID with the line and what is wrong with it
 */
export function parseTrace(file: string, content: string): readonly Reading[] {
  const text = content.replace(/^\ufeff/, "");
  const invalid = (line: number, reason: string) =>
    new GuardapesosError("TRACE_INVALID", { file, line, reason });
  let numbered: readonly Numbered[];
  try {
    numbered = text.trimStart().startsWith("[") ? fromJson(text) : fromCsv(text);
  } catch (error) {
    throw invalid(1, reasonOf(error));
  }
  const readings: Reading[] = [];
  for (const { line, point } of numbered) {
    try {
      const found = point();
      if (found === undefined) continue;
      const { at: last = 0 } = readings.at(-1) ?? {};
      if (found.seconds < last) throw new Error(`seconds: ${found.seconds}`);
      // One moment, of which more is known now.
      if (found.seconds === last && readings.length > 0) readings.pop();
      readings.push(readingOf(found.seconds, found.given));
    } catch (error) {
      if (isCut(text, line)) break;
      throw invalid(line, reasonOf(error));
    }
  }
  if (readings.length === 0) throw invalid(1, "0");
  return readings;
}
