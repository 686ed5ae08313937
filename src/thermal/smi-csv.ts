/**
 * What `nvidia-smi --query-gpu=... --format=csv` prints, live or in a log: a line of headings, then a line for each card
 * and moment. A value that is not exactly of its kind ("[N/A]", "[Not Supported]", "ERR!") is unknown.
 */
import { slowdownOf, type Given } from "./reading.js";

/** A card's line. */
export interface SmiRow {
  readonly index: number | undefined;
  /** Milliseconds since 1970, where the moment was asked for. */
  readonly time: number | undefined;
  readonly given: Given;
}

/** Why the card is slowed down: the older name, which drivers still know, and the newer one. */
export const oldReasons = "clocks_throttle_reasons.active";
export const newReasons = "clocks_event_reasons.active";

/** The fields that are asked for, with which every driver since 2016 can do something. */
export const smiFields = [
  "index",
  "name",
  "temperature.gpu",
  "power.draw",
  "utilization.gpu",
  "memory.used",
  "memory.total",
  "fan.speed",
  "clocks.current.graphics",
  "clocks.current.memory",
  oldReasons,
] as const;

interface Column {
  readonly measure: Exclude<keyof Given, "card" | "slowdown">;
  /** What stands after the number, and what it is times in our units. */
  readonly units: Readonly<Record<string, number>>;
}

const megabytes = { MiB: 2 ** 20, MB: 1e6, GiB: 2 ** 30 };
const columns: Readonly<Record<string, Column>> = {
  "temperature.gpu": { measure: "temperature", units: { "": 1, C: 1 } },
  "power.draw": { measure: "power", units: { W: 1 } },
  "power.draw.instant": { measure: "power", units: { W: 1 } },
  "utilization.gpu": { measure: "utilisation", units: { "%": 0.01 } },
  "memory.used": { measure: "memoryUsed", units: megabytes },
  "memory.total": { measure: "memoryTotal", units: megabytes },
  "fan.speed": { measure: "fan", units: { "%": 0.01 } },
  "clocks.current.graphics": { measure: "clock", units: { MHz: 1 } },
  "clocks.gr": { measure: "clock", units: { MHz: 1 } },
  "clocks.current.memory": { measure: "memoryClock", units: { MHz: 1 } },
  "clocks.mem": { measure: "memoryClock", units: { MHz: 1 } },
};
const masks = [oldReasons, newReasons];

/** "power.draw [W]" -> its name, and the unit that its values then do not carry. */
const heading = /^([a-z][a-z0-9_.]*)(?: \[(.+)\])?$/;

/**
 * Fields are parted by a comma and a space: "120,34 W" is one of them. Where something has taken the spaces out, by whichever
 * commas make as many fields as there are headings.
 */
function partsOf(line: string, count: number): string[] | undefined {
  return [/, /, /,(?!\d)/, /,/]
    .map((comma) => line.split(comma).map((part) => part.trim()))
    .find(({ length }) => length === count);
}

function valueOf(text: string, { units }: Column, headingUnit: string | undefined): number | undefined {
  const [, digits, unit = ""] = /^(\d+(?:[.,]\d+)?)(?: ?([A-Za-z%]+))?$/.exec(text) ?? [];
  // Some columns have no unit at all; those of "nounits" carry it in their heading.
  const factor =
    (Object.hasOwn(units, unit) ? units[unit] : undefined) ??
    (unit === "" && headingUnit !== undefined ? units[headingUnit] : undefined);
  return digits === undefined || factor === undefined ? undefined : Number(digits.replace(",", ".")) * factor;
}

/** 2025/11/06 15:30:45.123, in local time. */
function timeOf(text: string): number | undefined {
  const parts = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)(?:[.,](\d{1,3}))?$/.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  return (
    new Date(year!, month! - 1, day, hour, minute, second).getTime() +
    Number((parts[7] ?? "0").padEnd(3, "0"))
  );
}

/**
 * Reads the headings.
 * @returns how to read a line below them: undefined for one that has not as many fields. Undefined when these are no headings
 */
export function smiTable(line: string): ((line: string) => SmiRow | undefined) | undefined {
  const headings = line.split(",").map((text) => heading.exec(text.trim()));
  if (!headings.every((match) => match !== null)) return undefined;
  const names = headings.map(([, name]) => name!);
  if (!names.includes("temperature.gpu")) return undefined;
  return (row) => {
    const parts = partsOf(row, names.length);
    if (parts === undefined) return undefined;
    const of = (name: string): string | undefined => parts[names.indexOf(name)];
    const given: Record<string, unknown> = {};
    names.forEach((name, i) => {
      const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
      if (column) given[column.measure] = valueOf(parts[i]!, column, headings[i]![2]);
    });
    const mask = masks.map(of).find((text) => text !== undefined && /^0x[0-9a-f]+$/i.test(text));
    const named = of("name");
    const index = of("index") ?? "";
    return {
      index: /^\d+$/.test(index) ? Number(index) : undefined,
      time: timeOf(of("timestamp") ?? ""),
      given: {
        ...given,
        card: named === undefined || /^\[|ERR!/.test(named) ? undefined : named,
        slowdown: mask === undefined ? undefined : slowdownOf(BigInt(mask)),
      },
    };
  };
}
