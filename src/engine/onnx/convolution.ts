/** The gradients of a convolution in ONNX, which has no operation for them: several ways, chosen per shape. */
import type { Node } from "../graph.js";
import { imageShape, type ImageShape, type Operands } from "../spec.js";
import type { Emitter } from "./lower.js";

/** A matrix that moves column i to `to(i)`: with so few columns a product is several times faster than moving them. */
function permutation(e: Emitter, size: number, to: (column: number) => number): string {
  const values = Array.from({ length: size * size }, (_, at) =>
    Number(to(Math.floor(at / size)) === at % size),
  );
  return e.numbers(values, [size, size]);
}

/** (O,C,k,k) turned by 180 degrees with its first two axes exchanged: the kernel of the gradient. Once per weight. */
function turned(e: Emitter, weight: string, [o, c, k]: ImageShape): string {
  return e.once("turned kernel", [weight], () => {
    const exchanged = e.op("Transpose", [weight], { perm: [1, 0, 2, 3] });
    if (k === 1) return exchanged;
    const elements = k * k;
    const rows = e.op("Reshape", [exchanged, e.ints([c * o, elements])]);
    const backwards = e.op("MatMul", [rows, permutation(e, elements, (i) => elements - 1 - i)]);
    return e.op("Reshape", [backwards, e.ints([c, o, k, k])]);
  });
}

/** Appends zeros to the channel axis. */
function widened(e: Emitter, value: string, channels: number): string {
  return e.once("widened", [value], () =>
    e.op("Pad", [value, e.ints([0, 0, 0, 0, 0, channels, 0, 0])], { mode: "constant" }),
  );
}

/**
 * A convolution with stride 1.
 * ONNX Runtime 1.30 on WebGPU computes wrong values for some channel counts that are no multiple of 4 (6, 9, 33, ...):
 * there x and the kernel get channels of zeros up to the next multiple, which changes nothing and is faster, too.
 * @param operands x (N,C,H,W), kernel (O,C,k,k), and perhaps a bias (O)
 */
export function convolve(
  e: Emitter,
  [x, kernel, ...bias]: Operands<string>["conv"],
  channels: number,
  k: number,
  padding: number,
): string {
  const missing = e.target === "gpu" && channels > 4 ? (4 - (channels % 4)) % 4 : 0;
  const pair = missing > 0 ? [widened(e, x, missing), widened(e, kernel, missing)] : [x, kernel];
  return e.op("Conv", [...pair, ...bias], {
    kernel_shape: [k, k],
    pads: [padding, padding, padding, padding],
  });
}

/** The gradient to x is itself a convolution, of dy with the turned kernel. */
export function inputGradient(
  e: Emitter,
  node: Node<"convInputGradient">,
  [dy, weight]: Operands<string>["convInputGradient"],
): string {
  const shape = imageShape(node.inputs[1].shape);
  const [outputs, , k] = shape;
  return convolve(e, [dy, turned(e, weight, shape)], outputs, k, k - 1 - node.attributes.padding);
}

/** (N,C,H,W) -> (C,N,H,W): for one sample that is only another name of the same order. Once per value. */
function channelsFirst(e: Emitter, value: string, [n, c, h, w]: ImageShape): string {
  return e.once("channels first", [value], () =>
    n === 1 || c === 1
      ? e.op("Reshape", [value, e.ints([c, n, h, w])])
      : e.op("Transpose", [value], { perm: [1, 0, 2, 3] }),
  );
}

/** As a three-dimensional convolution whose third dimension is the batch: nothing large is laid out anew. */
function weightGradientAsConvolution(
  e: Emitter,
  node: Node<"convWeightGradient">,
  [x, dy]: Operands<string>["convWeightGradient"],
): string {
  const [n, c, h, w] = imageShape(node.inputs[0].shape);
  const [, o, h2, w2] = imageShape(node.inputs[1].shape);
  const p = node.attributes.padding;
  // (N,C,H,W) as (1,N,C,H,W): channels are the batch, so that the convolution sums over it.
  const volume = e.op("Reshape", [x, e.ints([1, n, c, h, w])]);
  const kernel = e.op("Reshape", [channelsFirst(e, dy, [n, o, h2, w2]), e.ints([o, n, 1, h2, w2])]);
  // -> (1, O, C, k, k)
  const gradient = e.op("Conv", [volume, kernel], { kernel_shape: [1, h2, w2], pads: [0, p, p, 0, p, p] });
  return e.op("Reshape", [gradient, e.ints(node.shape)]);
}

/** A value moved by some pixels along an axis whose length changes, cut and filled with zeros at the ends. */
function moved(e: Emitter, value: string, axis: 2 | 3, by: number, length: number, next: number): string {
  if (by === 0 && length === next) return value;
  const at = (amount: number): number[] => [0, 1, 2, 3].map((i) => (i === axis ? amount : 0));
  return e.once("moved", [value, axis, by, next], () =>
    e.op("Pad", [value, e.ints([...at(by), ...at(next - length - by)])], { mode: "constant" }),
  );
}

/**
 * As products of matrices whose columns are pixels. Kernel element (i, j) is x moved by j along the rows times dy moved
 * by i along the columns: k copies of each serve all k * k elements.
 */
function weightGradientAsProducts(
  e: Emitter,
  node: Node<"convWeightGradient">,
  from: Operands<string>["convWeightGradient"],
): string {
  const [n, c, h, w] = imageShape(node.inputs[0].shape);
  const [, o, h2, w2] = imageShape(node.inputs[1].shape);
  const [, , k] = imageShape(node.shape);
  const p = node.attributes.padding;
  const elements = Array.from({ length: k }, (_, i) => i);
  const matrix = (value: string, channels: number): string =>
    e.once("matrix", [value], () => e.op("Reshape", [value, e.ints([channels, n * h * w2])]));
  const x = channelsFirst(e, from[0], [n, c, h, w]);
  const dy = channelsFirst(e, from[1], [n, o, h2, w2]);
  const stacked = e.once("stacked", [dy, h, k], () => {
    const copies = elements.map((i) => matrix(moved(e, dy, 2, i - p, h2, h), o));
    const [only] = copies;
    return k === 1 && only !== undefined ? only : e.op("Concat", copies, { axis: 0 });
  });
  const products = elements.map((j) =>
    e.op("Gemm", [stacked, matrix(moved(e, x, 3, p - j, w, w2), c)], { transA: 0, transB: 1 }),
  );
  const [product] = products;
  if (k === 1 && product !== undefined) return e.op("Reshape", [product, e.ints(node.shape)]);
  // (j, i, O, C) -> (O, C, i, j)
  const all = e.op("Reshape", [e.op("Concat", products, { axis: 0 }), e.ints([k * k, o * c])]);
  const order = permutation(e, k * k, (ji) => (ji % k) * k + Math.floor(ji / k));
  return e.op("Reshape", [e.op("Gemm", [all, order], { transA: 1, transB: 0 }), e.ints(node.shape)]);
}

export function weightGradient(
  e: Emitter,
  node: Node<"convWeightGradient">,
  from: Operands<string>["convWeightGradient"],
): string {
  const [, c, h] = imageShape(node.inputs[0].shape);
  const [o, , k] = imageShape(node.shape);
  const wide = Math.min(c, o) >= 256 && h <= 8;
  const asConvolution = e.target === "cpu" && wide && k > 1;
  return (asConvolution ? weightGradientAsConvolution : weightGradientAsProducts)(e, node, from);
}
