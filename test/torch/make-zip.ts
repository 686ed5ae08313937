/** Builds zip archives and pickles byte by byte, rightly or with any lie in them, and gives them as files in memory. */
import { crc32, deflateRawSync } from "node:zlib";
import { readTorch, type ReadOptions, type TorchFile } from "../../src/torch/torch-read.js";
import type { Source } from "../../src/torch/source.js";

export interface Lies {
  /** In the directory and the local header: other values than the true ones. */
  readonly crc?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly offset?: number;
  readonly flags?: number;
  readonly method?: number;
  /** In the local header only. */
  readonly localName?: string;
  readonly localCrc?: number;
  readonly localSize?: number;
  readonly localMethod?: number;
  /** In the directory only. */
  readonly extra?: Uint8Array;
  readonly comment?: string;
}

export interface ZipRecord {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflate?: boolean;
  readonly lies?: Lies;
  /** Bytes that belong to no record, behind this one. */
  readonly gap?: Uint8Array;
}

export interface EndLies {
  readonly count?: number;
  readonly size?: number;
  readonly offset?: number;
  readonly comment?: Uint8Array;
}

function number(size: 1 | 2 | 4 | 8, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes.subarray(0, size);
}

export function makeZip(records: readonly ZipRecord[], lies: EndLies = {}, before = Buffer.alloc(0)): Buffer {
  const parts: Uint8Array[] = [before];
  const central: Uint8Array[] = [];
  let position = before.length;
  const push = (bytes: Uint8Array) => {
    parts.push(bytes);
    position += bytes.length;
  };
  for (const { name, data, deflate, lies: lie = {}, gap } of records) {
    const packed = deflate === true ? deflateRawSync(data) : data;
    const method = lie.method ?? (deflate === true ? 8 : 0);
    const flags = lie.flags ?? 0x0800;
    const [crc, size] = [lie.crc ?? crc32(data), lie.size ?? data.length];
    const offset = lie.offset ?? position;
    const localName = Buffer.from(lie.localName ?? name);
    push(
      Buffer.concat([
        number(4, 0x04034b50),
        number(2, 20),
        number(2, flags),
        number(2, lie.localMethod ?? method),
        number(4, 0),
        number(4, lie.localCrc ?? crc),
        number(4, lie.packed ?? packed.length),
        number(4, lie.localSize ?? size),
        number(2, localName.length),
        number(2, 0),
        localName,
        packed,
        gap ?? Buffer.alloc(0),
      ]),
    );
    const nameBytes = Buffer.from(name);
    const extra = lie.extra ?? Buffer.alloc(0);
    const comment = Buffer.from(lie.comment ?? "");
    central.push(
      Buffer.concat([
        number(4, 0x02014b50),
        number(2, 20),
        number(2, 20),
        number(2, flags),
        number(2, method),
        number(4, 0),
        number(4, crc),
        number(4, lie.packed ?? packed.length),
        number(4, size),
        number(2, nameBytes.length),
        number(2, extra.length),
        number(2, comment.length),
        number(2, 0),
        number(2, 0),
        number(4, 0),
        number(4, offset),
        nameBytes,
        extra,
        comment,
      ]),
    );
  }
  const directory = Buffer.concat(central);
  const end = Buffer.concat([
    number(4, 0x06054b50),
    number(4, 0),
    number(2, lies.count ?? records.length),
    number(2, lies.count ?? records.length),
    number(4, lies.size ?? directory.length),
    number(4, lies.offset ?? position),
    number(2, lies.comment?.length ?? 0),
    lies.comment ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([...parts, directory, end]);
}

/** Pieces of pickles, after pickletools: text of one code point per byte is taken as bytes. */
export function pickleOf(...parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat([
    Buffer.from([0x80, 2]),
    ...parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))),
    Buffer.from("."),
  ]);
}

export const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from("X"), number(4, bytes.length), bytes]);
};
export const int = (value: number): Buffer => Buffer.concat([Buffer.from("J"), number(4, value)]);
export const long = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(9);
  bytes.writeBigInt64LE(value);
  return Buffer.concat([Buffer.from([0x8a, 9]), bytes]);
};
export const global = (module: string, name: string): string => `c${module}\n${name}\n`;

/** A persistent id of a storage. */
export const storage = (elements: number, key = "0", kind = "FloatStorage"): Buffer =>
  Buffer.concat([
    Buffer.from("("),
    text("storage"),
    Buffer.from(global("torch", kind)),
    text(key),
    text("cpu"),
    int(elements),
    Buffer.from("tQ"),
  ]);

/** A tensor over it. */
export const tensor = (
  over: Uint8Array,
  { offset = 0, shape = [4], strides = [1] }: { offset?: number; shape?: number[]; strides?: number[] } = {},
): Buffer =>
  Buffer.concat([
    Buffer.from(`${global("torch._utils", "_rebuild_tensor_v2")}(`),
    over,
    int(offset),
    Buffer.from("("),
    ...shape.map(int),
    Buffer.from("t("),
    ...strides.map(int),
    Buffer.from(`t\x89${global("collections", "OrderedDict")})RtR`, "latin1"),
  ]);

/** {"w": value} */
export const dictOf = (value: string | Uint8Array): Buffer => pickleOf("}", text("w"), value, "s");

/** The usual records around a pickle and one storage of four floats. */
export function recordsOf(pickle: Uint8Array, data: Uint8Array = floats(1, 2, 3, 4)): ZipRecord[] {
  return [
    { name: "archive/data.pkl", data: pickle },
    { name: "archive/data/0", data },
    { name: "archive/version", data: Buffer.from("3\n") },
  ];
}

export function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** Bytes as an open file. */
export function sourceOf(bytes: Uint8Array): Source {
  return {
    path: "memory.pth",
    size: bytes.length,
    readInto: (position, target) => {
      if (position < 0 || position + target.length > bytes.length)
        throw new Error("a read outside of the file");
      target.set(bytes.subarray(position, position + target.length));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

/** Opens, verifies if asked, and reads every tensor, as one who loads a model does. */
export async function readAll(bytes: Uint8Array, verify = true, options?: ReadOptions): Promise<TorchFile> {
  const file = await readTorch(sourceOf(bytes), options);
  if (verify) await file.verify();
  for (const [, one] of file.tensors()) await one.read();
  return file;
}
