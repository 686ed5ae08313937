/**
 * The safetensors format, both ways, as strictly as its own library: a header of JSON (8 bytes of length before it),
 * then the tensors, row-major and little-endian, one after the other without gaps, up to the end of the file.
 * Source: https://github.com/huggingface/safetensors, README "Format" and src/tensor.rs. It has no checksums.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { JsonProblem, parseStrict, type StrictJson } from "./json-strict.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { openFile } from "./sink.js";
import { openSource, readBytes, type Source } from "./source.js";
import { byteStream, type WrittenFile } from "./stream.js";
import { rowMajorStrides, tensorOver } from "./tensor.js";
import type { WriteOptions } from "./torch-write.js";
import type { TorchStorage, TorchTensor } from "./values.js";

/** The limit of the format's own library. */
const MAX_HEADER = 100_000_000;
const CHUNK = 4 * 2 ** 20;
const METADATA = "__metadata__";

export interface SafetensorsFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Texts beside the tensors. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the header's order; their data is read on demand. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  close(): Promise<void>;
}

const byName = new Map<string, Dtype>(
  Object.entries(dtypes).flatMap(([name, facts]) =>
    facts.safetensors === undefined ? [] : [[facts.safetensors, name as Dtype] as const],
  ),
);

/**
 * Opens a safetensors file: reads its header and checks that it accounts for every byte of the file.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_UNSUPPORTED (a type of elements that is not known)
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const source = await openSource(path);
  try {
    return { path, size: source.size, ...(await readHeader(source)), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readHeader(source: Source): Promise<Pick<SafetensorsFile, "metadata" | "tensors">> {
  const origin: Origin = { file: source.path, record: "safetensors header", base: 0 };
  if (source.size < 8) throw invalid(origin, source.size, "the file is cut off");
  const length = Number(new DataView((await readBytes(source, 0, 8)).buffer).getBigUint64(0, true));
  if (length > MAX_HEADER) throw invalid(origin, 0, `a header of ${length} bytes`);
  if (8 + length > source.size)
    throw invalid(origin, 0, "the file is cut off: its header does not fit in it");
  const text = decoded(await readBytes(source, 8, length), origin);
  const entries = new Map(objectIn(parsed(text, origin), origin, "the header"));
  const metadata = metadataIn(entries.get(METADATA), origin);
  entries.delete(METADATA);

  const dataStart = 8 + length;
  const views = [...entries].map(([name, entry]) => viewIn(source, name, entry, dataStart, origin));
  let end = 0;
  for (const view of [...views].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (view.begin !== end) {
      throw invalid(origin, 8, `${view.name} does not begin where the tensor before it ends`);
    }
    end = view.end;
  }
  if (end !== source.size - dataStart) {
    throw invalid(
      origin,
      8,
      `the tensors take ${end} bytes, but the file has ${source.size - dataStart} for them`,
    );
  }
  return { metadata, tensors: new Map(views.map(({ name, tensor }) => [name, tensor])) };
}

function decoded(bytes: Uint8Array, origin: Origin): string {
  if (bytes[0] !== 0x7b) throw invalid(origin, 8, "the header does not begin with {");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(origin, 8, "the header is not UTF-8");
  }
}

function parsed(text: string, origin: Origin): StrictJson {
  try {
    return parseStrict(text, 3);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw invalid(origin, 8 + Buffer.byteLength(text.slice(0, error.at)), error.message);
  }
}

function objectIn(json: StrictJson | undefined, origin: Origin, what: string): Map<string, StrictJson> {
  if (!(json instanceof Map)) throw invalid(origin, 8, `${what} is not an object`);
  return json;
}

function metadataIn(json: StrictJson | undefined, origin: Origin): Map<string, string> {
  if (json === undefined) return new Map();
  const texts = [...objectIn(json, origin, METADATA)].map(([key, text]): [string, string] => {
    if (typeof text !== "string") throw invalid(origin, 8, `${METADATA} has something that is not text`);
    return [key, text];
  });
  return new Map(texts);
}

function wholeNumbers(json: StrictJson | undefined, origin: Origin, what: string): number[] {
  const numbers = Array.isArray(json) ? json : [undefined];
  if (!numbers.every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0)) {
    throw invalid(origin, 8, `${what} is not a list of whole numbers`);
  }
  return numbers as number[];
}

interface View {
  readonly name: string;
  /** Bytes of the data where it begins and ends. */
  readonly begin: number;
  readonly end: number;
  readonly tensor: TorchTensor;
}

function viewIn(source: Source, name: string, json: StrictJson, dataStart: number, origin: Origin): View {
  const entry = objectIn(json, origin, name);
  const known = ["dtype", "shape", "data_offsets"];
  if (entry.size !== known.length || !known.every((key) => entry.has(key))) {
    throw invalid(origin, 8, `${name} has not just dtype, shape and data_offsets`);
  }
  const type = entry.get("dtype");
  if (typeof type !== "string") throw invalid(origin, 8, `the dtype of ${name} is not text`);
  const dtype = byName.get(type);
  if (dtype === undefined) throw unsupported(source.path, `tensors of type ${type}`);
  const shape = wholeNumbers(entry.get("shape"), origin, `the shape of ${name}`);
  const [begin, end, ...more] = wholeNumbers(entry.get("data_offsets"), origin, `data_offsets of ${name}`);
  if (begin === undefined || end === undefined || more.length > 0) {
    throw invalid(origin, 8, `data_offsets of ${name} are not two`);
  }
  const bytes = sizeOf(shape) * dtypes[dtype].size;
  if (!Number.isSafeInteger(bytes) || end - begin !== bytes || dataStart + end > source.size) {
    throw invalid(origin, 8, `the data of ${name} has not the size of its shape, or is cut off`);
  }
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
    const stream = byteStream(sink, options.onProgress);
    await stream.append(header);
    for (const [, tensor] of ordered) {
      const { buffer } = await tensor.read();
      await stream.append(new Uint8Array(buffer));
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
      throw unsupported(path, `${dtype} (tensor ${name}), which safetensors does not have`);
    if (name === METADATA) throw unsupported(path, `a tensor named ${METADATA}`);
    const begin = end;
    end += sizeOf(shape) * size;
    entries.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: safetensors, shape, data_offsets: [begin, end] })}`,
    );
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
