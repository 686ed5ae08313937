/**
 * The pickle machine: a stack, a memo, and what the opcodes do with them. Whatever it is given, it ends: every opcode
 * takes at least a byte, nothing is repeated, and the memory that values will take is counted before they are made.
 */
import { allowedGlobal, callOf, isHashable, takesState, type CallSite } from "./globals.js";
import { narrowed } from "./numpy.js";
import { invalid, refused, unsupported, type Origin } from "./problems.js";
import { isKind, type TorchDict, type TorchStorage, type TorchValue } from "./values.js";

/** Bytes of the largest whole number: as decimal text it has 2466 digits. */
const MAX_INTEGER_BYTES = 1024;

/**
 * What the values may take in memory, in bytes: so much in any case, and so much for each byte of the pickle that has
 * been read. Tensors take about 10 for each, dicts of small things about 12.
 */
const MEMORY_ANYWAY = 24 * 2 ** 20;
const MEMORY_PER_BYTE = 16;

/** Why a persistent id is not a storage of this file. */
export interface NoStorage {
  readonly problem: string;
}

/** What `unpickle` throws, inside, when the bytes end too early: a legacy file then gives it more. */
export class PickleCutOff extends Error {}

export interface Machine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
  /** Of the opcode that is being done. */
  start: number;
  opcode: string;
  readonly origin: Origin;
  readonly stack: TorchValue[];
  /** Heights of the stack at each MARK. */
  readonly marks: number[];
  /** Holes are undefined. An array, because a Map can be made slow by chosen numbers. */
  readonly memo: (TorchValue | undefined)[];
  /** Values that may stand in more than one place. All others stand in one. */
  readonly shared: Set<TorchValue>;
  /** About what the values take in memory, bytes. */
  memory: number;
  /** Bytes that a byte of the pickle has in the file: less than 1 where it is packed. */
  readonly packing: number;
  readonly storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage;
}

export function fail(m: Machine, reason: string): never {
  throw invalid(m.origin, m.start, reason, m.opcode);
}

/** Takes `count` bytes; they are there afterwards, or the pickle is cut off. */
export function take(m: Machine, count: number): number {
  const at = m.position;
  if (count > m.bytes.length - at) {
    throw new PickleCutOff(`${m.opcode} at ${m.start} needs ${count} bytes, ${m.bytes.length - at} are left`);
  }
  m.position += count;
  return at;
}

/** Counts memory for a value that is about to be made. */
export function charge(m: Machine, bytes: number): void {
  m.memory += bytes;
  if (m.memory > MEMORY_ANYWAY + MEMORY_PER_BYTE * m.packing * m.position)
    fail(m, "the values would take far more memory than a checkpoint of this size");
}

export const byte = (m: Machine): number => m.bytes[take(m, 1)]!;
export const uint16 = (m: Machine): number => m.view.getUint16(take(m, 2), true);
export const uint32 = (m: Machine): number => m.view.getUint32(take(m, 4), true);

/** A length of 8 bytes. Longer than what is left is cut off, whatever it is. */
export function length64(m: Machine): number {
  const value = m.view.getBigUint64(take(m, 8), true);
  if (value > BigInt(m.bytes.length))
    throw new PickleCutOff(`${m.opcode} at ${m.start} is longer than the file`);
  return Number(value);
}

export function push(m: Machine, value: TorchValue): void {
  charge(m, 16);
  m.stack.push(value);
}

export function pop(m: Machine): TorchValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.pop()!;
}

export function top(m: Machine): TorchValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.at(-1)!;
}

/** Everything above the last MARK, which goes too. */
export function popMark(m: Machine): TorchValue[] {
  const mark = m.marks.pop();
  if (mark === undefined) fail(m, "there is no MARK before it");
  const items = m.stack.splice(mark);
  charge(m, 32 + 8 * items.length);
  return items;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function text(m: Machine, length: number): string {
  const at = take(m, length);
  charge(m, 32 + 2 * length);
  try {
    return utf8.decode(m.bytes.subarray(at, at + length));
  } catch {
    return surrogates(m, m.bytes.subarray(at, at + length));
  }
}

/** Python writes lone surrogates ("surrogatepass") as three bytes, which no UTF-8 decoder takes. */
function surrogates(m: Machine, bytes: Uint8Array): string {
  let out = "";
  let from = 0;
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0xed && bytes[i + 1]! >= 0xa0) {
      out += decode(m, bytes.subarray(from, i));
      out += String.fromCharCode(0xd000 | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f));
      from = i + 3;
      i += 2;
    }
  }
  return out + decode(m, bytes.subarray(from));
}

function decode(m: Machine, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return fail(m, "the text is not UTF-8");
  }
}

export function rawBytes(m: Machine, length: number): Uint8Array {
  const at = take(m, length);
  charge(m, 96 + length);
  return m.bytes.slice(at, at + length);
}

/** A line of text without its end, as GLOBAL has it. */
export function line(m: Machine): string {
  const end = m.bytes.indexOf(0x0a, m.position);
  if (end === -1) throw new PickleCutOff(`${m.opcode} at ${m.start} has no end of line`);
  const value = text(m, end - m.position);
  m.position = end + 1;
  return value;
}

export function integer(m: Machine, length: number): number | bigint {
  if (length < 0) fail(m, "a negative length");
  if (length > MAX_INTEGER_BYTES && length <= m.bytes.length - m.position) {
    fail(m, `a whole number of ${length} bytes`);
  }
  const at = take(m, length);
  charge(m, 32 + length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(m.bytes[at + i]!);
  return narrowed(BigInt.asIntN(8 * length, value));
}

export function get(m: Machine, index: number): void {
  const value = m.memo[index];
  if (value === undefined) fail(m, `memo ${index} was never put`);
  pushAgain(m, value);
}

/** Pushes a value that is already somewhere else. */
export function pushAgain(m: Machine, value: TorchValue): void {
  if (typeof value === "object") {
    charge(m, 32);
    m.shared.add(value);
  }
  push(m, value);
}

export function put(m: Machine, index: number): void {
  const value = top(m);
  // Every put takes bytes, so no pickle that counts its memo has come so far yet.
  if (index > m.position) fail(m, `memo ${index}, although so few values were put`);
  charge(m, 8 * Math.max(1, index + 1 - m.memo.length));
  while (m.memo.length <= index) m.memo.push(undefined);
  m.memo[index] = value;
}

export function tupleOf(m: Machine, items: TorchValue[]): void {
  charge(m, 64);
  push(m, { kind: "tuple", items });
}

export function lastItems(m: Machine, count: number): TorchValue[] {
  if (m.stack.length - count < (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.splice(m.stack.length - count);
}

export function newDict(m: Machine): TorchDict {
  charge(m, 160);
  return new Map();
}

export function setItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!(target instanceof Map)) fail(m, "it sets items of something that is not a dict");
  if (items.length % 2 === 1) fail(m, "a key without a value");
  charge(m, 24 * items.length);
  for (let i = 0; i < items.length; i += 2) {
    if (!isHashable(items[i]!)) fail(m, "a list, dict or set cannot be a key");
    target.set(items[i]!, items[i + 1]!);
  }
}

export function appendItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!Array.isArray(target)) fail(m, "it appends to something that is not a list");
  // The engine makes room for 17 items with the first.
  charge(m, (target.length === 0 ? 136 : 0) + 16 * items.length);
  for (const item of items) target.push(item);
}

export function addItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!(target instanceof Set)) fail(m, "it adds to something that is not a set");
  if (!items.every(isHashable)) fail(m, "a list, dict or set cannot be in a set");
  charge(m, 32 * items.length);
  for (const item of items) target.add(item);
}

export function global(m: Machine, module: string, name: string): void {
  const allowed = allowedGlobal(module, name);
  if (allowed !== undefined) {
    charge(m, 64);
    push(m, allowed);
    return;
  }
  // Layers and optimizers are what a model holds that was saved whole.
  if (/^torch\.(nn|optim)\b/.test(module))
    throw unsupported(m.origin.file, `a whole model (${module}.${name})`);
  throw refused(m.origin, m.start, `${module}.${name}`);
}

export function stackGlobal(m: Machine): void {
  const name = pop(m);
  const module = pop(m);
  if (typeof module !== "string" || typeof name !== "string") fail(m, "a name that is not text");
  global(m, module, name);
}

export function call(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!isKind(callee, "global")) fail(m, "it calls something that is not a name");
  if (!isKind(args, "tuple")) fail(m, "the arguments are not a tuple");
  const run = callOf(callee);
  if (run === undefined) throw refused(m.origin, m.start, `${callee.module}.${callee.name}`);
  charge(m, 320);
  const site: CallSite = {
    callee,
    wrong: (reason) => fail(m, reason),
    unsupported: (what) => {
      throw unsupported(m.origin.file, what);
    },
  };
  push(m, run(args.items, site));
}

export function build(m: Machine): void {
  const state = pop(m);
  const target = top(m);
  if (isKind(target, "object") && takesState(target.type) && target.state === undefined) {
    target.state = state;
  } else if (target instanceof Map && target.pythonType !== undefined && state instanceof Map) {
    target.attributes = state;
  } else {
    fail(m, "it sets the state of something that has none");
  }
}

export function persistent(m: Machine): void {
  const id = pop(m);
  if (!isKind(id, "tuple")) fail(m, "a persistent id that is not a storage");
  charge(m, 128);
  const storage = m.storageOf(id.items);
  if ("problem" in storage) fail(m, storage.problem);
  push(m, storage);
}

export function refuse(m: Machine, what: string): never {
  throw refused(m.origin, m.start, `${m.opcode} ${what}`.trim());
}
