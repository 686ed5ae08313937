/**
 * Tensors over storages, in memory or in a file: the one place that knows how a view (shape, strides, offset) finds
 * its elements.
 */
import { dtypes, type Dtype, type TypedArray } from "./dtypes.js";
import { inBlocks } from "../base/blocks.js";
import { invariant } from "../base/invariant.js";
import { sizeOf } from "../base/named-arrays.js";
import type { TorchStorage, TorchTensor } from "./values.js";

/** Strides of a row-major tensor: (2, 3, 4) -> (12, 4, 1), as PyTorch counts them. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

/** Whether the elements lie one after the other in row-major order. */
export function isContiguous(tensor: Pick<TorchTensor, "shape" | "strides">): boolean {
  if (sizeOf(tensor.shape) === 0) return true;
  const expected = rowMajorStrides(tensor.shape);
  return tensor.shape.every((length, i) => length === 1 || tensor.strides[i] === expected[i]);
}

/** Elements from the first to the last that a view touches, both counted; 0 for an empty view. */
export function extentOf(shape: readonly number[], strides: readonly number[]): number {
  if (sizeOf(shape) === 0) return 0;
  return shape.reduce((last, length, i) => last + (length - 1) * strides[i]!, 0) + 1;
}

/** A tensor without its `read`. */
export type View = Omit<TorchTensor, "kind" | "read">;

/** REQUIRES: the view lies inside its storage. */
export function tensorOver(view: View): TorchTensor {
  const tensor: TorchTensor = { ...view, kind: "tensor", read: () => readElements(tensor) };
  return tensor;
}

async function readElements(tensor: TorchTensor): Promise<TypedArray> {
  const { size, array } = dtypes[tensor.dtype];
  const length = sizeOf(tensor.shape) * size;
  // Memory as it is found, not cleared first: every byte of it is filled, or the reading fails and nobody sees it.
  const bytes = length <= atOnce ? Buffer.allocUnsafeSlow(length).buffer : new ArrayBuffer(length);
  if (bytes.byteLength > 0) {
    const start = tensor.offset * size;
    if (isContiguous(tensor)) await fill(bytes, tensor.storage, start);
    else {
      const span = new ArrayBuffer(extentOf(tensor.shape, tensor.strides) * size);
      await fill(span, tensor.storage, start);
      gather(span, bytes, tensor.shape, tensor.strides, size);
    }
  }
  const elements = array(bytes);
  mark(elements, tensor);
  return elements;
}

/** Bytes that one array of bytes is made of at most: Node 20 makes none of 4 GiB. */
const atOnce = 2 ** 30;

async function fill(bytes: ArrayBuffer, storage: TorchStorage, start: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += atOnce) {
    const some = new Uint8Array(bytes, at, Math.min(atOnce, bytes.byteLength - at));
    await storage.readInto(start + at, some);
  }
}

type Marked = Pick<TorchTensor, "conj" | "neg" | "dtype">;

/** Applies what a tensor's marks say of the elements in its storage, in place. */
function mark(elements: TypedArray, { conj, neg, dtype }: Marked): void {
  if (conj === true) conjugate(elements, dtype);
  if (neg === true) negate(elements, dtype);
}

/** The same for the bytes of whole elements: a copy where there is a mark. */
export function marked(bytes: Uint8Array<ArrayBuffer>, tensor: Marked): Uint8Array<ArrayBuffer> {
  if (tensor.conj !== true && tensor.neg !== true) return bytes;
  const { buffer } = bytes.slice();
  mark(dtypes[tensor.dtype].array(buffer), tensor);
  return new Uint8Array(buffer);
}

/** Turns the sign of each imaginary part, in place: real and imaginary parts stand in turn. */
function conjugate(elements: TypedArray, dtype: Dtype): void {
  invariant(/^b?complex/.test(dtype), `${dtype} has imaginary parts`);
  for (let i = 1; i < elements.length; i += 2) elements[i] = negated(elements[i]!, dtype);
}

function negate(elements: TypedArray, dtype: Dtype): void {
  for (let i = 0; i < elements.length; i++) elements[i] = negated(elements[i]!, dtype);
}

/** 16-bit floats are raw words, whose highest bit is the sign. */
function negated(element: number | bigint, dtype: Dtype): never {
  const isWord = /^(b?float16|b?complex32)$/.test(dtype);
  return (isWord ? Number(element) ^ 0x8000 : -element) as never;
}

/** Copies the elements of a view, which begins at the start of `from`, to `to` in row-major order. */
function gather(
  from: ArrayBuffer,
  to: ArrayBuffer,
  shape: readonly number[],
  strides: readonly number[],
  size: number,
): void {
  // Whole words at a time: a complex128 element is four words of 4 bytes.
  const word = size >= 4 ? 4 : size;
  const words = size / word;
  const View = word === 4 ? Uint32Array : word === 2 ? Uint16Array : Uint8Array;
  const source = new View(from);
  const target = new View(to);
  const inner = shape.length - 1;
  const innerLength = shape[inner]!;
  const innerStep = strides[inner]! * words;
  const index = new Array<number>(inner).fill(0);
  let row = 0;
  for (let out = 0; out < target.length;) {
    for (let i = 0, at = row; i < innerLength; i++, at += innerStep) {
      for (let w = 0; w < words; w++) target[out++] = source[at + w]!;
    }
    // The next row: the last outer index that can grow does, those after it begin again.
    let axis = inner - 1;
    for (; axis >= 0; axis--) {
      row += strides[axis]! * words;
      if (++index[axis]! < shape[axis]!) break;
      row -= strides[axis]! * words * shape[axis]!;
      index[axis] = 0;
    }
  }
}

type ArrayOf<D extends Dtype> = ReturnType<(typeof dtypes)[D]["array"]>;

/** A storage over memory: the array itself, not a copy. `identity` is the array, so the same array is shared. */
function memoryStorage(dtype: Dtype, data: TypedArray): TorchStorage {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    kind: "storage",
    dtype,
    length: bytes.length / dtypes[dtype].size,
    location: "cpu",
    identity: data,
    readInto: (start, target) => {
      target.set(bytes.subarray(start, start + target.length));
      return Promise.resolve();
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- a file's storage does wait
    chunks: async function* () {
      yield* inBlocks(bytes);
    },
  };
}

/**
 * A row-major tensor over an array, for writing. The array is not copied and must not change until it is written.
 * Tensors over the same array share one storage in the file.
 * @param data as many elements as the shape has (complex: two numbers each), little-endian host
 */
export function tensorOf<D extends Dtype>(dtype: D, shape: readonly number[], data: ArrayOf<D>): TorchTensor {
  invariant(
    data.byteLength === sizeOf(shape) * dtypes[dtype].size,
    `${dtype} data has the size of its shape`,
  );
  return tensorOver({
    dtype,
    shape: [...shape],
    strides: rowMajorStrides(shape),
    offset: 0,
    storage: memoryStorage(dtype, data),
    requiresGrad: false,
    parameter: false,
  });
}

/** A row-major float32 tensor over `data` (see tensorOf). */
export function float32Tensor(shape: readonly number[], data: Float32Array<ArrayBuffer>): TorchTensor {
  return tensorOf("float32", shape, data);
}

/** The same tensor as a torch.nn.Parameter. */
export function asParameter(tensor: TorchTensor, requiresGrad = true): TorchTensor {
  return tensorOver({ ...tensor, parameter: true, requiresGrad });
}
