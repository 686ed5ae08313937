/**
 * The pickle machine: a stack, a memo, one table of opcodes. It makes plain data only (see globals.ts). Whatever it is
 * given, it ends: every opcode takes at least a byte, nothing is repeated, and the memory that the values will take is
 * counted before they are made.
 *
 * Source: cpython Lib/pickletools.py, the description of each opcode. Protocols 2 to 5; of older protocols only the
 * opcodes that Python 2 still writes under protocol 2.
 */
import { allowedGlobal, callOf, isHashable, takesState, type CallSite } from "./globals.js";
import { narrowed } from "./numpy.js";
import { invalid, refused, unsupported, type Origin } from "./problems.js";
import { isKind, pythonFloat, type TorchDict, type TorchStorage, type TorchValue } from "./values.js";

/** Bytes of the largest whole number: as decimal text it has 2466 digits. */
const MAX_INTEGER_BYTES = 1024;

/**
 * What the values may take in memory, in bytes: so much in any case, and so much for each byte that the pickle has in
 * the file. Tensors take about 10 for each, dicts of small things about 12.
 */
const MEMORY_ANYWAY = 32 * 2 ** 20;
const MEMORY_PER_BYTE = 16;

/** Why a persistent id is not a storage of this file. */
export interface NoStorage {
  readonly problem: string;
}

export interface Unpickled {
  readonly value: TorchValue;
  /** Bytes up to and with STOP. */
  readonly length: number;
}

/** What `unpickle` throws, inside, when the bytes end too early: a legacy file then gives it more. */
export class PickleCutOff extends Error {}

interface Machine {
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
  readonly memo: Map<number, TorchValue>;
  memory: number;
  readonly storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage;
}

/**
 * Reads one pickle from the start of `bytes`.
 * @param storageOf what a persistent id stands for
 * @param packedLength bytes that the pickle takes in the file, where it is packed
 * @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED (a name not on the allow-list), TORCH_FILE_UNSUPPORTED;
 *   PickleCutOff when the bytes end before STOP
 */
export function unpickle(
  bytes: Uint8Array,
  origin: Origin,
  storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage,
  packedLength = bytes.length,
): Unpickled {
  const m: Machine = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    position: 0,
    start: 0,
    opcode: "PROTO",
    origin,
    stack: [],
    marks: [],
    memo: new Map(),
    memory: MEMORY_ANYWAY + MEMORY_PER_BYTE * packedLength,
    storageOf,
  };
  if (byte(m) !== 0x80) fail(m, "it does not begin as a pickle of protocol 2 or later does");
  m.position = 0;
  for (;;) {
    m.start = m.position;
    const code = byte(m);
    const op = opcodes[code];
    if (op === undefined) {
      m.opcode = `opcode 0x${code.toString(16).padStart(2, "0")}`;
      fail(m, "there is no such opcode, or no torch file has it");
    }
    m.opcode = op[0];
    if (code === STOP) break;
    op[1](m);
  }
  const value = pop(m);
  if (m.stack.length > 0 || m.marks.length > 0) fail(m, "values are left over");
  return { value, length: m.position };
}

function fail(m: Machine, reason: string): never {
  throw invalid(m.origin, m.start, reason, m.opcode);
}

/** Takes `count` bytes; they are there afterwards, or the pickle is cut off. */
function take(m: Machine, count: number): number {
  const at = m.position;
  if (count > m.bytes.length - at) {
    throw new PickleCutOff(`${m.opcode} at ${m.start} needs ${count} bytes, ${m.bytes.length - at} are left`);
  }
  m.position += count;
  return at;
}

/** Counts memory for a value that is about to be made. */
function charge(m: Machine, bytes: number): void {
  m.memory -= bytes;
  if (m.memory < 0) fail(m, "the values would take far more memory than a checkpoint of this size");
}

const byte = (m: Machine): number => m.bytes[take(m, 1)]!;
const uint16 = (m: Machine): number => m.view.getUint16(take(m, 2), true);
const uint32 = (m: Machine): number => m.view.getUint32(take(m, 4), true);

/** A length of 8 bytes. Longer than what is left is cut off, whatever it is. */
function length64(m: Machine): number {
  const value = m.view.getBigUint64(take(m, 8), true);
  if (value > BigInt(m.bytes.length))
    throw new PickleCutOff(`${m.opcode} at ${m.start} is longer than the file`);
  return Number(value);
}

function push(m: Machine, value: TorchValue): void {
  charge(m, 16);
  m.stack.push(value);
}

function pop(m: Machine): TorchValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.pop()!;
}

function top(m: Machine): TorchValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.at(-1)!;
}

/** Everything above the last MARK, which goes too. */
function popMark(m: Machine): TorchValue[] {
  const mark = m.marks.pop();
  if (mark === undefined) fail(m, "there is no MARK before it");
  const items = m.stack.splice(mark);
  charge(m, 32 + 8 * items.length);
  return items;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(m: Machine, length: number): string {
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

function rawBytes(m: Machine, length: number): Uint8Array {
  const at = take(m, length);
  charge(m, 96 + length);
  return m.bytes.slice(at, at + length);
}

/** A line of text without its end, as GLOBAL has it. */
function line(m: Machine): string {
  const end = m.bytes.indexOf(0x0a, m.position);
  if (end === -1) throw new PickleCutOff(`${m.opcode} at ${m.start} has no end of line`);
  const value = text(m, end - m.position);
  m.position = end + 1;
  return value;
}

function integer(m: Machine, length: number): number | bigint {
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

function get(m: Machine, index: number): void {
  const value = m.memo.get(index);
  if (value === undefined) fail(m, `memo ${index} was never put`);
  push(m, value);
}

function put(m: Machine, index: number): void {
  charge(m, 48);
  m.memo.set(index, top(m));
}

function tupleOf(m: Machine, items: TorchValue[]): void {
  charge(m, 64);
  push(m, { kind: "tuple", items });
}

function lastItems(m: Machine, count: number): TorchValue[] {
  if (m.stack.length - count < (m.marks.at(-1) ?? 0)) fail(m, "it takes a value where there is none");
  return m.stack.splice(m.stack.length - count);
}

function newDict(m: Machine): TorchDict {
  charge(m, 160);
  return new Map();
}

function setItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!(target instanceof Map)) fail(m, "it sets items of something that is not a dict");
  if (items.length % 2 === 1) fail(m, "a key without a value");
  charge(m, 24 * items.length);
  for (let i = 0; i < items.length; i += 2) {
    if (!isHashable(items[i]!)) fail(m, "a list, dict or set cannot be a key");
    target.set(items[i]!, items[i + 1]!);
  }
}

function appendItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!Array.isArray(target)) fail(m, "it appends to something that is not a list");
  // The engine makes room for 17 items with the first.
  charge(m, (target.length === 0 ? 136 : 0) + 16 * items.length);
  for (const item of items) target.push(item);
}

function addItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (!(target instanceof Set)) fail(m, "it adds to something that is not a set");
  if (!items.every(isHashable)) fail(m, "a list, dict or set cannot be in a set");
  charge(m, 32 * items.length);
  for (const item of items) target.add(item);
}

function global(m: Machine, module: string, name: string): void {
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

function stackGlobal(m: Machine): void {
  const name = pop(m);
  const module = pop(m);
  if (typeof module !== "string" || typeof name !== "string") fail(m, "a name that is not text");
  global(m, module, name);
}

function call(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!isKind(callee, "global")) fail(m, "it calls something that is not a name");
  if (!isKind(args, "tuple")) fail(m, "the arguments are not a tuple");
  const run = callOf(callee);
  if (run === undefined) throw refused(m.origin, m.start, `${callee.module}.${callee.name}`);
  charge(m, 256 + 32 * args.items.length);
  const site: CallSite = {
    callee,
    wrong: (reason) => fail(m, reason),
    unsupported: (what) => {
      throw unsupported(m.origin.file, what);
    },
  };
  push(m, run(args.items, site));
}

function build(m: Machine): void {
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

function persistent(m: Machine): void {
  const id = pop(m);
  if (!isKind(id, "tuple")) fail(m, "a persistent id that is not a storage");
  charge(m, 256);
  const storage = m.storageOf(id.items);
  if ("problem" in storage) fail(m, storage.problem);
  push(m, storage);
}

function refuse(m: Machine, what: string): never {
  throw refused(m.origin, m.start, `${m.opcode} ${what}`.trim());
}

const STOP = 0x2e;

type Opcode = readonly [name: string, run: (m: Machine) => void];

// prettier-ignore
const table: readonly (readonly [code: number | string, ...Opcode])[] = [
  // The pickle itself
  [0x80, "PROTO", (m) => { const p = byte(m); if (p < 2 || p > 5) fail(m, `protocol ${p}`); }],
  [0x95, "FRAME", (m) => { const n = length64(m); if (n > m.bytes.length - m.position) throw new PickleCutOff("FRAME is longer than the file"); }],
  [".", "STOP", () => undefined],
  // Numbers and the like
  ["N", "NONE", (m) => push(m, null)],
  [0x88, "NEWTRUE", (m) => push(m, true)],
  [0x89, "NEWFALSE", (m) => push(m, false)],
  ["J", "BININT", (m) => push(m, m.view.getInt32(take(m, 4), true))],
  ["K", "BININT1", (m) => push(m, byte(m))],
  ["M", "BININT2", (m) => push(m, uint16(m))],
  [0x8a, "LONG1", (m) => push(m, integer(m, byte(m)))],
  [0x8b, "LONG4", (m) => push(m, integer(m, m.view.getInt32(take(m, 4), true)))],
  ["G", "BINFLOAT", (m) => push(m, pythonFloat(m.view.getFloat64(take(m, 8), false)))],
  // Text and bytes
  ["X", "BINUNICODE", (m) => push(m, text(m, uint32(m)))],
  [0x8c, "SHORT_BINUNICODE", (m) => push(m, text(m, byte(m)))],
  [0x8d, "BINUNICODE8", (m) => push(m, text(m, length64(m)))],
  ["T", "BINSTRING", (m) => push(m, text(m, uint32(m)))],
  ["U", "SHORT_BINSTRING", (m) => push(m, text(m, byte(m)))],
  ["B", "BINBYTES", (m) => push(m, rawBytes(m, uint32(m)))],
  ["C", "SHORT_BINBYTES", (m) => push(m, rawBytes(m, byte(m)))],
  [0x8e, "BINBYTES8", (m) => push(m, rawBytes(m, length64(m)))],
  [0x96, "BYTEARRAY8", (m) => push(m, rawBytes(m, length64(m)))],
  // Containers
  ["(", "MARK", (m) => { charge(m, 8); m.marks.push(m.stack.length); }],
  [")", "EMPTY_TUPLE", (m) => tupleOf(m, [])],
  [0x85, "TUPLE1", (m) => tupleOf(m, lastItems(m, 1))],
  [0x86, "TUPLE2", (m) => tupleOf(m, lastItems(m, 2))],
  [0x87, "TUPLE3", (m) => tupleOf(m, lastItems(m, 3))],
  ["t", "TUPLE", (m) => tupleOf(m, popMark(m))],
  ["]", "EMPTY_LIST", (m) => { charge(m, 32); push(m, []); }],
  ["l", "LIST", (m) => push(m, popMark(m))],
  ["a", "APPEND", (m) => appendItems(m, [pop(m)])],
  ["e", "APPENDS", (m) => appendItems(m, popMark(m))],
  ["}", "EMPTY_DICT", (m) => push(m, newDict(m))],
  ["d", "DICT", (m) => { const items = popMark(m); push(m, newDict(m)); setItems(m, items); }],
  ["s", "SETITEM", (m) => setItems(m, lastItems(m, 2))],
  ["u", "SETITEMS", (m) => setItems(m, popMark(m))],
  [0x8f, "EMPTY_SET", (m) => { charge(m, 160); push(m, new Set<TorchValue>()); }],
  [0x90, "ADDITEMS", (m) => addItems(m, popMark(m))],
  [0x91, "FROZENSET", (m) => push(m, { kind: "object", type: { kind: "global", module: "builtins", name: "frozenset" }, args: [popMark(m)] })],
  // Stack and memo
  ["0", "POP", (m) => { if (m.marks.at(-1) === m.stack.length) m.marks.pop(); else pop(m); }],
  ["1", "POP_MARK", (m) => { popMark(m); }],
  ["2", "DUP", (m) => push(m, top(m))],
  ["h", "BINGET", (m) => get(m, byte(m))],
  ["j", "LONG_BINGET", (m) => get(m, uint32(m))],
  ["q", "BINPUT", (m) => put(m, byte(m))],
  ["r", "LONG_BINPUT", (m) => put(m, uint32(m))],
  [0x94, "MEMOIZE", (m) => put(m, m.memo.size)],
  // Names and what is made with them
  ["c", "GLOBAL", (m) => { const module = line(m); global(m, module, line(m)); }],
  [0x93, "STACK_GLOBAL", stackGlobal],
  ["R", "REDUCE", call],
  [0x81, "NEWOBJ", call],
  ["b", "BUILD", build],
  ["Q", "BINPERSID", persistent],
  // Known, and never done: each makes an object by running something
  ["i", "INST", (m) => { const module = line(m); refuse(m, `${module}.${line(m)}`); }],
  ["o", "OBJ", (m) => refuse(m, "")],
  [0x92, "NEWOBJ_EX", (m) => refuse(m, "")],
  [0x82, "EXT1", (m) => refuse(m, "")],
  [0x83, "EXT2", (m) => refuse(m, "")],
  [0x84, "EXT4", (m) => refuse(m, "")],
  ["P", "PERSID", (m) => refuse(m, "")],
  [0x97, "NEXT_BUFFER", (m) => refuse(m, "")],
  [0x98, "READONLY_BUFFER", (m) => refuse(m, "")],
];

const opcodes = new Array<Opcode | undefined>(256).fill(undefined);
for (const [code, ...op] of table) opcodes[typeof code === "string" ? code.charCodeAt(0) : code] = op;
