/**
 * `.pth` -> values. Opening reads the directory and the pickle, a few milliseconds; the elements of a tensor are read
 * when they are asked for. Either format: the zip of PyTorch 1.6 and later, and the older one (legacy-read.ts).
 */
import { dtypeOfStorageClass, dtypes, type Dtype } from "./dtypes.js";
import { checkShape } from "./finite.js";
import { openLegacy } from "./legacy-read.js";
import { PickleCutOff, unpickle, type NoStorage } from "./pickle-read.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { openSource, readBytes, type Source } from "./source.js";
import { isKind, type TorchStorage, type TorchTensor, type TorchValue } from "./values.js";
import { tensorsIn, type TensorPath } from "./walk.js";
import { readArchive, recordReader, type Entry, type RecordReader } from "./zip-read.js";

/** Bytes of the largest data.pkl that is unpacked: it has to lie in memory whole. */
const MAX_UNPACKED_PICKLE = 16 * 2 ** 20;
/** Bytes of the largest data.pkl that is read: ten million tensors. */
const MAX_PICKLE = 2 ** 30;

export interface TorchFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** "zip": PyTorch 1.6 and later. "legacy": before. */
  readonly format: "zip" | "legacy";
  readonly value: TorchValue;
  /** Every tensor with the keys that lead to it, in the file's order; a tensor in two places comes twice. */
  tensors(): Iterable<[path: TensorPath, tensor: TorchTensor]>;
  /**
   * Reads every byte that a checksum covers. A legacy file has no checksums: there only its structure is known good.
   * @throws TORCH_FILE_INVALID
   */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a torch file. Nothing in it is imported or run: a name that is not on the allow-list ends the reading.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED
 */
export async function readTorchFile(path: string): Promise<TorchFile> {
  const source = await openSource(path);
  try {
    const { value, format, verify } = await readFrom(source);
    checkShape(value, { file: path, record: format === "zip" ? "data.pkl" : "pickle", base: 0 }, source.size);
    return {
      path,
      size: source.size,
      format,
      value,
      tensors: () => tensorsIn(value),
      verify,
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

type Opened = Pick<TorchFile, "value" | "format" | "verify">;

async function readFrom(source: Source): Promise<Opened> {
  const head = await readBytes(source, 0, Math.min(source.size, 512));
  const start = Buffer.from(head).toString("latin1");
  if (start.startsWith("PK\x03\x04")) return openZip(source);
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return openLegacy(source);
  const origin = { file: source.path, record: "the first bytes", base: 0 };
  if (start.slice(257, 262) === "ustar")
    throw unsupported(source.path, "a tar archive, as PyTorch wrote before 0.1.10");
  throw invalid(origin, 0, lookOf(start));
}

/** What a file is that is no torch file, for the person who wonders. */
function lookOf(start: string): string {
  if (start === "") return "the file is empty";
  if (/^\0+$/.test(start)) return "there are only zeros, as after a power cut";
  if (start.startsWith("version https://git-lfs"))
    return "it is a Git LFS pointer, not the file itself (git lfs pull)";
  if (/^\s*<(!doctype|html|\?xml)/i.test(start))
    return "it is a web page, not the file that was to be downloaded";
  if (start.startsWith("\x1f\x8b")) return "it is packed by gzip: unpack it first";
  if (start.startsWith("PK")) return "it is an empty or cut-off zip archive";
  if (start.startsWith("\x89PNG") || start.startsWith("\xff\xd8\xff")) return "it is an image";
  if (start.slice(8, 9) === "{") return "it looks like a safetensors file";
  return "it does not begin as a torch file does";
}

/** A storage that a pickle names. */
export interface StorageId {
  readonly key: string;
  readonly dtype: Dtype;
  readonly location: string;
  /** Elements. */
  readonly length: number;
}

/** ("storage", class, key, location, elements) */
export function storageId(id: readonly TorchValue[]): StorageId | NoStorage {
  const [tag, type, key, location, length] = id;
  if (tag !== "storage" || !isKind(type, "global"))
    return { problem: "a persistent id that is not a storage" };
  const untyped = /^_?UntypedStorage$/.test(type.name);
  const dtype = untyped ? "uint8" : dtypeOfStorageClass(type.name);
  if (dtype === undefined) return { problem: `${type.module}.${type.name} is not a class of storages` };
  if (typeof key !== "string" || typeof location !== "string")
    return { problem: "a storage's key is not text" };
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
    return { problem: "the length of a storage is not a whole number in range" };
  }
  return { key, dtype, location, length };
}

async function openZip(source: Source): Promise<Opened> {
  const { entries } = await readArchive(source);
  const directory: Origin = { file: source.path, record: "zip directory", base: 0 };
  const folder = entries[0]!.name.split("/", 1)[0]!;
  const records = new Map<string, Entry>();
  for (const entry of entries) {
    if (!entry.name.startsWith(`${folder}/`))
      throw invalid(directory, entry.offset, "there are records outside its one folder");
    records.set(entry.name.slice(folder.length + 1), entry);
  }
  if (records.has("constants.pkl") || [...records.keys()].some((name) => name.startsWith("code/"))) {
    throw unsupported(source.path, "a TorchScript program (torch.jit.save)");
  }
  const main = records.get("data.pkl");
  if (main === undefined) throw invalid(directory, 0, "there is no record data.pkl in the archive");
  const readers = new Map<string, RecordReader>();
  const readerOf = (entry: Entry) => {
    const reader = readers.get(entry.name) ?? recordReader(source, entry);
    readers.set(entry.name, reader);
    return reader;
  };
  const bigEndian = await isBigEndian(source, records.get("byteorder"));

  const storages = new Map<string, TorchStorage>();
  const storageOf = (id: readonly TorchValue[]): TorchStorage | NoStorage => {
    const wanted = storageId(id);
    if ("problem" in wanted) return wanted;
    if (id.length !== 5) return { problem: "a persistent id that is not a storage" };
    const { key, dtype, length } = wanted;
    const known = storages.get(key);
    if (known !== undefined) {
      const same = known.dtype === dtype && known.length === length;
      return same ? known : { problem: `storage ${key} has two types or lengths` };
    }
    const entry = records.get(`data/${key}`);
    if (entry === undefined) return { problem: `there is no record data/${key} for storage ${key}` };
    if (entry.size !== length * dtypes[dtype].size) {
      return {
        problem: `storage ${key} should have ${length} elements of ${dtype}, but its record has ${entry.size} bytes`,
      };
    }
    const storage = storageOver(wanted, readerOf(entry), bigEndian ? dtypes[dtype].word : 1);
    storages.set(key, storage);
    return storage;
  };

  const limit = main.method === 0 ? MAX_PICKLE : MAX_UNPACKED_PICKLE;
  if (main.size > limit) throw unsupported(source.path, `a data.pkl of ${main.size} bytes`);
  const reader = readerOf(main);
  const position = await reader.position();
  const bytes = new Uint8Array(main.size);
  await reader.readInto(0, bytes);
  const origin: Origin = { file: source.path, record: "data.pkl", base: position ?? 0 };
  const { value, length } = wholePickle(bytes, origin, storageOf, main.packed);
  if (length !== bytes.length) throw invalid(origin, length, "there is more after the end of the pickle");
  return {
    value,
    format: "zip",
    async verify() {
      for (const entry of entries) {
        await readerOf(entry).check();
      }
    },
  };
}

function wholePickle(...args: Parameters<typeof unpickle>): ReturnType<typeof unpickle> {
  try {
    return unpickle(...args);
  } catch (error) {
    if (!(error instanceof PickleCutOff)) throw error;
    throw invalid(args[1], args[0].length, `the pickle is cut off: ${error.message}`);
  }
}

async function isBigEndian(source: Source, entry: Entry | undefined): Promise<boolean> {
  if (entry === undefined) return false;
  const bytes = new Uint8Array(Math.min(entry.size, 16));
  await recordReader(source, entry).readInto(0, bytes);
  const order = Buffer.from(bytes).toString("latin1");
  if (order === "little" || order === "big") return order === "big";
  throw invalid(
    { file: source.path, record: entry.name, base: entry.offset },
    0,
    `the byte order ${JSON.stringify(order)}`,
  );
}

/** @param word bytes that are swapped as one; 1 for none */
export function storageOver(id: StorageId, reader: RecordReader, word: number): TorchStorage {
  const identity = {};
  return {
    kind: "storage",
    dtype: id.dtype,
    length: id.length,
    location: id.location,
    identity,
    async readInto(start, target) {
      await reader.readInto(start, target);
      swap(target, word);
    },
    async *chunks() {
      for await (const piece of reader.chunks()) {
        swap(piece, word);
        yield piece;
      }
    },
  };
}

/** Turns big-endian words around, in place. REQUIRES: whole words. */
function swap(bytes: Uint8Array, word: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (word === 2) buffer.swap16();
  else if (word === 4) buffer.swap32();
  else if (word === 8) buffer.swap64();
}
