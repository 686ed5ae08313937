/**
 * Reads the records of a zip archive. Before the first byte of a record its local header and data descriptor must say
 * the same as the directory; the CRC-32 is checked the first time that any of the record is read. A packed record is
 * unpacked as it is read and never gives more than the directory says.
 */
import { createInflateRaw, crc32 } from "node:zlib";
import { blockSize, giveBlock, takeBlock } from "../base/blocks.js";
import type { TorchProblem } from "../base/torch-problem.js";
import { invalid } from "./problems.js";
import type { Source } from "./source.js";
import { LIMIT, LOCAL, STORED, type Entry } from "./zip-directory.js";
import { originOf, readPart, uint64 } from "./zip-part.js";

const CHUNK = 2 ** 20;
/** A record up to this size is read straight into its place. */
const SMALL = 64 * 2 ** 10;

/** The local header or the data descriptor says something else than the directory. */
const headerProblem: TorchProblem = { reason: "header" };

/** A record's bytes, whichever way they are packed. */
export interface RecordReader {
  /** Bytes. */
  readonly size: number;
  /** Byte of the file where the data begins; undefined when it is packed. */
  position(): Promise<number | undefined>;
  /** Fills `target` with the bytes from `start` on; the whole record's CRC is checked once. */
  readInto(start: number, target: Uint8Array): Promise<void>;
  /** All bytes; each piece stays as it is until the next but one is asked for. The CRC is checked at the end. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Reads all of it, once more if need be. @throws TORCH_FILE_INVALID when it is damaged */
  check(): Promise<void>;
}

/** @param checksums whether the CRC-32 in the directory is that of the data: see Archive */
export function recordReader(source: Source, entry: Entry, checksums = true): RecordReader {
  let position: Promise<number> | undefined;
  const begin = () => (position ??= dataPosition(source, entry));
  let sound = false;
  /** The first reading of a part waits for the whole; those that come meanwhile wait with it. */
  let checking: Promise<void> | undefined;
  const damaged = async (reason: "checksum" | "packing") =>
    invalid(originOf(source, { record: entry.name }), await begin(), { reason });

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const packed = storedChunks(source, await begin(), entry.packed);
    let crc = 0;
    let length = 0;
    try {
      for await (const piece of entry.method === STORED ? packed : inflated(packed)) {
        length += piece.length;
        if (length > entry.size) throw await damaged("packing");
        crc = crc32(piece, crc);
        yield piece;
      }
    } catch (error) {
      if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) {
        throw await damaged("packing");
      }
      throw error;
    }
    if (length !== entry.size) throw await damaged("packing");
    if (checksums && crc !== entry.crc) throw await damaged("checksum");
    sound = true;
  }

  async function check(): Promise<void> {
    if (entry.method === STORED && entry.size <= CHUNK) return readWholeInto(new Uint8Array(entry.size));
    const pieces = chunks();
    while ((await pieces.next()).done !== true);
  }

  async function readWholeInto(target: Uint8Array): Promise<void> {
    const crc = await readWhole(source, await begin(), target);
    if (checksums && crc !== entry.crc) throw await damaged("checksum");
    sound = true;
  }

  return {
    size: entry.size,
    position: async () => (entry.method === STORED ? begin() : undefined),
    chunks,
    check,
    async readInto(start, target) {
      if (entry.method === STORED) {
        if (!sound && start === 0 && target.length === entry.size) return readWholeInto(target);
        if (!sound) await (checking ??= check());
        return source.readInto((await begin()) + start, target);
      }
      let at = 0;
      for await (const piece of chunks()) {
        const from = Math.max(start - at, 0);
        const to = Math.min(start + target.length - at, piece.length);
        if (from < to) target.set(piece.subarray(from, to), at + from - start);
        at += piece.length;
      }
    },
  };
}

/**
 * By way of two buffers that are in use all the time: they are summed from the processor's cache, and new memory is touched
 * once, by the copy, not by the system first and by the sum again. @returns its CRC-32
 */
async function readWhole(source: Source, position: number, target: Uint8Array): Promise<number> {
  if (target.length <= SMALL) {
    await source.readInto(position, target);
    return crc32(target);
  }
  const buffers = [takeBlock(), takeBlock()];
  const pieces = ahead(target.length, blockSize, 1, (at, length) => {
    const piece = buffers[(at / blockSize) % 2]!.subarray(0, length);
    return source.readInto(position + at, piece).then(() => piece);
  });
  let crc = 0;
  let at = 0;
  for await (const piece of pieces) {
    crc = crc32(piece, crc);
    target.set(piece, at);
    at += piece.length;
  }
  // Not after a failure: another read into them may still be under way.
  buffers.forEach(giveBlock);
  return crc;
}

/** Pieces of the file in three buffers in turn. */
function storedChunks(source: Source, position: number, length: number): AsyncGenerator<Uint8Array> {
  const size = Math.min(CHUNK, length);
  const buffers = [new Uint8Array(size), new Uint8Array(size), new Uint8Array(size)];
  return ahead(length, CHUNK, 1, (at, bytes) => {
    const piece = buffers[(at / CHUNK) % 3]!.subarray(0, bytes);
    return source.readInto(position + at, piece).then(() => piece);
  });
}

/** Reads piece after piece; while one is being used, so many after it are on their way. */
async function* ahead(
  length: number,
  size: number,
  inFlight: number,
  read: (at: number, length: number) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const pieces: Promise<Uint8Array>[] = [];
  let begun = 0;
  for (let at = 0; at < length; at += size) {
    for (; begun < length && pieces.length <= inFlight; begun += size) {
      const piece = read(begun, Math.min(size, length - begun));
      piece.catch(() => undefined); // it is awaited when its turn comes
      pieces.push(piece);
    }
    yield await pieces.shift()!;
  }
}

async function* inflated(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: 2 ** 18 });
  const feed = async () => {
    for await (const piece of packed) {
      // A copy: the stream may keep it longer than the buffer stays as it is.
      if (!inflate.write(piece.slice())) await new Promise((resolve) => inflate.once("drain", resolve));
    }
    inflate.end();
  };
  const fed = feed().catch((error: unknown) => inflate.destroy(error as Error));
  try {
    for await (const piece of inflate) yield piece as Uint8Array;
    await fed;
  } finally {
    inflate.destroy();
  }
}

/** Reads a local header, which must say the same as the directory. @returns where the data begins */
async function dataPosition(source: Source, entry: Entry): Promise<number> {
  const contradiction = () =>
    invalid(originOf(source, { record: entry.name }, entry.offset), 0, headerProblem);
  const name = Buffer.from(entry.name);
  // That so much is there has been seen when the entries were placed.
  const { view, bytes } = await readPart(source, entry.offset, LOCAL + name.length);
  const nameLength = view.getUint16(26, true);
  const extraLength = view.getUint16(28, true);
  const start = LOCAL + nameLength + extraLength;
  const gap = entry.end - entry.offset - start - entry.packed;
  const described = (entry.flags & 8) !== 0;
  // A data descriptor of CRC and two sizes, with or without its signature, with sizes of 4 or 8 bytes.
  if (!(described ? [12, 16, 20, 24] : [0]).includes(gap)) throw contradiction();
  const sameName = nameLength === name.length && name.equals(bytes.subarray(LOCAL));
  const sameKind = view.getUint16(6, true) === entry.flags && view.getUint16(8, true) === entry.method;
  const crc = view.getUint32(14, true);
  const packed = view.getUint32(18, true);
  const size = view.getUint32(22, true);
  const none = described && crc === 0;
  const sameSizes =
    (none || crc === entry.crc) &&
    ((none && packed === 0) || packed === LIMIT || packed === entry.packed) &&
    ((none && size === 0) || size === LIMIT || size === entry.size);
  const signed = view.getUint32(0, true) === 0x04034b50;
  if (!signed || !sameName || !sameKind || !sameSizes) throw contradiction();
  if (described) await checkDescriptor(source, entry, entry.offset + start + entry.packed, gap);
  return entry.offset + start;
}

async function checkDescriptor(
  source: Source,
  entry: Entry,
  position: number,
  length: number,
): Promise<void> {
  const { view } = await readPart(source, position, length);
  const signed = length === 16 || length === 24 ? 4 : 0;
  const wide = length >= 20;
  const good =
    (signed === 0 || view.getUint32(0, true) === 0x08074b50) &&
    view.getUint32(signed, true) === entry.crc &&
    (wide ? uint64(view, signed + 4) : view.getUint32(signed + 4, true)) === entry.packed &&
    (wide ? uint64(view, signed + 12) : view.getUint32(signed + 8, true)) === entry.size;
  if (!good) throw invalid(originOf(source, { record: entry.name }), position, headerProblem);
}
