/**
 * The elements of a tensor as bytes, row-major and little-endian, a piece at a time: memory does not grow with the tensor,
 * and no call to the system or array of JavaScript is asked for more than it takes (2 and 4 GiB).
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes } from "./dtypes.js";
import { extentOf, isContiguous, marked, rowMajorStrides } from "./tensor.js";
import type { TorchTensor } from "./values.js";

export interface PieceLimits {
  /** Bytes of a piece of a whole storage; a multiple of every element's size. */
  readonly block: number;
  /** Bytes of a part of a storage that are read at once; a packed storage is unpacked from its beginning for each. */
  readonly part: number;
  /** Bytes of a storage that are read at once to pick elements from. */
  readonly run: number;
}

const usual: PieceLimits = { block: 4 * 2 ** 20, part: 2 ** 28, run: 2 ** 24 };

/**
 * @param limits for tests
 * @returns pieces of whole elements that begin at a multiple of 8 bytes; each is good until the next
 * @throws TORCH_FILE_INVALID when the file is damaged
 */
export async function* piecesOf(
  tensor: TorchTensor,
  limits: PieceLimits = usual,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { storage, offset, shape, dtype } = tensor;
  const { size } = dtypes[dtype];
  const length = sizeOf(shape) * size;
  if (isContiguous(tensor)) {
    const whole = length === storage.length * dtypes[storage.dtype].size;
    const pieces = whole
      ? gathered(storage.chunks(), Math.min(limits.block, length))
      : partsOf(tensor, offset * size, length, limits.part);
    for await (const piece of pieces) yield marked(piece, tensor);
  } else if (Math.max(extentOf(shape, tensor.strides) * size, length) <= limits.part) {
    yield new Uint8Array((await tensor.read()).buffer);
  } else {
    for (const part of slices(tensor, limits.part)) yield marked(await picked(part, limits.run), tensor);
  }
}

/** Pieces of any length in blocks of one: the block is used again for the next. */
async function* gathered(
  pieces: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(length);
  let filled = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const some = piece.subarray(from, from + block.length - filled);
      block.set(some, filled);
      filled += some.length;
      from += some.length;
      if (filled < block.length) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

async function* partsOf(
  { storage }: TorchTensor,
  start: number,
  length: number,
  part: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(Math.min(part, length));
  for (let at = 0; at < length; at += part) {
    const piece = block.subarray(0, Math.min(part, length - at));
    await storage.readInto(start + at, piece);
    yield piece;
  }
}

type Slice = Pick<TorchTensor, "storage" | "offset" | "shape" | "strides" | "dtype">;

/** A view in parts of at most so many bytes, in row-major order: ranges of its first dimensions. */
function* slices(view: Slice, part: number): Generator<Slice> {
  const { shape, strides, offset } = view;
  const bytes = sizeOf(shape) * dtypes[view.dtype].size;
  const axis = shape.findIndex((length) => length > 1);
  if (bytes <= part || axis < 0) {
    yield view;
    return;
  }
  const length = shape[axis]!;
  const step = Math.max(1, Math.floor(part / (bytes / length)));
  for (let from = 0; from < length; from += step) {
    const some = shape.with(axis, Math.min(step, length - from));
    yield* slices({ ...view, shape: some, offset: offset + from * strides[axis]! }, part);
  }
}

/** Every index of a shape, as the places that it has by two sets of strides. */
function* places(
  shape: readonly number[],
  one: readonly number[],
  other: readonly number[],
  axis = 0,
  at: readonly [number, number] = [0, 0],
): Generator<readonly [number, number]> {
  if (axis === shape.length) {
    yield at;
    return;
  }
  for (let i = 0; i < shape[axis]!; i++)
    yield* places(shape, one, other, axis + 1, [at[0] + i * one[axis]!, at[1] + i * other[axis]!]);
}

/** The elements of a view in row-major order, read in runs of the storage: those that lie near each other together. */
async function picked(view: Slice, run: number): Promise<Uint8Array<ArrayBuffer>> {
  const { shape, strides, storage, offset } = view;
  const { size } = dtypes[view.dtype];
  const outStrides = rowMajorStrides(shape);
  const axes = [...shape.keys()].sort((a, b) => strides[b]! - strides[a]!);
  // The dimensions with the smallest strides, as many as a run holds.
  let inner = axes.length;
  const pick = (from: number, to: number, of: readonly number[]) =>
    axes.slice(from, to).map((axis) => of[axis]!);
  const extentFrom = (from: number) =>
    extentOf(pick(from, axes.length, shape), pick(from, axes.length, strides)) * size;
  while (inner > 0 && extentFrom(inner - 1) <= run) inner--;
  const [innerShape, innerStrides, innerOut] = [shape, strides, outStrides].map((of) =>
    pick(inner, axes.length, of),
  );
  const [outerShape, outerStrides, outerOut] = [shape, strides, outStrides].map((of) => pick(0, inner, of));
  const bytes = new Uint8Array(sizeOf(shape) * size);
  const span = new Uint8Array(extentFrom(inner));
  // A few numbers for each element of a run: they are the same in every run.
  const within = Float64Array.from([...places(innerShape!, innerStrides!, innerOut!)].flat());
  for (const [from, to] of places(outerShape!, outerStrides!, outerOut!)) {
    await storage.readInto((offset + from) * size, span);
    for (let i = 0; i < within.length; i += 2) {
      const source = within[i]! * size;
      const target = (to + within[i + 1]!) * size;
      for (let byte = 0; byte < size; byte++) bytes[target + byte] = span[source + byte]!;
    }
  }
  return bytes;
}
