/**
 * Values -> pickle, protocol 2, as Python's own pickler writes them for torch.save: same opcodes, same memo, same
 * batches of 1000. Storages are named "0", "1", ... in the order in which they are met. The same values give the same
 * bytes.
 */
import { invariant } from "../base/invariant.js";
import { dtypes } from "./dtypes.js";
import { allowedGlobal, python2Name } from "./globals.js";
import { dict, isKind, isPythonInt, orderedDict, tuple } from "./values.js";
import type { TorchDict, TorchGlobal, TorchObject, TorchStorage, TorchTensor, TorchValue } from "./values.js";

const op = {
  mark: 0x28, // (
  stop: 0x2e, // .
  binInt: 0x4a, // J
  binInt1: 0x4b, // K
  binInt2: 0x4d, // M
  none: 0x4e, // N
  binPersId: 0x51, // Q
  reduce: 0x52, // R
  binUnicode: 0x58, // X
  append: 0x61, // a
  build: 0x62, // b
  global: 0x63, // c
  appends: 0x65, // e
  binGet: 0x68, // h
  longBinGet: 0x6a, // j
  binPut: 0x71, // q
  longBinPut: 0x72, // r
  setItem: 0x73, // s
  tuple: 0x74, // t
  setItems: 0x75, // u
  emptyDict: 0x7d, // }
  emptyList: 0x5d, // ]
  emptyTuple: 0x29, // )
  binFloat: 0x47, // G
  proto: 0x80,
  tuple1: 0x85,
  newTrue: 0x88,
  newFalse: 0x89,
  long1: 0x8a,
  long4: 0x8b,
} as const;

const BATCH = 1000;

export interface Pickled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The storages that the pickle refers to; the index is the key. */
  readonly storages: readonly TorchStorage[];
}

/** REQUIRES: no value contains itself through tuples, and nesting is shallow enough for the stack (1000 is). */
export function pickle(value: TorchValue): Pickled {
  const out = byteBuffer();
  const storages: TorchStorage[] = [];
  const storageKeys = new Map<object, string>();
  // Objects by identity, strings by value; names of the allow-list apart, since a string may read the same.
  const memo = new Map<unknown, number>();
  const names = new Map<string, number>();
  let memoized = 0;

  /** Writes a reference to what was written before; false when `key` is new. */
  const recall = <K>(known: ReadonlyMap<K, number>, key: K): boolean => {
    const index = known.get(key);
    if (index === undefined) return false;
    out.numbered(op.binGet, op.longBinGet, index);
    return true;
  };
  const remember = <K>(known: Map<K, number>, key: K): void => {
    out.numbered(op.binPut, op.longBinPut, memoized);
    known.set(key, memoized++);
  };

  const text = (value: string): void => {
    if (recall(memo, value)) return;
    const bytes = new TextEncoder().encode(value);
    out.byte(op.binUnicode);
    out.uint32(bytes.length);
    out.raw(bytes);
    remember(memo, value);
  };
  const global = ({ module, name }: Pick<TorchGlobal, "module" | "name">): void => {
    invariant(
      allowedGlobal(module, name) !== undefined,
      `${module}.${name} is a name that torch files may hold`,
    );
    // Protocol 2 is Python 2's, where this module and some names in it were others.
    const [oldModule, oldName] = module === "builtins" ? ["__builtin__", python2Name(name)] : [module, name];
    const line = `${oldModule}\n${oldName}\n`;
    if (recall(names, line)) return;
    out.byte(op.global);
    out.raw(new TextEncoder().encode(line));
    remember(names, line);
  };

  const integer = (value: bigint): void => {
    if (value >= 0n && value < 0x100n) {
      out.byte(op.binInt1);
      out.byte(Number(value));
    } else if (value >= 0n && value < 0x10000n) {
      out.byte(op.binInt2);
      out.uint16(Number(value));
    } else if (value >= -0x80000000n && value < 0x80000000n) {
      out.byte(op.binInt);
      out.uint32(Number(value) >>> 0);
    } else {
      const bytes = twosComplement(value);
      out.numbered(op.long1, op.long4, bytes.length);
      out.raw(bytes);
    }
  };

  const sequence = (items: readonly TorchValue[], key: unknown): void => {
    if (items.length === 0) {
      out.byte(op.emptyTuple);
      return;
    }
    if (items.length > 3) out.byte(op.mark);
    for (const item of items) write(item);
    out.byte(items.length > 3 ? op.tuple : op.tuple1 + items.length - 1);
    remember(memo, key);
  };

  /** Groups of up to BATCH: one op for a single one, a MARK and the plural op for more. */
  const batches = <T>(items: readonly T[], one: number, many: number, put: (item: T) => void): void => {
    for (let from = 0; from < items.length; from += BATCH) {
      const batch = items.slice(from, from + BATCH);
      if (batch.length > 1) out.byte(op.mark);
      batch.forEach(put);
      out.byte(batch.length > 1 ? many : one);
    }
  };

  const call = (
    callee: Pick<TorchGlobal, "module" | "name">,
    args: readonly TorchValue[],
    key: unknown,
  ): void => {
    global(callee);
    sequence(args, {});
    out.byte(op.reduce);
    remember(memo, key);
  };

  const dictionary = (value: TorchDict): void => {
    if (value.pythonType === undefined) {
      out.byte(op.emptyDict);
      remember(memo, value);
    } else {
      const name = value.pythonType.slice("collections.".length);
      const args = value.pythonType === "collections.defaultdict" ? [value.factory ?? null] : [];
      call({ module: "collections", name }, args, value);
    }
    batches([...value], op.setItem, op.setItems, ([key, item]) => {
      write(key);
      write(item);
    });
    if (value.attributes !== undefined) {
      write(value.attributes);
      out.byte(op.build);
    }
  };

  const storage = (value: TorchStorage): void => {
    let key = storageKeys.get(value.identity);
    if (key === undefined) {
      key = String(storages.length);
      storageKeys.set(value.identity, key);
      storages.push(value);
    }
    invariant(storages[Number(key)]!.dtype === value.dtype, "tensors over one array are of one type");
    const { storageClass } = dtypes[value.dtype];
    out.byte(op.mark);
    text("storage");
    global(
      storageClass === undefined
        ? { module: "torch.storage", name: "UntypedStorage" }
        : { module: "torch", name: storageClass },
    );
    text(key);
    text(value.location);
    integer(BigInt(storageClass === undefined ? value.length * dtypes[value.dtype].size : value.length));
    out.byte(op.tuple);
    remember(memo, {});
    out.byte(op.binPersId);
  };

  const tensor = (value: TorchTensor): void => {
    if (value.parameter) {
      const { requiresGrad } = value;
      const plain: TorchTensor = { ...value, parameter: false, requiresGrad: false };
      call(
        { module: "torch._utils", name: "_rebuild_parameter" },
        [plain, requiresGrad, orderedDict()],
        value,
      );
      return;
    }
    const typed = value.storage.dtype === value.dtype && dtypes[value.dtype].storageClass !== undefined;
    invariant(
      value.quantisation === undefined && value.subclass === undefined,
      "a tensor that can be written",
    );
    const marked = (["conj", "neg"] as const).filter((mark) => value[mark] === true);
    const metadata =
      marked.length === 0 ? [] : [dict(Object.fromEntries(marked.map((mark) => [mark, true])))];
    const args: TorchValue[] = [
      value.storage,
      value.offset,
      tuple(...value.shape),
      tuple(...value.strides),
      value.requiresGrad,
      orderedDict(),
    ];
    if (typed) call({ module: "torch._utils", name: "_rebuild_tensor_v2" }, [...args, ...metadata], value);
    else {
      const dtype: TorchGlobal = { kind: "global", module: "torch", name: value.dtype };
      call({ module: "torch._utils", name: "_rebuild_tensor_v3" }, [...args, dtype, ...metadata], value);
    }
  };

  const object = (value: TorchObject): void => {
    call(value.type, value.args, value);
    batches(value.items ?? [], op.append, op.appends, write);
    if (value.state !== undefined) {
      write(value.state);
      out.byte(op.build);
    }
  };

  const write = (value: TorchValue): void => {
    if (value === null) out.byte(op.none);
    else if (typeof value === "boolean") out.byte(value ? op.newTrue : op.newFalse);
    else if (typeof value === "bigint") integer(value);
    else if (typeof value === "number" && isPythonInt(value)) integer(BigInt(value));
    else if (typeof value === "number") out.float(value);
    else if (typeof value === "string") text(value);
    else if (isKind(value, "float")) out.float(value.value);
    else if (isKind(value, "storage")) storage(value);
    else if (isKind(value, "global")) global(value);
    else if (!recall(memo, value)) container(value);
  };

  /** What may stand in two places and is then one object in Python too. */
  const container = (value: Exclude<TorchValue, null | boolean | number | bigint | string>): void => {
    if (isKind(value, "tensor")) tensor(value);
    else if (isKind(value, "tuple")) sequence(value.items, value);
    else if (isKind(value, "object")) object(value);
    else if (value instanceof Map) dictionary(value);
    else if (value instanceof Set) call({ module: "builtins", name: "set" }, [[...value]], value);
    else if (value instanceof Uint8Array) {
      // Protocol 2 has no bytes: Python writes them as a string of the same code points, to be encoded again.
      call({ module: "_codecs", name: "encode" }, [latin1(value), "latin1"], value);
    } else if (Array.isArray(value)) {
      out.byte(op.emptyList);
      remember(memo, value);
      batches(value, op.append, op.appends, write);
    }
  };

  out.byte(op.proto);
  out.byte(2);
  write(value);
  out.byte(op.stop);
  return { bytes: out.bytes(), storages };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The shortest two's complement of a number, little-endian. */
function twosComplement(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 8n) {
    const low = Number(rest & 0xffn);
    bytes.push(low);
    const sign = rest >> 8n;
    if ((sign === 0n && low < 0x80) || (sign === -1n && low >= 0x80)) return Uint8Array.from(bytes);
  }
}

/** A growing array of bytes. */
function byteBuffer() {
  let buffer = new Uint8Array(4096);
  let view = new DataView(buffer.buffer);
  let length = 0;
  /** Makes room. It may move the buffer: `buffer` and `view` are good only after it. */
  const reserve = (count: number): number => {
    if (length + count > buffer.length) {
      const larger = new Uint8Array(Math.max(buffer.length * 2, length + count));
      larger.set(buffer);
      buffer = larger;
      view = new DataView(buffer.buffer);
    }
    length += count;
    return length - count;
  };
  const byte = (value: number): void => {
    const at = reserve(1);
    view.setUint8(at, value);
  };
  const uint32 = (value: number): void => {
    const at = reserve(4);
    view.setUint32(at, value, true);
  };
  return {
    byte,
    uint32,
    uint16(value: number): void {
      const at = reserve(2);
      view.setUint16(at, value, true);
    },
    /** BINFLOAT: big-endian. */
    float(value: number): void {
      byte(op.binFloat);
      const at = reserve(8);
      view.setFloat64(at, value, false);
    },
    /** One op for numbers of one byte, another for larger ones. */
    numbered(short: number, long: number, value: number): void {
      byte(value < 256 ? short : long);
      if (value < 256) byte(value);
      else uint32(value);
    },
    raw(bytes: Uint8Array): void {
      const at = reserve(bytes.length);
      buffer.set(bytes, at);
    },
    bytes: (): Uint8Array<ArrayBuffer> => buffer.slice(0, length),
  };
}
