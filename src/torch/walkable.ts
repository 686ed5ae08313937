/**
 * What every value of a file is checked for once it is read, so that those who walk it need not fear it: it does not
 * contain itself, it is not nested too deep, walking it ends soon even where parts are shared, and loading all of its
 * tensors takes memory in proportion to the file.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes } from "./dtypes.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { isKind, type TorchValue } from "./values.js";

const MAX_DEPTH = 200;
/** Values that a walk meets, shared ones each time: for each byte of the pickle and anyway. */
const WALK_PER_BYTE = 8;
const WALK_ANYWAY = 100_000;
/** Bytes of all tensors together, for each byte of the file and anyway: views repeat what they share. */
const TENSOR_BYTES_PER_BYTE = 16;
const TENSOR_BYTES_ANYWAY = 64 * 2 ** 20;

interface Frame {
  readonly value: object;
  readonly parts: Iterator<TorchValue>;
  /** Levels below, values in a walk, and bytes of tensors, so far. */
  depth: number;
  walk: number;
  bytes: number;
}

type Measure = Pick<Frame, "depth" | "walk" | "bytes">;

function* partsOf(value: TorchValue): Generator<TorchValue> {
  if (value instanceof Map) {
    for (const [key, item] of value) {
      yield key;
      yield item;
    }
    const { attributes, factory } = value as { attributes?: TorchValue; factory?: TorchValue };
    if (attributes !== undefined) yield attributes;
    if (factory !== undefined) yield factory;
  } else if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (isKind(value, "tuple")) yield* value.items;
  else if (isKind(value, "object")) {
    yield* value.args;
    if (value.state !== undefined) yield value.state;
  }
}

/** Without recursion: the value may be as deep as the file is long. */
function measure(value: TorchValue, origin: Origin): Measure {
  const done = new Map<object, Measure>();
  const open = new Set<object>();
  const leaf = { depth: 0, walk: 1, bytes: 0 };
  const stack: Frame[] = [];
  const enter = (part: TorchValue): Measure | undefined => {
    if (part === null || typeof part !== "object") return leaf;
    const known = done.get(part);
    if (known !== undefined) return known;
    if (isKind(part, "tensor")) return { ...leaf, bytes: sizeOf(part.shape) * dtypes[part.dtype].size };
    if (open.has(part)) throw invalid(origin, 0, "a value contains itself");
    if (stack.length >= MAX_DEPTH) throw invalid(origin, 0, `values are nested more than ${MAX_DEPTH} deep`);
    open.add(part);
    stack.push({ value: part, parts: partsOf(part), depth: 0, walk: 1, bytes: 0 });
    return undefined;
  };
  const add = (to: Frame, part: Measure): void => {
    to.depth = Math.max(to.depth, part.depth + 1);
    to.walk += part.walk;
    to.bytes += part.bytes;
  };
  let result = enter(value) ?? leaf;
  while (stack.length > 0) {
    const frame = stack.at(-1)!;
    const next = frame.parts.next();
    if (next.done !== true) {
      const known = enter(next.value);
      if (known !== undefined) add(frame, known);
      continue;
    }
    stack.pop();
    open.delete(frame.value);
    result = { depth: frame.depth, walk: frame.walk, bytes: frame.bytes };
    if (stack.length + result.depth > MAX_DEPTH) {
      throw invalid(origin, 0, `values are nested more than ${MAX_DEPTH} deep`);
    }
    done.set(frame.value, result);
    const parent = stack.at(-1);
    if (parent !== undefined) add(parent, result);
  }
  return result;
}

/**
 * @param bytes of the file, and of the pickle in it
 * @throws TORCH_FILE_INVALID; TORCH_FILE_UNSUPPORTED when it is a single number, text or the like
 */
export function checkWalkable(
  value: TorchValue,
  origin: Origin,
  bytes: { file: number; pickle: number },
): void {
  const isCheckpoint =
    value instanceof Map || Array.isArray(value) || isKind(value, "tuple") || isKind(value, "tensor");
  if (!isCheckpoint) throw unsupported(origin.file, "a single value that is no tensor, so no checkpoint");
  const total = measure(value, origin);
  if (total.walk > WALK_ANYWAY + WALK_PER_BYTE * bytes.pickle) {
    throw invalid(origin, 0, "the same values are repeated inside each other too often");
  }
  if (total.bytes > TENSOR_BYTES_ANYWAY + TENSOR_BYTES_PER_BYTE * bytes.file) {
    throw invalid(origin, 0, `its tensors would take ${total.bytes} bytes, far more than the file has`);
  }
}
