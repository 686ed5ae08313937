/**
 * What every value of a file is checked for once it is read, so that those who walk it need not fear it: it does not
 * contain itself, it is not nested too deep, walking it ends soon even where parts are shared, and loading all of its
 * tensors takes memory in proportion to the file.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes } from "./dtypes.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import type { Opened } from "./storage.js";
import { isKind, type TorchValue } from "./values.js";

const MAX_DEPTH = 200;
/** Values that a walk meets, shared ones each time: for each byte of the pickle and anyway. */
const WALK_PER_BYTE = 8;
const WALK_ANYWAY = 100_000;
/** Bytes of all tensors together, for each byte of the file and anyway: views repeat what they share. */
const TENSOR_BYTES_PER_BYTE = 16;
const TENSOR_BYTES_ANYWAY = 64 * 2 ** 20;

/** Levels below, values in a walk, and bytes of tensors. */
interface Measure {
  readonly depth: number;
  readonly walk: number;
  readonly bytes: number;
}

/** A container that is being measured. */
interface Frame {
  readonly value: object;
  readonly parts: readonly TorchValue[];
  /** Of the parts, the one to be measured next. */
  next: number;
  depth: number;
  walk: number;
  bytes: number;
}

const leaf: Measure = { depth: 0, walk: 1, bytes: 0 };

function partsOf(value: TorchValue): readonly TorchValue[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Set) return [...value];
  if (value instanceof Map) {
    const { attributes, factory } = value;
    return [...value.keys(), ...value.values(), attributes ?? null, factory ?? null];
  }
  if (isKind(value, "tuple")) return value.items;
  return isKind(value, "object") ? [...value.args, value.state ?? null] : [];
}

/** Without recursion: the value may be as deep as the file is long. */
function measure(value: TorchValue, shared: ReadonlySet<TorchValue>, origin: Origin): Measure {
  const done = new Map<object, Measure>();
  const open = new Set<object>();
  const stack: Frame[] = [];
  const tooDeep = () => invalid(origin, 0, `values are nested more than ${MAX_DEPTH} deep`);

  /** The measure of a value, or undefined when it has been put on the stack first. */
  const enter = (part: TorchValue): Measure | undefined => {
    if (part === null || typeof part !== "object") return leaf;
    if (isKind(part, "tensor")) return { ...leaf, bytes: sizeOf(part.shape) * dtypes[part.dtype].size };
    if (stack.length >= MAX_DEPTH) throw tooDeep();
    // What stands in one place only cannot contain itself, and is measured once in any case.
    if (shared.has(part)) {
      const known = done.get(part);
      if (known !== undefined) return known;
      if (open.has(part)) throw invalid(origin, 0, "a value contains itself");
      open.add(part);
    }
    stack.push({ value: part, parts: partsOf(part), next: 0, depth: 0, walk: 1, bytes: 0 });
    return undefined;
  };

  const add = (to: Frame, part: Measure): void => {
    to.depth = Math.max(to.depth, part.depth + 1);
    to.walk += part.walk;
    to.bytes += part.bytes;
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
    result = { depth: frame.depth, walk: frame.walk, bytes: frame.bytes };
    if (open.delete(frame.value)) done.set(frame.value, result);
    const parent = stack.at(-1);
    if (parent !== undefined) add(parent, result);
  }
  return result;
}

/**
 * @param size bytes of the file
 * @throws TORCH_FILE_INVALID; TORCH_FILE_UNSUPPORTED when it is a single number, text or the like
 */
export function checkWalkable({ value, shared, pickleBytes }: Opened, origin: Origin, size: number): void {
  const isCheckpoint =
    value instanceof Map || Array.isArray(value) || isKind(value, "tuple") || isKind(value, "tensor");
  if (!isCheckpoint) throw unsupported(origin.file, "a single value that is no tensor, so no checkpoint");
  const total = measure(value, shared, origin);
  if (total.walk > WALK_ANYWAY + WALK_PER_BYTE * pickleBytes) {
    throw invalid(origin, 0, "the same values are repeated inside each other too often");
  }
  if (total.bytes > TENSOR_BYTES_ANYWAY + TENSOR_BYTES_PER_BYTE * size) {
    throw invalid(origin, 0, `its tensors would take ${total.bytes} bytes, far more than the file has`);
  }
}
