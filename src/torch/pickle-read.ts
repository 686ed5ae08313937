/**
 * Pickle -> values. One table of opcodes over the machine of pickle-machine.ts; it makes plain data only.
 *
 * Source: cpython Lib/pickletools.py, the description of each opcode. Protocols 1 to 5; of protocol 0, whose
 * names of storages PyTorch cannot read either, nothing of its own.
 */
import { keyGuard } from "./key-guard.js";
import {
  addItems,
  appendItems,
  build,
  byte,
  call,
  callWithKeywords,
  charge,
  decimal,
  fail,
  get,
  global,
  integer,
  lastItems,
  length64,
  line,
  type Machine,
  newDict,
  type NoStorage,
  persistent,
  PickleCutOff,
  pop,
  popMark,
  push,
  pushAgain,
  put,
  python2Text,
  rawBytes,
  refuse,
  setItems,
  stackGlobal,
  take,
  text,
  top,
  tupleOf,
  uint16,
  uint32,
} from "./pickle-machine.js";
import type { Origin } from "./problems.js";
import { pythonFloat, type TorchStorage, type TorchValue } from "./values.js";

export interface Unpickled {
  readonly value: TorchValue;
  /** Bytes up to and with STOP. */
  readonly length: number;
  /** The values in it that may stand in more than one place. */
  readonly shared: ReadonlySet<TorchValue>;
  /** The names that are not on the allow-list; none unless they are skipped. */
  readonly skipped: readonly string[];
}

export interface UnpickleOptions {
  /** Bytes by which memory is allowed, fewer than its own where it is packed. */
  readonly worth?: number;
  /** How many times the memory of other pickles it may take: a list of many small objects takes more for each byte. */
  readonly memoryTimes?: number;
  /** Keeps what a name that is not on the allow-list makes as data: the name, and what it was called with. Nothing is run. */
  readonly skipUnknown?: boolean;
}

/**
 * Reads one pickle from the start of `bytes`.
 * @param storageOf what a persistent id stands for
 * @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED (a name not on the allow-list), TORCH_FILE_UNSUPPORTED;
 *   PickleCutOff when the bytes end before STOP
 */
export function unpickle(
  bytes: Uint8Array,
  origin: Origin,
  storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage,
  { worth = bytes.length, memoryTimes = 1, skipUnknown = false }: UnpickleOptions = {},
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
    memo: [],
    shared: new Set(),
    memory: 0,
    acceptsKey: keyGuard(),
    packing: memoryTimes * (bytes.length === 0 ? 1 : Math.min(1, worth / bytes.length)),
    storageOf,
    skipped: skipUnknown ? new Set() : undefined,
  };
  for (;;) {
    m.start = m.position;
    const code = byte(m);
    const op = opcodes[code];
    if (op === undefined) {
      m.opcode = `opcode 0x${code.toString(16).padStart(2, "0")}`;
      fail(m);
    }
    m.opcode = op[0];
    if (code === STOP) break;
    op[1](m);
  }
  const value = pop(m);
  if (m.stack.length > 0 || m.marks.length > 0) fail(m);
  return { value, length: m.position, shared: m.shared, skipped: [...(m.skipped ?? [])] };
}

function protocol(m: Machine): void {
  const version = byte(m);
  if (m.start > 0 || version < 2 || version > 5) fail(m);
}

/** A frame says how many bytes to read at once, which is of no use here. */
function frame(m: Machine): void {
  const length = length64(m);
  if (length > m.bytes.length - m.position)
    throw new PickleCutOff(`FRAME at ${m.start} is longer than the file`);
}

const STOP = 0x2e;

type Opcode = readonly [name: string, run: (m: Machine) => void];

// prettier-ignore
const table: readonly (readonly [code: number | string, ...Opcode])[] = [
  // The pickle itself
  [0x80, "PROTO", protocol],
  [0x95, "FRAME", frame],
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
  ["I", "INT", (m) => push(m, decimal(m, ""))],
  ["L", "LONG", (m) => push(m, decimal(m, "L"))],
  ["G", "BINFLOAT", (m) => push(m, pythonFloat(m.view.getFloat64(take(m, 8), false)))],
  // Text and bytes
  ["X", "BINUNICODE", (m) => push(m, text(m, uint32(m)))],
  [0x8c, "SHORT_BINUNICODE", (m) => push(m, text(m, byte(m)))],
  [0x8d, "BINUNICODE8", (m) => push(m, text(m, length64(m)))],
  ["T", "BINSTRING", (m) => push(m, python2Text(m, uint32(m)))],
  ["U", "SHORT_BINSTRING", (m) => push(m, python2Text(m, byte(m)))],
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
  ["2", "DUP", (m) => pushAgain(m, top(m))],
  ["h", "BINGET", (m) => get(m, byte(m))],
  ["j", "LONG_BINGET", (m) => get(m, uint32(m))],
  ["q", "BINPUT", (m) => put(m, byte(m))],
  ["r", "LONG_BINPUT", (m) => put(m, uint32(m))],
  [0x94, "MEMOIZE", (m) => put(m, m.memo.length)],
  // Names and what is made with them
  ["c", "GLOBAL", (m) => { const module = line(m); global(m, module, line(m)); }],
  [0x93, "STACK_GLOBAL", stackGlobal],
  ["R", "REDUCE", call],
  [0x81, "NEWOBJ", call],
  [0x92, "NEWOBJ_EX", callWithKeywords],
  ["b", "BUILD", build],
  ["Q", "BINPERSID", persistent],
  // Known, and never done: each makes an object by running something
  ["i", "INST", (m) => { const module = line(m); refuse(m, `${module}.${line(m)}`); }],
  ["o", "OBJ", (m) => refuse(m, "")],
  [0x82, "EXT1", (m) => refuse(m, "")],
  [0x83, "EXT2", (m) => refuse(m, "")],
  [0x84, "EXT4", (m) => refuse(m, "")],
  ["P", "PERSID", (m) => refuse(m, "")],
  [0x97, "NEXT_BUFFER", (m) => refuse(m, "")],
  [0x98, "READONLY_BUFFER", (m) => refuse(m, "")],
];

const opcodes = new Array<Opcode | undefined>(256).fill(undefined);
for (const [code, ...op] of table) opcodes[typeof code === "string" ? code.charCodeAt(0) : code] = op;
