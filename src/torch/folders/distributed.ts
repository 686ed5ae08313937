/**
 * Folders of torch.distributed.checkpoint: every file that the table names is there and long enough, every item in it is a whole
 * torch file (a `.distcp` is many of them, end to end) or has its place in the safetensors file that the writer put there instead,
 * and holds the part of the tensor that the table says.
 */
import { join } from "node:path";
import { sizeOf } from "../../base/named-arrays.js";
import type { FolderProblem } from "../../base/folder-problem.js";
import { isGuardapesosError } from "../../base/errors.js";
import { readHeader } from "../safetensors.js";
import { openSource, readBytes, type Source } from "../source.js";
import { readTorch } from "../torch-read.js";
import { isKind, type CompoundTensor, type TorchTensor } from "../values.js";
import { describeTensors } from "../describe-tensor.js";
import { describeChunks, elementsOf, type HeldChunk } from "./distributed-tensor.js";
import { readTable, type DistributedTable, type TableItem } from "./distributed-table.js";
import { findingOf } from "./judge-file.js";
import { partOf } from "./source-part.js";
import { nothingFound, together, type Finding, type ForeignTensor } from "./types.js";

/** What the files of one folder gave, as far as it has been read. */
interface Reading {
  readonly problems: FolderProblem[];
  readonly findings: Finding[];
  /** Of each tensor, the chunks that were found. */
  readonly chunks: Map<string, HeldChunk[]>;
  /** Tensors inside what is no tensor itself. */
  readonly tensors: ForeignTensor[];
}

/** @param tableName `.metadata`, or that of one process alone */
export async function judgeDistributed(folder: string, tableName: string): Promise<Finding> {
  let table: DistributedTable;
  try {
    table = await readTable(join(folder, tableName));
  } catch (error) {
    const told = findingOf(tableName, error);
    if (told === undefined) throw error;
    return told;
  }
  const reading: Reading = { problems: [], findings: [], chunks: new Map(), tensors: [] };
  const files = byFile(table.items);
  for (const [file, items] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    await readItems(folder, file, items, table, reading);
  reading.problems.push(...missingItems(tableName, table));
  const tensors: ForeignTensor[] = [];
  for (const [name, tensor] of table.tensors)
    tensors.push(await describeChunks(name, tensor, reading.chunks.get(name) ?? []));
  return together([
    {
      ...nothingFound,
      problems: reading.problems,
      // The table has no checksum, and nothing ties the files of several processes to each other.
      unseen: ["unchecked", ...(files.size > 1 ? (["one-save"] as const) : [])],
      tensors: [...tensors, ...reading.tensors],
    },
    ...reading.findings,
  ]);
}

function byFile(items: readonly TableItem[]): Map<string, TableItem[]> {
  const files = new Map<string, TableItem[]>();
  for (const item of items) {
    const same = files.get(item.file);
    if (same === undefined) files.set(item.file, [item]);
    else same.push(item);
  }
  return files;
}

/** What the table describes and says no place of. */
function missingItems(file: string, { tensors, values, items }: DistributedTable): FolderProblem[] {
  const placed = new Set(items.map(({ name, offsets }) => JSON.stringify([name, offsets ?? null])));
  const names = new Set(items.map(({ name }) => name));
  const holes = [...tensors].filter(([name, { shape, chunks }]) => {
    const covered = chunks.reduce((sum, { sizes }) => sum + sizeOf(sizes), 0);
    return (
      covered < sizeOf(shape) || chunks.some(({ offsets }) => !placed.has(JSON.stringify([name, offsets])))
    );
  });
  const missing = [...holes.map(([name]) => name), ...[...values].filter((name) => !names.has(name))];
  return missing.map((tensor) => ({ file, reason: "tensor-missing", tensor }));
}

async function readItems(
  folder: string,
  file: string,
  items: readonly TableItem[],
  table: DistributedTable,
  reading: Reading,
): Promise<void> {
  const end = Math.max(...items.map(({ start, bytes }) => start + bytes));
  const isInside = !/^\/|\\|(^|\/)\.\.(\/|$)/.test(file);
  const source = isInside ? await openSource(join(folder, file)).catch(missingOf) : undefined;
  if (source === undefined) {
    reading.problems.push({ file, reason: "missing" });
    return;
  }
  try {
    if (source.size < end)
      reading.problems.push({ file, reason: "short", bytes: source.size, expected: end });
    const there = items.filter(({ start, bytes }) => start + bytes <= source.size);
    const asSafetensors = await safetensorsStart(source, there);
    if (asSafetensors !== undefined)
      await readSafetensorsItems(source, file, asSafetensors, there, table, reading);
    const zips = there.filter(({ start }) => start !== asSafetensors);
    for (const item of zips) await readItem(source, file, item, table, reading);
  } finally {
    await source.close();
  }
}

function missingOf(error: unknown): undefined {
  if (isGuardapesosError(error) && (error.data as { reason?: string }).reason === "missing") return undefined;
  throw error;
}

/** Where the tensors stand in one safetensors file, they all have the byte at which it begins. */
async function safetensorsStart(source: Source, items: readonly TableItem[]): Promise<number | undefined> {
  const first = items.find(({ offsets }) => offsets !== undefined);
  if (first === undefined || source.size - first.start < 9) return undefined;
  const start = await readBytes(source, first.start, 9);
  return start[8] === 0x7b && start[0] !== 0x50 ? first.start : undefined;
}

async function readSafetensorsItems(
  source: Source,
  file: string,
  start: number,
  items: readonly TableItem[],
  table: DistributedTable,
  reading: Reading,
): Promise<void> {
  try {
    const part = partOf(source, start, source.size - start, "safetensors");
    const { allTensors } = await readHeader(part);
    for (const item of items.filter((one) => one.start === start)) {
      const tensor = allTensors.get(item.name);
      if (tensor === undefined) reading.problems.push({ file, reason: "tensor-missing", tensor: item.name });
      else await takeTensor(file, item, tensor, table, reading);
    }
  } catch (error) {
    const told = findingOf(file, error);
    if (told === undefined) throw error;
    reading.findings.push(told);
  }
}

async function readItem(
  source: Source,
  file: string,
  item: TableItem,
  table: DistributedTable,
  reading: Reading,
): Promise<void> {
  if (item.isTransformed || (item.offsets === undefined && (await isForeign(source, item)))) {
    reading.findings.push({
      ...nothingFound,
      unseen: ["content"],
      unread: [{ file, feature: "name", name: item.name }],
    });
    return;
  }
  try {
    const torch = await readTorch(partOf(source, item.start, item.bytes, item.name), {
      skipUnknown: true,
      anyValue: item.offsets === undefined,
    });
    await torch.verify();
    const { value } = torch;
    if (!torch.checksums) reading.findings.push({ ...nothingFound, unseen: ["checksums"] });
    if (item.offsets === undefined) {
      const named = [...torch.allTensors()].map(([path, tensor]) => [[item.name, ...path], tensor] as const);
      const { tensors } = await describeTensors(named, { digests: true });
      reading.tensors.push(...tensors.map((tensor) => ({ ...tensor, file })));
    } else if (isKind(value, "tensor") || isKind(value, "compound"))
      await takeTensor(file, item, value, table, reading);
    else reading.problems.push({ file, reason: "tensor-differs", tensor: item.name });
  } catch (error) {
    const told = findingOf(file, error);
    if (told === undefined) throw error;
    const problems = told.problems.map((one): FolderProblem =>
      one.reason === "damaged" ? { file, reason: "item", item: item.name, problem: one.problem } : one,
    );
    reading.findings.push({ ...told, problems });
  }
}

/** Whether a planner of the user's own wrote bytes of its own: no torch file at either end, and not zeros. */
async function isForeign(source: Source, { start, bytes }: TableItem): Promise<boolean> {
  const head = Buffer.from(await readBytes(source, start, Math.min(bytes, 512)));
  const tail = Buffer.from(await readBytes(source, start + Math.max(0, bytes - 22), Math.min(bytes, 22)));
  const isTorch =
    head.subarray(0, 2).equals(Buffer.from("PK")) || tail.subarray(0, 2).equals(Buffer.from("PK"));
  return !isTorch && head[0] !== 0x80 && head.some((byte) => byte !== 0);
}

/** Takes the chunk that an item is, if it is what the table says. */
async function takeTensor(
  file: string,
  { name, offsets = [] }: TableItem,
  tensor: TorchTensor | CompoundTensor,
  table: DistributedTable,
  reading: Reading,
): Promise<void> {
  const wanted = table.tensors.get(name);
  const chunk = wanted?.chunks.find((one) => String(one.offsets) === String(offsets));
  const isSame =
    wanted?.dtype === tensor.dtype &&
    chunk !== undefined &&
    String(chunk.sizes) === String(tensor.shape ?? []);
  if (!isSame) {
    reading.problems.push({ file, reason: "tensor-differs", tensor: name });
    return;
  }
  const { tensors } = await describeTensors([[[name], tensor]], { digests: true });
  const [description] = tensors;
  const elements = await elementsOf(tensor, wanted, chunk);
  const held = reading.chunks.get(name) ?? [];
  held.push({ chunk, file, description: description!, elements });
  reading.chunks.set(name, held);
}
