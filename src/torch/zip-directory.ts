/**
 * Reads the directory of a zip archive, believing nothing: every byte of the file belongs to exactly
 * one record, the directory or the end records, or the file is refused. So there is only one way to read it, and what
 * one program takes for the data no other takes for something else. The grammar is in docs/torch-format.md.
 *
 * Sizes are compared with the file's before anything is allocated.
 */
import type { TorchProblem } from "../base/torch-problem.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import type { Source } from "./source.js";
import { originOf, readPart, uint64, type Part } from "./zip-part.js";

const END = 22;
const LOCATOR = 20;
const END64 = 56;
const CENTRAL = 46;
/** Bytes of a local header without its name and extra field. */
export const LOCAL = 30;
/** What a 32-bit field holds when the true value stands in a zip64 field. */
export const LIMIT = 0xffffffff;

/** Bytes of the largest directory: a record takes about 70, and 60,000 records are more than any checkpoint has. */
const MAX_DIRECTORY = 4 * 2 ** 20;

/** deflate makes at most 1032 bytes of one. */
const MAX_RATIO = 1032;

/** Bytes that all packed records together may have unpacked, for each byte packed and anyway. Weights pack badly. */
const UNPACKED_PER_BYTE = 20;
const UNPACKED_ANYWAY = 64 * 2 ** 20;

export const STORED = 0;
export const DEFLATED = 8;

const contradiction: TorchProblem = { reason: "directory" };

export interface Entry {
  /** Its path in the archive, with the top folder. */
  readonly name: string;
  readonly method: typeof STORED | typeof DEFLATED;
  readonly flags: number;
  readonly crc: number;
  /** Bytes in the file, and bytes of the record. */
  readonly packed: number;
  readonly size: number;
  /** Byte of the file where its local header begins, and the byte where the next record or the directory does. */
  readonly offset: number;
  readonly end: number;
}

export interface Archive {
  /** In the directory's order. */
  readonly entries: readonly Entry[];
  /**
   * Whether the CRC-32 fields are those of the data. torch.serialization.set_crc32_options(False) leaves 0 in every one of
   * them; a 0 in some alone is a CRC like any other.
   */
  readonly checksums: boolean;
}

/** @throws TORCH_FILE_INVALID when it is not a whole, unambiguous zip archive; TORCH_FILE_UNSUPPORTED */
export async function readArchive(source: Source): Promise<Archive> {
  const directory = await findDirectory(source);
  const part = await readPart(source, directory.offset, directory.size);
  const entries = centralEntries(source, part, directory.count);
  const checksums = entries.some(({ crc }) => crc !== 0) || entries.every(({ size }) => size === 0);
  return { entries: placed(source, entries, directory.offset), checksums };
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/**
 * The end record, which must be the last 22 bytes of the file: an archive comment, or anything after it, would make it
 * a matter of opinion where the end record is.
 */
async function findDirectory(source: Source): Promise<Directory> {
  const origin = originOf(source, "zip-end");
  if (source.size < END) throw invalid(origin, 0, { reason: "cut-off" });
  const tail = await readPart(
    source,
    Math.max(0, source.size - END - LOCATOR - END64),
    Math.min(source.size, END + LOCATOR + END64),
  );
  const at = tail.bytes.length - END;
  const end = tail.base + at;
  if (tail.view.getUint32(at, true) !== 0x06054b50 || tail.view.getUint16(at + 20, true) !== 0) {
    throw invalid(origin, end, { reason: "no-end" });
  }
  const [disk, firstDisk, here, count] = [4, 6, 8, 10].map((field) => tail.view.getUint16(at + field, true));
  const size = tail.view.getUint32(at + 12, true);
  const offset = tail.view.getUint32(at + 16, true);
  if (disk !== 0 || firstDisk !== 0 || here !== count) throw invalid(origin, end, contradiction);
  const narrow = { offset, size, count: count! };
  const wide = zip64Directory(source, tail, narrow);
  const directory = wide?.directory ?? narrow;
  const directoryEnd = wide?.at ?? end;
  const fits =
    directory.offset + directory.size === directoryEnd && directory.count * CENTRAL <= directory.size;
  if (!fits) throw invalid(origin, end, contradiction);
  if (directory.size > MAX_DIRECTORY)
    throw unsupported(source.path, { feature: "size", where: "zip-directory", bytes: directory.size });
  return directory;
}

/** The zip64 end record and its locator right before the end record; undefined when there is no locator. */
function zip64Directory(
  source: Source,
  tail: Part,
  narrow: Directory,
): { directory: Directory; at: number } | undefined {
  const locator = tail.bytes.length - END - LOCATOR;
  if (locator < 0 || tail.view.getUint32(locator, true) !== 0x07064b50) return undefined;
  const origin = originOf(source, "zip-end", tail.base);
  const at = locator - END64;
  const disks = tail.view.getUint32(locator + 4, true) !== 0 || tail.view.getUint32(locator + 16, true) !== 1;
  if (at < 0 || disks) throw invalid(origin, locator, contradiction);
  const { view } = tail;
  if (uint64(view, locator + 8) !== tail.base + at || view.getUint32(at, true) !== 0x06064b50) {
    throw invalid(origin, locator, contradiction);
  }
  if (uint64(view, at + 4) !== END64 - 12) throw invalid(origin, at + 4, contradiction);
  if (view.getUint32(at + 16, true) !== 0 || view.getUint32(at + 20, true) !== 0) {
    throw invalid(origin, at + 16, contradiction);
  }
  const directory = {
    count: uint64(view, at + 32),
    size: uint64(view, at + 40),
    offset: uint64(view, at + 48),
  };
  const same = (wide: number, short: number, limit: number) => short === limit || short === wide;
  const agree =
    uint64(view, at + 24) === directory.count &&
    same(directory.count, narrow.count, 0xffff) &&
    same(directory.size, narrow.size, LIMIT) &&
    same(directory.offset, narrow.offset, LIMIT);
  if (!agree) throw invalid(origin, at, contradiction);
  return { directory, at: tail.base + at };
}

type CentralEntry = Omit<Entry, "end">;

function centralEntries(source: Source, part: Part, count: number): CentralEntry[] {
  const origin = originOf(source, "zip-directory", part.base);
  const entries: CentralEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { view, bytes } = part;
    if (bytes.length - at < CENTRAL || view.getUint32(at, true) !== 0x02014b50) {
      throw invalid(origin, at, contradiction);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    const next = at + CENTRAL + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw invalid(origin, at, contradiction);
    const name = nameIn(origin, bytes.subarray(at + CENTRAL, at + CENTRAL + nameLength), at);
    if (names.has(name)) throw invalid(origin, at, { reason: "record-twice", name });
    names.add(name);
    if (view.getUint16(at + 34, true) !== 0) throw invalid(origin, at, contradiction);
    const flags = view.getUint16(at + 8, true);
    // Bit 0: encrypted. 5: a patch. 6: strong encryption. 13: the directory is encrypted.
    if ((flags & 0x2061) !== 0) throw unsupported(source.path, { feature: "encryption", record: name });
    const method = view.getUint16(at + 10, true);
    if (method !== STORED && method !== DEFLATED) {
      throw unsupported(source.path, { feature: "packing", record: name, method });
    }
    const extra = bytes.subarray(at + CENTRAL + nameLength, at + CENTRAL + nameLength + extraLength);
    const [size, packed, offset] = zip64Fields(
      origin,
      extra,
      [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
      at,
    );
    entries.push({ name, method, flags, crc: view.getUint32(at + 16, true), packed, size, offset });
    at = next;
  }
  if (at !== part.bytes.length) throw invalid(origin, at, contradiction);
  return entries;
}

/** A path of plain parts under one folder: nothing that could leave it, if ever someone wrote it to a disk. */
function nameIn(origin: Origin, bytes: Uint8Array, at: number): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid(origin, at, { reason: "record-name", name: Buffer.from(bytes).toString("latin1") });
  }
  const parts = name.split("/");
  // Control characters; backslashes and colons, which lead elsewhere on Windows.
  if (
    /[\p{Cc}\\:]/u.test(name) ||
    parts.some((part, i) => (part === "" && i < parts.length - 1) || part === "..")
  ) {
    throw invalid(origin, at, { reason: "record-name", name });
  }
  return name;
}

type Sizes = readonly [size: number, packed: number, offset: number];

/** Those of the three that are full in their 32 bits stand in the zip64 extra field, in this order. */
function zip64Fields(origin: Origin, extra: Uint8Array, narrow: Sizes, at: number): Sizes {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.byteLength);
  let field: DataView | undefined;
  for (let i = 0; i < extra.length;) {
    const length = i + 4 <= extra.length ? view.getUint16(i + 2, true) : Infinity;
    if (i + 4 + length > extra.length) throw invalid(origin, at, contradiction);
    if (view.getUint16(i, true) === 1) {
      if (field !== undefined) throw invalid(origin, at, contradiction);
      field = new DataView(extra.buffer, extra.byteOffset + i + 4, length);
    }
    i += 4 + length;
  }
  let used = 0;
  const [size, packed, offset] = narrow.map((value) => {
    if (value !== LIMIT) return value;
    // A file of almost 4 GiB may have this very value in its 32 bits and no zip64 field; it then has to fit as it is.
    if (field === undefined) return value;
    if (used + 8 > field.byteLength) throw invalid(origin, at, contradiction);
    used += 8;
    return uint64(field, used - 8);
  });
  return [size!, packed!, offset!];
}

/** Gives each entry its end. @throws when entries overlap each other or the directory, or the first is not at 0 */
function placed(source: Source, entries: readonly CentralEntry[], directory: number): Entry[] {
  const origin = originOf(source, "zip-directory");
  const starts = [...entries].sort((a, b) => a.offset - b.offset);
  const first = starts[0];
  if (first === undefined) throw invalid(origin, directory, { reason: "record-missing", name: "data.pkl" });
  if (first.offset !== 0) throw invalid(origin, 0, { reason: "appended" });
  const ends = new Map<CentralEntry, number>();
  for (const [i, entry] of starts.entries()) {
    const end = starts[i + 1]?.offset ?? directory;
    const name = Buffer.byteLength(entry.name);
    if (entry.offset + LOCAL + name + entry.packed > end) {
      throw invalid(originOf(source, { record: entry.name }), entry.offset, { reason: "overlap" });
    }
    const { method, size, packed } = entry;
    if (method === STORED && size !== packed) throw invalid(origin, entry.offset, contradiction);
    if (size > packed * MAX_RATIO)
      throw invalid(originOf(source, { record: entry.name }), entry.offset, { reason: "packing" });
    ends.set(entry, end);
  }
  const deflated = entries.filter((entry) => entry.method === DEFLATED);
  const sum = (field: "size" | "packed") => deflated.reduce((total, entry) => total + entry[field], 0);
  if (sum("size") > UNPACKED_ANYWAY + UNPACKED_PER_BYTE * sum("packed")) {
    throw invalid(origin, 0, { reason: "memory", bytes: sum("size") });
  }
  return entries.map((entry) => ({ ...entry, end: ends.get(entry)! }));
}
