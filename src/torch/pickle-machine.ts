/**
 * The pickle machine: a stack, a memo, and what the opcodes do with them. Whatever it is given, it ends: every opcode
 * takes at least a byte, nothing is repeated, and the memory that values will take is counted before they are made.
 */
import type { TorchProblem } from "../base/torch-problem.js";
import {
  allowedGlobal,
  callOf,
  isHashable,
  presentGlobal,
  takesItems,
  takesState,
  type CallSite,
} from "./globals.js";
import type { KeyGuard } from "./key-guard.js";
import { narrowed } from "./numpy.js";
import { invalid, refused, unsupported, type Origin } from "./problems.js";
import {
  isKind,
  type TorchDict,
  type TorchGlobal,
  type TorchObject,
  type TorchStorage,
  type TorchValue,
} from "./values.js";

/** Bytes of the largest whole number: as decimal text it has 2466 digits. */
const MAX_INTEGER_BYTES = 1024;

/**
 * What the values may take in memory, in bytes: so much in any case, and so much for each byte of the pickle that has
 * been read. Tensors take about 10 for each, dicts of small things about 12.
 */
const MEMORY_ANYWAY = 20 * 2 ** 20;
const MEMORY_PER_BYTE = 16;

/** Why a persistent id is not a storage of this file. */
export interface NoStorage {
  readonly problem: TorchProblem;
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
  readonly acceptsKey: KeyGuard;
  /** How much a byte of the pickle counts where memory is allowed: less than 1 where it is packed. */
  readonly packing: number;
  readonly storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage;
  /** Names that are not on the allow-list, met so far; undefined where the first of them ends the reading. */
  readonly skipped: Set<string> | undefined;
}

/** Ends the reading; by default because an opcode does not fit what is there. */
export function fail(m: Machine, problem: TorchProblem = { reason: "pickle" }): never {
  throw invalid(m.origin, m.start, problem, m.opcode);
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
    fail(m, { reason: "memory", bytes: m.memory });
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
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m);
  return m.stack.pop()!;
}

export function top(m: Machine): TorchValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) fail(m);
  return m.stack.at(-1)!;
}

/** Everything above the last MARK, which goes too. */
export function popMark(m: Machine): TorchValue[] {
  const mark = m.marks.pop();
  if (mark === undefined) fail(m);
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
  charge(m, 24 * bytes.length);
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

/** A text of Python 2, which does not say its encoding: UTF-8 where it is that, else latin-1. */
export function python2Text(m: Machine, length: number): string {
  const at = take(m, length);
  charge(m, 32 + 2 * length);
  const bytes = m.bytes.subarray(at, at + length);
  try {
    return utf8.decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }
}

function decode(m: Machine, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return fail(m);
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
  if (length < 0) fail(m);
  if (length > MAX_INTEGER_BYTES && length <= m.bytes.length - m.position) {
    fail(m, { reason: "memory", bytes: length });
  }
  const at = take(m, length);
  charge(m, 32 + length);
  if (length === 0) return 0;
  const hex = Buffer.from(m.bytes.subarray(at, at + length))
    .reverse()
    .toString("hex");
  return narrowed(BigInt.asIntN(8 * length, BigInt(`0x${hex}`)));
}

/** A line of digits, as protocol 1 has numbers that take more than four bytes, and True and False. */
export function decimal(m: Machine, end: "" | "L"): TorchValue {
  const digits = line(m);
  if (end === "" && /^0[01]$/.test(digits)) return digits === "01";
  const text = digits.endsWith(end) ? digits.slice(0, digits.length - end.length) : "";
  if (!/^-?\d+$/.test(text)) fail(m);
  if (text.length > 2 * MAX_INTEGER_BYTES) fail(m, { reason: "memory", bytes: text.length });
  return narrowed(BigInt(text));
}

export function get(m: Machine, index: number): void {
  const value = m.memo[index];
  if (value === undefined) fail(m);
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
  if (index > m.position) fail(m);
  charge(m, 8 * Math.max(1, index + 1 - m.memo.length));
  while (m.memo.length <= index) m.memo.push(undefined);
  m.memo[index] = value;
}

export function tupleOf(m: Machine, items: TorchValue[]): void {
  charge(m, 64);
  push(m, { kind: "tuple", items });
}

export function lastItems(m: Machine, count: number): TorchValue[] {
  if (m.stack.length - count < (m.marks.at(-1) ?? 0)) fail(m);
  return m.stack.splice(m.stack.length - count);
}

export function newDict(m: Machine): TorchDict {
  charge(m, 160);
  return new Map();
}

/** An object of a type that is not known, which may be a dict or a list in Python. */
function unknownObject(m: Machine, value: TorchValue): TorchObject | undefined {
  return isKind(value, "object") && isUnknown(m, value.type) ? value : undefined;
}

function isUnknown(m: Machine, type: TorchGlobal): boolean {
  return m.skipped !== undefined && !isAllowed(type);
}

const isAllowed = ({ module, name }: TorchGlobal): boolean => allowedGlobal(module, name) !== undefined;

export function setItems(m: Machine, items: readonly TorchValue[]): void {
  const owner = top(m);
  const object = unknownObject(m, owner);
  const target = object === undefined ? owner : (object.entries ??= newDict(m));
  if (!(target instanceof Map)) fail(m);
  if (items.length % 2 === 1) fail(m);
  charge(m, 24 * items.length);
  for (let i = 0; i < items.length; i += 2) {
    checkKey(m, target, items[i]!);
    target.set(items[i]!, items[i + 1]!);
  }
}

/** A key is about to be put into a dict or set. */
function checkKey(m: Machine, container: object, key: TorchValue): void {
  if (!isHashable(key)) fail(m);
  if (!m.acceptsKey(container, key)) fail(m, { reason: "endless" });
}

export function appendItems(m: Machine, items: readonly TorchValue[]): void {
  const target = listOf(m, top(m));
  // The engine makes room for 17 items with the first.
  charge(m, (target.length === 0 ? 136 : 0) + 16 * items.length);
  for (const item of items) target.push(item);
}

/** What takes items one by one: a list, or what an object has of them. */
function listOf(m: Machine, value: TorchValue): TorchValue[] {
  if (Array.isArray(value)) return value;
  if (!isKind(value, "object") || !(takesItems(value.type) || isUnknown(m, value.type))) fail(m);
  if (value.items === undefined) charge(m, 32);
  return (value.items ??= []);
}

export function addItems(m: Machine, items: readonly TorchValue[]): void {
  const target = top(m);
  if (unknownObject(m, target) !== undefined) {
    appendItems(m, items);
    return;
  }
  if (!(target instanceof Set)) fail(m);
  charge(m, 32 * items.length);
  for (const item of items) {
    checkKey(m, target, item);
    target.add(item);
  }
}

export function global(m: Machine, module: string, name: string): void {
  const allowed = allowedGlobal(module, name);
  if (allowed !== undefined) {
    charge(m, 64);
    push(m, allowed);
    return;
  }
  if (m.skipped !== undefined) {
    charge(m, 192);
    const unknown = presentGlobal(module, name);
    m.skipped.add(`${unknown.module}.${unknown.name}`);
    push(m, unknown);
    return;
  }
  // Layers and optimizers are what a model holds that was saved whole.
  if (/^torch\.(nn|optim)\b/.test(module))
    throw unsupported(m.origin.file, { feature: "whole-model", name: `${module}.${name}` });
  throw refused(m.origin, m.start, `${module}.${name}`);
}

export function stackGlobal(m: Machine): void {
  const name = pop(m);
  const module = pop(m);
  if (typeof module !== "string" || typeof name !== "string") fail(m);
  global(m, module, name);
}

export function call(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!isKind(callee, "global")) fail(m);
  if (!isKind(args, "tuple")) fail(m);
  // Many objects may have been called with the same arguments, and each is walked with its own.
  charge(m, 320 + 8 * args.items.length);
  const run = callOf(callee);
  if (run !== undefined) {
    push(m, run(args.items, siteOf(m, callee)));
    return;
  }
  if (m.skipped === undefined) throw refused(m.origin, m.start, `${callee.module}.${callee.name}`);
  m.skipped.add(`${callee.module}.${callee.name}`);
  push(m, { kind: "object", type: callee, args: args.items });
}

/** What a call has at hand; where it stands is kept, for what is found out only when data is read. */
function siteOf(m: Machine, callee: TorchGlobal): CallSite {
  const { start, opcode } = m;
  return {
    callee,
    wrong: (problem = { reason: "pickle" }) => {
      throw invalid(m.origin, start, problem, opcode);
    },
    unsupported: (feature) => {
      throw unsupported(m.origin.file, feature);
    },
    isAllowed,
    charge: (bytes) => charge(m, bytes),
    checkKey: (container, key) => checkKey(m, container, key),
  };
}

/** Where names that are not known are skipped: (class, arguments, keyword arguments) */
export function callWithKeywords(m: Machine): void {
  const keywords = pop(m);
  const args = pop(m);
  const callee = pop(m);
  if (m.skipped === undefined) refuse(m, "");
  if (!isKind(callee, "global") || !isKind(args, "tuple")) fail(m);
  charge(m, 320 + 16 * args.items.length);
  push(m, { kind: "object", type: callee, args: [...args.items, keywords] });
}

export function build(m: Machine): void {
  const state = pop(m);
  const target = top(m);
  const takes = isKind(target, "object") && (takesState(target.type) || m.skipped !== undefined);
  if (takes && target.state === undefined) {
    target.state = state;
  } else if (target instanceof Map && target.pythonType !== undefined && state instanceof Map) {
    target.attributes = state;
  } else {
    fail(m);
  }
}

export function persistent(m: Machine): void {
  const id = pop(m);
  if (!isKind(id, "tuple")) fail(m, { reason: "storage" });
  charge(m, 128);
  // How long the elements of a class are that is not known, nothing in the file says.
  const type = id.items[1];
  if (isKind(type, "global") && isUnknown(m, type))
    throw refused(m.origin, m.start, `${type.module}.${type.name}`);
  const storage = m.storageOf(id.items);
  if ("problem" in storage) fail(m, storage.problem);
  push(m, storage);
}

export function refuse(m: Machine, what: string): never {
  throw refused(m.origin, m.start, `${m.opcode} ${what}`.trim());
}
