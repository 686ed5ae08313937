/** The gradients of a convolution in ONNX, which has no operation for them: several ways, chosen per shape. */
import type { Node } from "../graph.js";
import type { Emitter } from "./lower.js";

/** (O,C,k,k) turned by 180 degrees with its first two axes exchanged: the kernel of the gradient. Once per weight. */
function turned(e: Emitter, weight: string, k: number): string {
  return e.once(`turned ${weight}`, () => {
    const exchanged = e.op("Transpose", [weight], { perm: [1, 0, 2, 3] });
    if (k === 1) return exchanged;
    const last = e.ints([-1, -1]);
    const beyond = e.ints([-(k + 1), -(k + 1)]);
    return e.op("Slice", [exchanged, last, beyond, e.ints([2, 3]), last]);
  });
}

/** Appends zeros to the channel axis. */
function widened(e: Emitter, value: string, channels: number): string {
  return e.once(`widened ${value}`, () =>
    e.op("Pad", [value, e.ints([0, 0, 0, 0, 0, channels, 0, 0])], { mode: "constant" }),
  );
}

/**
 * A convolution with stride 1.
 * ONNX Runtime 1.30 on WebGPU computes wrong values for some channel counts that are no multiple of 4 (6, 9, 33, ...):
 * there x and the kernel get channels of zeros up to the next multiple, which changes nothing and is faster, too.
 * @param from x (N,C,H,W), kernel (O,C,k,k), and perhaps a bias (O)
 */
export function convolve(
  e: Emitter,
  from: readonly string[],
  channels: number,
  k: number,
  padding: number,
): string {
  const [x, kernel, ...bias] = from;
  const missing = e.target === "gpu" && channels > 4 ? (4 - (channels % 4)) % 4 : 0;
  const pair = missing > 0 ? [widened(e, x!, missing), widened(e, kernel!, missing)] : [x!, kernel!];
  return e.op("Conv", [...pair, ...bias], {
    kernel_shape: [k, k],
    pads: [padding, padding, padding, padding],
  });
}

/** The gradient to x is itself a convolution, of dy with the turned kernel. */
export function inputGradient(e: Emitter, node: Node<"convInputGradient">, from: readonly string[]): string {
  const [dy, weight] = from;
  const k = node.inputs[1]!.shape[2]!;
  const outputs = node.inputs[1]!.shape[0]!;
  return convolve(e, [dy!, turned(e, weight!, k)], outputs, k, k - 1 - node.attributes.padding);
}

/** (N,C,H,W) -> (C,N,H,W): for one sample that is only another name of the same order. Once per value. */
function channelsFirst(e: Emitter, value: string, [n, c, h, w]: readonly number[]): string {
  return e.once(`channels first ${value}`, () =>
    n === 1 || c === 1
      ? e.op("Reshape", [value, e.ints([c!, n!, h!, w!])])
      : e.op("Transpose", [value], { perm: [1, 0, 2, 3] }),
  );
}

/** As a three-dimensional convolution whose third dimension is the batch: nothing large is laid out anew. */
function weightGradientAsConvolution(
  e: Emitter,
  node: Node<"convWeightGradient">,
  from: readonly string[],
): string {
  const [x, dy] = from;
  const [n, c, h, w] = node.inputs[0]!.shape;
  const [, o, h2, w2] = node.inputs[1]!.shape;
  const p = node.attributes.padding;
  // (N,C,H,W) as (1,N,C,H,W): channels are the batch, so that the convolution sums over it.
  const volume = e.op("Reshape", [x!, e.ints([1, n!, c!, h!, w!])]);
  const kernel = e.op("Reshape", [channelsFirst(e, dy!, [n!, o!, h2!, w2!]), e.ints([o!, n!, 1, h2!, w2!])]);
  // -> (1, O, C, k, k)
  const gradient = e.op("Conv", [volume, kernel], { kernel_shape: [1, h2!, w2!], pads: [0, p, p, 0, p, p] });
  return e.op("Reshape", [gradient, e.ints(node.shape)]);
}

/** As one matrix product per kernel element, of dy with x shifted by that element. */
function weightGradientAsProducts(
  e: Emitter,
  node: Node<"convWeightGradient">,
  from: readonly string[],
): string {
  const [x, dy] = from;
  const [n, c, h, w] = node.inputs[0]!.shape;
  const [, o, h2, w2] = node.inputs[1]!.shape;
  const [, , k] = node.shape;
  const p = node.attributes.padding;
  const pixels = n! * h2! * w2!;
  const rows = e.once(`rows ${dy!}`, () =>
    e.op("Reshape", [channelsFirst(e, dy!, node.inputs[1]!.shape), e.ints([o!, pixels])]),
  );
  const first = channelsFirst(e, x!, [n!, c!, h!, w!]);
  const padded =
    p === 0
      ? first
      : e.once(`padded ${p} ${first}`, () =>
          e.op("Pad", [first, e.ints([0, 0, p, p, 0, 0, p, p])], { mode: "constant" }),
        );
  const products: string[] = [];
  for (let i = 0; i < k!; i++) {
    for (let j = 0; j < k!; j++) {
      const columns = e.once(`shift ${i} ${j} ${padded}`, () => {
        const ends = e.ints([i + h2!, j + w2!]);
        const part = k === 1 ? padded : e.op("Slice", [padded, e.ints([i, j]), ends, e.ints([2, 3])]);
        return e.op("Reshape", [part, e.ints([c!, pixels])]);
      });
      products.push(e.op("Gemm", [rows, columns], { transA: 0, transB: 1 }));
    }
  }
  if (k === 1) return e.op("Reshape", [products[0]!, e.ints(node.shape)]);
  // (k*k*O, C) -> (k*k, O, C) -> (O, C, k*k)
  const stacked = e.op("Reshape", [e.op("Concat", products, { axis: 0 }), e.ints([k! * k!, o!, c!])]);
  return e.op("Reshape", [e.op("Transpose", [stacked], { perm: [1, 2, 0] }), e.ints(node.shape)]);
}

export function weightGradient(
  e: Emitter,
  node: Node<"convWeightGradient">,
  from: readonly string[],
): string {
  const [, c, h] = node.inputs[0]!.shape;
  const o = node.inputs[1]!.shape[1]!;
  const wide = Math.min(c!, o) >= 256 && h! <= 8;
  const asConvolution = e.target === "cpu" && wide && node.shape[2]! > 1;
  return (asConvolution ? weightGradientAsConvolution : weightGradientAsProducts)(e, node, from);
}
