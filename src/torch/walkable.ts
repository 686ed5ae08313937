/**
 * What every value of a file is checked for once it is read, so that those who walk it need not fear it: it does not
 * contain itself, it is not nested too deep, walking it and naming its tensors ends soon even where parts are shared,
 * and loading all of its tensors takes memory in proportion to the file.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes } from "./dtypes.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import type { Opened } from "./storage.js";
import { isKind, type CompoundTensor, type TorchTensor, type TorchValue } from "./values.js";

const MAX_DEPTH = 200;
/** What a walk costs, shared values each time: for each byte of the pickle and anyway. */
const WALK_PER_BYTE = 1;
const WALK_ANYWAY = 100_000;
/** A tensor takes more than 64 bytes where it is made; what describes it takes as much. */
const WALK_PER_TENSOR = 32;
/** Characters of the paths to all tensors: for each byte of the pickle and anyway. */
const NAMES_PER_BYTE = 8;
const NAMES_ANYWAY = 2 ** 20;
/** Bytes of all tensors together, for each byte of the file and anyway: views repeat what they share. */
const TENSOR_BYTES_PER_BYTE = 16;
const TENSOR_BYTES_ANYWAY = 64 * 2 ** 20;

interface Measure {
  /** Levels below. */
  readonly depth: number;
  /** One for each value that a walk meets, and for each character of its texts. */
  readonly walk: number;
  readonly tensors: number;
  /** Characters of the paths from here to each tensor, about. */
  readonly names: number;
  /** Bytes that are read to load all tensors. */
  readonly bytes: number;
}

/** A container that is being measured. */
interface Frame extends Measure {
  readonly value: object;
  readonly parts: readonly TorchValue[];
  /** So many parts from the beginning are a key and its value in turn. */
  readonly pairs: number;
  /** Of the parts, the one to be measured next. */
  next: number;
  depth: number;
  walk: number;
  tensors: number;
  names: number;
  bytes: number;
  /** Characters of the key that was measured last. */
  key: number;
}

const leaf: Measure = { depth: 0, walk: 1, tensors: 0, names: 0, bytes: 0 };

/** Numbers with thousands of digits, texts and bytes weigh what they take in the pickle. */
function weightOf(part: bigint | string | Uint8Array): number {
  return 1 + (typeof part === "bigint" ? part.toString(16).length / 2 : part.length);
}

function partsOf(value: TorchValue): Pick<Frame, "parts" | "pairs"> {
  if (Array.isArray(value)) return { parts: value, pairs: 0 };
  if (value instanceof Set) return { parts: [...value], pairs: 0 };
  if (value instanceof Map) {
    const { attributes = null, factory = null } = value;
    return { parts: [...[...value].flat(), attributes, factory], pairs: 2 * value.size };
  }
  if (isKind(value, "tuple")) return { parts: value.items, pairs: 0 };
  if (!isKind(value, "object")) return { parts: [], pairs: 0 };
  const { args, items = [], entries = null, state = null } = value;
  return { parts: [...args, ...items, entries, state], pairs: 0 };
}

/** Without recursion: the value may be as deep as the file is long. */
function measure({ value, shared, packed }: Opened, origin: Origin): Measure {
  const done = new Map<object, Measure>();
  const open = new Set<object>();
  const stack: Frame[] = [];
  const tooDeep = () => invalid(origin, 0, { reason: "too-deep", levels: MAX_DEPTH });

  const ofTensor = ({ shape, dtype, storage }: TorchTensor): Measure => {
    const whole = packed.has(storage.identity) ? storage.length * dtypes[storage.dtype].size : 0;
    const bytes = Math.max(whole, sizeOf(shape) * dtypes[dtype].size);
    return { ...leaf, walk: WALK_PER_TENSOR, tensors: 1, bytes };
  };

  const ofCompound = ({ sources }: CompoundTensor): Measure => {
    const measures = [...sources.values()].map(ofTensor);
    const bytes = measures.reduce((sum, source) => sum + source.bytes, 0);
    return { ...leaf, walk: WALK_PER_TENSOR * (1 + measures.length), tensors: 1 + measures.length, bytes };
  };

  /** The measure of a value, or undefined when it has been put on the stack first. */
  const enter = (part: TorchValue): Measure | undefined => {
    if (typeof part === "bigint" || typeof part === "string" || part instanceof Uint8Array) {
      return { ...leaf, walk: weightOf(part) };
    }
    if (part === null || typeof part !== "object") return leaf;
    if (isKind(part, "tensor")) return ofTensor(part);
    if (isKind(part, "compound")) return ofCompound(part);
    if (stack.length >= MAX_DEPTH) throw tooDeep();
    // What stands in one place only cannot contain itself, and is measured once in any case.
    if (shared.has(part)) {
      const known = done.get(part);
      if (known !== undefined) return known;
      if (open.has(part)) throw invalid(origin, 0, { reason: "cycle" });
      open.add(part);
    }
    stack.push({ value: part, ...partsOf(part), next: 0, ...leaf, key: 0 });
    return undefined;
  };

  const add = (to: Frame, part: Measure): void => {
    to.depth = Math.max(to.depth, part.depth + 1);
    to.walk += part.walk;
    to.bytes += part.bytes;
    to.tensors += part.tensors;
    const index = to.next - 1;
    if (index < to.pairs && index % 2 === 0) to.key = part.walk;
    else to.names += part.names + part.tensors * (index < to.pairs ? to.key : String(index).length);
    if (stack.length + to.depth > MAX_DEPTH) throw tooDeep();
  };

  let result = enter(value) ?? leaf;
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if (frame.next < frame.parts.length) {
      const part = enter(frame.parts[frame.next++]!);
      if (part !== undefined) add(frame, part);
      continue;
    }
    stack.pop();
    const { depth, walk, tensors, names, bytes } = frame;
    result = { depth, walk, tensors, names, bytes };
    if (open.delete(frame.value)) done.set(frame.value, result);
    const parent = stack.at(-1);
    if (parent !== undefined) add(parent, result);
  }
  return result;
}

/**
 * @param size bytes of the file
 * @param anyValue whether a single number, text or the like is one, too
 * @throws TORCH_FILE_INVALID; TORCH_FILE_UNSUPPORTED when it is a single number, text or the like
 */
export function checkWalkable(opened: Opened, origin: Origin, size: number, anyValue = false): void {
  const { value, pickleBytes } = opened;
  const isCheckpoint =
    anyValue ||
    value instanceof Map ||
    Array.isArray(value) ||
    ["tuple", "tensor", "compound", "object"].some((kind) => isKind(value, kind as "tuple"));
  if (!isCheckpoint) throw unsupported(origin.file, { feature: "no-tensors" });
  const total = measure(opened, origin);
  const endless =
    total.walk > WALK_ANYWAY + WALK_PER_BYTE * pickleBytes ||
    total.names > NAMES_ANYWAY + NAMES_PER_BYTE * pickleBytes;
  if (endless) throw invalid(origin, 0, { reason: "endless" });
  if (total.bytes > TENSOR_BYTES_ANYWAY + TENSOR_BYTES_PER_BYTE * size) {
    throw invalid(origin, 0, { reason: "memory", bytes: total.bytes });
  }
}
