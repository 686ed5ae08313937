/** What is inside a torch or safetensors file, in lines for a person. */
import { printable } from "../../base/printable.js";
import type { Json, OptimizerDescription, TensorDescription, TorchDescription } from "../../torch/index.js";
import type { Texts } from "../../texts/index.js";
import type { Position } from "../../events/event.js";
import { table } from "./table.js";

type Tensor = Pick<
  TensorDescription,
  "name" | "dtype" | "layout" | "shape" | "elements" | "bytes" | "shares" | "statistics"
>;

/** What both formats have, and what only torch files have. */
export type Inspection = Pick<TorchDescription, "file" | "bytes" | "nonFinite"> &
  Partial<
    Pick<
      TorchDescription,
      "checksums" | "skipped" | "keys" | "scalars" | "stateDict" | "stateDicts" | "optimizers" | "progress"
    >
  > & {
    readonly format: TorchDescription["format"] | "safetensors";
    readonly tensors: readonly Tensor[];
    /** Texts beside the tensors of a safetensors file. */
    readonly metadata?: Readonly<Record<string, string>>;
  };

const formatNames = { zip: "PyTorch (zip)", legacy: "PyTorch (legacy)", safetensors: "safetensors" } as const;
const MOST_KEYS = 20;
/** Characters of a text that are shown. */
const MOST_TEXT = 120;

/**
 * @param position where training stood, for a file of ours
 * @param width columns that the table may take
 */
export function inspectionLines(
  inspection: Inspection,
  texts: Texts,
  position: Position | undefined,
  width = Infinity,
): string[] {
  const { file, bytes, format, keys, scalars = {}, stateDict, optimizers = [], tensors } = inspection;
  const { checksums = false, skipped = [], metadata = {} } = inspection;
  const { inspected, notFinite } = texts.commands;
  const lines = [inspected.file(file, formatNames[format], bytes)];
  if (keys !== undefined && keys.length <= MOST_KEYS) lines.push(inspected.keys(keys.map(printable)));
  for (const [name, text] of Object.entries(metadata).slice(0, MOST_KEYS))
    lines.push(`   ${printable(name)}: ${printable(shortened(text))}`);
  for (const [name, value] of Object.entries(scalars).slice(0, MOST_KEYS))
    lines.push(`   ${printable(name)}: ${printable(plain(value))}`);
  const { stateDicts = stateDict === undefined ? [] : [stateDict] } = inspection;
  for (const { name, prefix, tensors: count, elements } of stateDicts) {
    lines.push(inspected.stateDict(name === "" ? undefined : printable(name), count, elements));
    if (prefix !== undefined) lines.push(inspected.prefix(printable(prefix)));
  }
  lines.push(...optimizers.flatMap((optimizer) => optimizerLines(optimizer, texts)));
  const { generation, saved_at: savedAt } = ours(inspection.progress);
  if (generation !== undefined) lines.push(inspected.saved(printable(generation), savedAt));
  if (position !== undefined) lines.push(inspected.position(position));
  if (tensors.length > 0) lines.push("", ...tensorLines(inspection, texts, width));
  if (skipped.length > 0) lines.push("", inspected.skipped(skipped.slice(0, MOST_KEYS).map(printable)));
  lines.push("", checksums ? inspected.checked : inspected.unchecked);
  const { nonFinite } = inspection;
  if (nonFinite !== undefined) lines.push(nonFinite === 0 ? inspected.allFinite : notFinite(nonFinite));
  return lines;
}

/** What a file of ours says of its save; a foreign one may have anything under the same key. */
function ours(progress: Json | undefined): { readonly generation?: string; readonly saved_at?: string } {
  const { generation, saved_at: savedAt } = (progress ?? {}) as { readonly [key: string]: Json | undefined };
  const isTime = typeof savedAt === "string" && !Number.isNaN(Date.parse(savedAt));
  return {
    ...(typeof generation === "string" ? { generation } : {}),
    ...(isTime ? { saved_at: savedAt } : {}),
  };
}

function optimizerLines(optimizer: OptimizerDescription, { commands: { inspected } }: Texts): string[] {
  const { name, kind, parameters, withState, steps, groups } = optimizer;
  const lines = [inspected.optimizer(printable(name), kind ?? inspected.unknown, parameters, withState)];
  if (steps !== undefined) lines.push(inspected.steps(...steps));
  for (const group of groups.slice(0, MOST_KEYS)) {
    const options = Object.entries(group).filter(([, value]) => value !== null && value !== false);
    lines.push(inspected.options(options.map(([key, value]) => printable(`${key} ${plain(value)}`))));
  }
  return lines;
}

/** The table of tensors. */
export function tensorLines(
  { tensors, optimizers = [], nonFinite }: Pick<Inspection, "tensors" | "optimizers" | "nonFinite">,
  { format, commands: { inspected } }: Texts,
  width: number,
): string[] {
  const stats = nonFinite !== undefined;
  const rows = grouped(tensors, optimizers).map(({ tensor, count }) => {
    const { name, dtype, layout, shape, bytes, shares, statistics } = tensor;
    const size = count > 1 ? inspected.tensors(count) : sizeText(shape);
    const { min, max, mean, nan = 0, infinite = 0 } = statistics ?? {};
    const bad = statistics === undefined ? "-" : format.integer(nan + infinite);
    return [
      printable(name),
      layout === undefined ? dtype : `${dtype} ${layout}`,
      size,
      format.bytes(bytes),
      ...(stats ? [figure(min), figure(max), figure(mean), bad] : []),
      shares === undefined ? "" : inspected.shares(printable(shares)),
    ];
  });
  return table([[...inspected.columns, ...(stats ? inspected.statistics : []), ""], ...rows], width);
}

/** "-" for a single number, and for a nested tensor, which has no size of its own. */
function sizeText(shape: Tensor["shape"]): string {
  return shape === null || shape.length === 0 ? "-" : shape.join("x");
}

interface Row {
  readonly tensor: Tensor;
  readonly count: number;
}

/** The weights one by one; of an optimizer's state, three tensors for each of them, one row for each kind. */
function grouped(tensors: readonly Tensor[], optimizers: readonly OptimizerDescription[]): Row[] {
  const prefixes = optimizers.map(({ name }) => (name === "" ? "state." : `${name}.state.`));
  const rows: Row[] = [];
  /** Where the row of each kind of state is, by its name and then by its type. */
  const places = new Map<string, Map<string, number>>();
  for (const tensor of tensors) {
    const prefix = prefixes.find((one) => tensor.name.startsWith(one));
    if (prefix === undefined) {
      rows.push({ tensor, count: 1 });
      continue;
    }
    const name = `${prefix}*.${tensor.name.slice(prefix.length).split(".").slice(1).join(".")}`;
    const byType = places.get(name) ?? new Map<string, number>();
    places.set(name, byType);
    const place = byType.get(tensor.dtype) ?? rows.length;
    byType.set(tensor.dtype, place);
    const before = rows[place];
    rows[place] = {
      tensor: before === undefined ? { ...tensor, name } : merged(before.tensor, tensor),
      count: (before?.count ?? 0) + 1,
    };
  }
  return rows;
}

function merged(all: Tensor, { statistics: b, elements, bytes }: Tensor): Tensor {
  const a = all.statistics;
  const sum = { ...all, elements: all.elements + elements, bytes: all.bytes + bytes };
  if (a === undefined || b === undefined) return sum;
  const [nan, infinite] = [a.nan + b.nan, a.infinite + b.infinite];
  if (a.mean === null || b.mean === null)
    return { ...sum, statistics: { ...(a.mean === null ? b : a), nan, infinite } };
  const finite = [all.elements - a.nan - a.infinite, elements - b.nan - b.infinite] as const;
  const mean = (a.mean * finite[0] + b.mean * finite[1]) / (finite[0] + finite[1]);
  const [min, max] = [Math.min(a.min!, b.min!), Math.max(a.max!, b.max!)];
  return { ...sum, statistics: { min, max, mean, nan, infinite } };
}

function shortened(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}...`;
}

/** Several values in parentheses, as Python writes a tuple. */
function plain(value: Json): string {
  if (Array.isArray(value)) return `(${value.map(plain).join(", ")})`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Four significant digits, whole numbers as they are; the same in every language, as programs write numbers. */
function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "-";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  return Math.abs(value) < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(3);
}
