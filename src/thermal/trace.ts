/**
 * A course of readings in a file: our own CSV (as `guardapesos monitor --log` writes it), JSON with the same names, or a log
 * of nvidia-smi. Empty fields are unknown.
 */
import { GuardapesosError, reasonOf } from "../base/errors.js";
import {
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

function fromCsv(text: string): readonly Numbered[] {
  const lines = text.split(/\r?\n/);
  const [headings = ""] = lines;
  const rows = lines.slice(1).flatMap((row, i) => (row.trim() === "" ? [] : [{ row, line: i + 2 }]));
  const smi = smiTable(headings);
  if (smi) {
    let start: number | undefined;
    return rows.map(({ row, line }) => ({
      line,
      point: () => {
        const read = smi(row);
        // nvidia-smi repeats its headings when it is started again on the same log.
        if (row === headings) return undefined;
        if (read?.time === undefined) throw new Error("timestamp?");
        start ??= read.time;
        return { seconds: (read.time - start) / 1000, given: read.given };
      },
    }));
  }
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

/**
 * The readings of a trace; `at` counts from its begin.
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
      if (found.seconds < (readings.at(-1)?.at ?? 0)) throw new Error(`seconds: ${found.seconds}`);
      readings.push(readingOf(found.seconds, found.given));
    } catch (error) {
      throw invalid(line, reasonOf(error));
    }
  }
  if (readings.length === 0) throw invalid(1, "0");
  return readings;
}
