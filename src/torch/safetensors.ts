/**
 * The safetensors format, both ways, as strictly as its own library: a header of JSON (8 bytes of length before it),
 * then the tensors, row-major and little-endian, one after the other without gaps, up to the end of the file.
 * Source: https://github.com/huggingface/safetensors, README "Format" and src/tensor.rs. It has no checksums.
 */
import type { TorchProblem } from "../base/torch-problem.js";
import { sizeOf } from "../base/named-arrays.js";
import { opaqueView } from "./compound.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { JsonProblem, parseStrictObject, type StrictJson } from "./json-strict.js";
import { beginningOf, notSafetensors } from "./look.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { piecesOf } from "./pieces.js";
import { openFile } from "../base/file-sink.js";
import { openSource, readBytes, type Source } from "./source.js";
import { byteStream, type WrittenFile } from "./stream.js";
import { rowMajorStrides, tensorOver } from "./tensor.js";
import type { WriteOptions } from "./torch-write.js";
import type { CompoundTensor, TorchStorage, TorchTensor } from "./values.js";

/** Bytes of the largest header: 80,000 tensors. The format's own library takes twelve times as much. */
const MAX_HEADER = 8 * 2 ** 20;
const CHUNK = 4 * 2 ** 20;
const METADATA = "__metadata__";
/** Of the header's JSON. An entry of a tensor has about ten values, the metadata what people put there. */
const LIMITS = { depth: 3, values: 10_000 } as const;

export interface SafetensorsFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Texts beside the tensors. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the header's order; their data is read on demand. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** The same with those whose type is not known, which are given as their bytes. */
  readonly allTensors: ReadonlyMap<string, TorchTensor | CompoundTensor>;
  close(): Promise<void>;
}

const byName = new Map<string, Dtype>(
  Object.entries(dtypes).flatMap(([name, facts]) =>
    facts.safetensors === undefined ? [] : [[facts.safetensors, name as Dtype] as const],
  ),
);

/**
 * Opens a safetensors file: reads its header and checks that it accounts for every byte of the file.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_UNSUPPORTED (a header that is too large)
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return openedSafetensors(await openSource(path));
}

/** The same for any source of bytes, which is closed with the file, or when it is none. */
export async function openedSafetensors(source: Source): Promise<SafetensorsFile> {
  const { path } = source;
  try {
    return { path, size: source.size, ...(await readHeader(source)), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The same for any source of bytes, which stays open. */
export async function readHeader(
  source: Source,
): Promise<Pick<SafetensorsFile, "metadata" | "tensors" | "allTensors">> {
  const origin: Origin = { file: source.path, where: "header", base: 0 };
  const problem = notSafetensors(await beginningOf(source));
  if (problem !== undefined) throw invalid({ ...origin, where: "start" }, 0, problem);
  if (source.size < 8) throw invalid(origin, source.size, { reason: "cut-off" });
  const length = Number(new DataView((await readBytes(source, 0, 8)).buffer).getBigUint64(0, true));
  if (8 + length > source.size) throw invalid(origin, 0, { reason: "cut-off" });
  if (length > MAX_HEADER)
    throw unsupported(source.path, { feature: "size", where: origin.where, bytes: length });
  const text = decoded(await readBytes(source, 8, length), origin);

  const dataStart = 8 + length;
  const views: View[] = [];
  let metadata = new Map<string, string>();
  readEntries(text, origin, (name, entry) => {
    if (name === METADATA) metadata = metadataIn(entry, origin);
    else views.push(viewIn(source, name, entry, dataStart, origin));
  });
  let end = 0;
  for (const view of [...views].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (view.begin !== end) throw invalid(origin, 8, { reason: "entry", tensor: view.name });
    end = view.end;
  }
  if (end !== source.size - dataStart) throw invalid(origin, dataStart + end, { reason: "appended" });
  const allTensors = new Map(views.map(({ name, tensor }) => [name, tensor]));
  const isPlain = (pair: [string, TorchTensor | CompoundTensor]): pair is [string, TorchTensor] =>
    pair[1].kind === "tensor";
  return { metadata, allTensors, tensors: new Map([...allTensors].filter(isPlain)) };
}

function decoded(bytes: Uint8Array, origin: Origin): string {
  if (bytes[0] !== 0x7b) throw invalid(origin, 8, { reason: "json" });
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(origin, 8, { reason: "json" });
  }
}

function readEntries(text: string, origin: Origin, visit: (name: string, entry: StrictJson) => void): void {
  try {
    parseStrictObject(text, LIMITS, visit);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw invalid(origin, 8 + Buffer.byteLength(text.slice(0, error.at)), { reason: "json" });
  }
}

function objectIn(json: StrictJson, origin: Origin, problem: TorchProblem): Map<string, StrictJson> {
  if (!(json instanceof Map)) throw invalid(origin, 8, problem);
  return json;
}

function metadataIn(json: StrictJson, origin: Origin): Map<string, string> {
  const problem: TorchProblem = { reason: "entry", tensor: METADATA };
  const texts = [...objectIn(json, origin, problem)].map(([key, text]): [string, string] => {
    if (typeof text !== "string") throw invalid(origin, 8, problem);
    return [key, text];
  });
  return new Map(texts);
}

/** Undefined for anything but a list of whole numbers. */
function wholeNumbers(json: StrictJson | undefined): number[] | undefined {
  const isWhole = (n: StrictJson) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0;
  return Array.isArray(json) && json.every(isWhole) ? (json as number[]) : undefined;
}

interface View {
  readonly name: string;
  /** Bytes of the data where it begins and ends. */
  readonly begin: number;
  readonly end: number;
  readonly tensor: TorchTensor | CompoundTensor;
}

function viewIn(source: Source, name: string, json: StrictJson, dataStart: number, origin: Origin): View {
  const problem: TorchProblem = { reason: "entry", tensor: name };
  const entry = objectIn(json, origin, problem);
  const type = entry.get("dtype");
  const shape = wholeNumbers(entry.get("shape"));
  const [begin, end, ...more] = wholeNumbers(entry.get("data_offsets")) ?? [];
  const complete =
    entry.size === 3 && shape !== undefined && begin !== undefined && end !== undefined && more.length === 0;
  if (typeof type !== "string" || !complete) throw invalid(origin, 8, problem);
  const dtype = byName.get(type);
  if (dtype === undefined) return unknownView(source, { name, type, shape, begin, end }, dataStart, origin);
  const bytes = sizeOf(shape) * dtypes[dtype].size;
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes) throw invalid(origin, 8, problem);
  if (dataStart + end > source.size) throw invalid(origin, 8, { reason: "cut-off" });
  const storage = storageAt(source, dataStart + begin, dtype, sizeOf(shape));
  const strides = rowMajorStrides(shape);
  const tensor = tensorOver({
    dtype,
    shape,
    strides,
    offset: 0,
    storage,
    requiresGrad: false,
    parameter: false,
  });
  return { name, begin, end, tensor };
}

interface UnknownEntry extends Pick<View, "name" | "begin" | "end"> {
  readonly type: string;
  readonly shape: readonly number[];
}

/** A tensor of a type that is not known: how many bytes it takes stands in its entry alone. */
function unknownView(source: Source, entry: UnknownEntry, dataStart: number, origin: Origin): View {
  const { name, type, shape, begin, end } = entry;
  if (end < begin || !Number.isSafeInteger(sizeOf(shape)))
    throw invalid(origin, 8, { reason: "entry", tensor: name });
  if (dataStart + end > source.size) throw invalid(origin, 8, { reason: "cut-off" });
  const storage = storageAt(source, dataStart + begin, "uint8", end - begin);
  return { name, begin, end, tensor: opaqueView("unknown-type", type, storage, shape, false) };
}

function storageAt(source: Source, position: number, dtype: Dtype, length: number): TorchStorage {
  const size = length * dtypes[dtype].size;
  return {
    kind: "storage",
    dtype,
    length,
    location: "cpu",
    identity: {},
    readInto: (start, target) => source.readInto(position + start, target),
    async *chunks() {
      for (let at = 0; at < size; at += CHUNK) {
        yield await readBytes(source, position + at, Math.min(CHUNK, size - at));
      }
    },
  };
}

/**
 * Creates `path`, which must not exist; the file has been fsynced when this returns. Tensors with larger elements come
 * first, so that all are aligned.
 * @param metadata texts beside the tensors
 * @throws TORCH_FILE_UNSUPPORTED for a type that safetensors does not have; Node's own errors from the disk
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: TorchTensor]>,
  metadata: Iterable<readonly [string, string]> = [],
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const ordered = [...tensors].sort(([, a], [, b]) => dtypes[b.dtype].size - dtypes[a.dtype].size);
  const header = headerOf(path, ordered, new Map(metadata));
  const sink = await (options.open ?? openFile)(path);
  try {
    const stream = byteStream(sink, options);
    await stream.append(header);
    for (const [, tensor] of ordered) {
      for await (const piece of piecesOf(tensor)) await stream.append(piece);
    }
    const written = await stream.finish();
    await sink.sync();
    await sink.close();
    return written;
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

function headerOf(
  path: string,
  tensors: readonly (readonly [string, TorchTensor])[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  // Written by hand: an object of JavaScript would put keys such as "12" before the others.
  const entries: string[] = [];
  if (metadata.size > 0) entries.push(`"${METADATA}":${JSON.stringify(Object.fromEntries(metadata))}`);
  let end = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const { size, safetensors } = dtypes[dtype];
    if (safetensors === undefined)
      throw unsupported(path, { feature: "not-in-safetensors", what: `${name} (${dtype})` });
    if (name === METADATA) throw unsupported(path, { feature: "not-in-safetensors", what: METADATA });
    const begin = end;
    end += sizeOf(shape) * size;
    entries.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: safetensors, shape, data_offsets: [begin, end] })}`,
    );
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER) throw unsupported(path, { feature: "size", where: "header", bytes: length });
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
