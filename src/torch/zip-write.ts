/**
 * Writes a zip archive as PyTorch does (caffe2/serialize/inline_container.cc over miniz): every record STORED, its
 * data aligned to 64 bytes by an extra field "FB", its CRC-32 in a data descriptor behind the data, so that one pass
 * over the data is enough. Sizes and offsets of 4 GiB or more stand in zip64 fields; the zip64 end record is always
 * there. Dates are zero, so the same records give the same bytes. The grammar is in docs/torch-format.md.
 */
import { crc32 } from "node:zlib";
import { invariant } from "../base/invariant.js";
import type { ByteStream } from "./stream.js";

const ALIGNMENT = 64;
const LIMIT = 0xffffffff;
/** Bit 3: CRC in a data descriptor, which an empty record does without. Bit 11: the name is UTF-8. */
function flagsOf(size: number): number {
  return size === 0 ? 0x0800 : 0x0808;
}

interface Written {
  readonly name: Uint8Array;
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
}

export interface ZipWriter {
  /**
   * Appends a record.
   * @param size bytes of `data` altogether
   * @returns its CRC-32
   */
  add(name: string, size: number, data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number>;
  /** Appends the directory. Nothing can be added afterwards. */
  end(): Promise<void>;
}

export function zipWriter(stream: ByteStream): ZipWriter {
  const records: Written[] = [];
  return {
    async add(name, size, data) {
      const record = { name: new TextEncoder().encode(name), offset: stream.position, size };
      await stream.append(localHeader(record));
      invariant(stream.position % ALIGNMENT === 0, "record data is aligned");
      const from = stream.position;
      let crc = 0;
      for await (const piece of data) {
        crc = crc32(piece, crc);
        await stream.append(piece);
      }
      invariant(stream.position - from === size, `record ${name} has the size that its header gives`);
      if (size > 0) await stream.append(dataDescriptor(record, crc));
      records.push({ ...record, crc });
      return crc;
    },
    async end() {
      const from = stream.position;
      for (const record of records) await stream.append(centralHeader(record));
      await stream.append(endRecords(records.length, from, stream.position - from));
    },
  };
}

/** Little-endian fields, one after the other. */
function fields(length: number): {
  bytes: Uint8Array<ArrayBuffer>;
  put: (size: 2 | 4 | 8, value: number) => void;
} {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  return {
    bytes,
    put(size, value) {
      if (size === 2) view.setUint16(at, value, true);
      else if (size === 4) view.setUint32(at, value, true);
      else view.setBigUint64(at, BigInt(value), true);
      at += size;
    },
  };
}

/** Size and offset fields of the zip64 extra field; empty when both fit 32 bits. */
function zip64Values({ size, offset }: Omit<Written, "crc">): number[] {
  return [...(size >= LIMIT ? [size, size] : []), ...(offset >= LIMIT ? [offset] : [])];
}

function zip64Extra(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array(0);
  const { bytes, put } = fields(4 + 8 * values.length);
  put(2, 1);
  put(2, 8 * values.length);
  for (const value of values) put(8, value);
  return bytes;
}

function localHeader(record: Omit<Written, "crc">): Uint8Array {
  const extra = zip64Extra(zip64Values(record));
  const unpadded = record.offset + 30 + record.name.length + extra.length + 4;
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  const header = fields(30 + record.name.length + extra.length + 4 + padding);
  header.put(4, 0x04034b50);
  header.put(2, 0); // version needed, as miniz leaves it
  header.put(2, flagsOf(record.size));
  header.put(2, 0); // STORED
  header.put(4, 0); // time and date
  header.put(4, 0); // CRC, sizes: in the descriptor
  header.put(4, 0);
  header.put(4, 0);
  header.put(2, record.name.length);
  header.put(2, extra.length + 4 + padding);
  header.bytes.set(record.name, 30);
  header.bytes.set(extra, 30 + record.name.length);
  const at = 30 + record.name.length + extra.length;
  header.bytes.set([0x46, 0x42, padding & 0xff, padding >>> 8], at); // "FB"
  header.bytes.fill(0x5a, at + 4); // "Z"
  return header.bytes;
}

function dataDescriptor(record: Omit<Written, "crc">, crc: number): Uint8Array {
  const wide = zip64Values(record).length > 0;
  const { bytes, put } = fields(wide ? 24 : 16);
  put(4, 0x08074b50);
  put(4, crc);
  put(wide ? 8 : 4, record.size);
  put(wide ? 8 : 4, record.size);
  return bytes;
}

function centralHeader(record: Written): Uint8Array {
  const extra = zip64Extra(zip64Values(record));
  const { bytes, put } = fields(46 + record.name.length + extra.length);
  put(4, 0x02014b50);
  put(2, 0); // made by
  put(2, 0); // version needed
  put(2, flagsOf(record.size));
  put(2, 0); // STORED
  put(4, 0); // time and date
  put(4, record.crc);
  put(4, Math.min(record.size, LIMIT));
  put(4, Math.min(record.size, LIMIT));
  put(2, record.name.length);
  put(2, extra.length);
  put(2, 0); // comment
  put(2, 0); // disk
  put(2, 0); // attributes
  put(4, 0);
  put(4, Math.min(record.offset, LIMIT));
  bytes.set(record.name, 46);
  bytes.set(extra, 46 + record.name.length);
  return bytes;
}

/** zip64 end record, its locator, end record. */
function endRecords(count: number, offset: number, size: number): Uint8Array {
  const { bytes, put } = fields(56 + 20 + 22);
  put(4, 0x06064b50);
  put(8, 44); // bytes of this record after this field
  put(2, 0x031e); // made by, as miniz writes it
  put(2, 45); // version needed
  put(4, 0); // disks
  put(4, 0);
  put(8, count);
  put(8, count);
  put(8, size);
  put(8, offset);
  put(4, 0x07064b50);
  put(4, 0);
  put(8, offset + size);
  put(4, 1);
  put(4, 0x06054b50);
  put(2, 0);
  put(2, 0);
  put(2, Math.min(count, 0xffff));
  put(2, Math.min(count, 0xffff));
  put(4, Math.min(size, LIMIT));
  put(4, Math.min(offset, LIMIT));
  put(2, 0); // comment
  return bytes;
}
