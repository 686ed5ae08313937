/**
 * How each operation is said in ONNX: one function per operation. Where ONNX Runtime has several ways to compute the
 * same thing, the choice is made here, per shape; docs/measurements.md has the figures behind each choice.
 */
import type { Node, Shape } from "../graph.js";
import { imageShape, type Attributes, type Operands, type OpName } from "../spec.js";
import type { AttributeValue } from "./model.js";
import { convolve, inputGradient, weightGradient } from "./convolution.js";

/** What the lowered graph will run on. */
export type Target = "cpu" | "gpu";

/** Values that several nodes share. */
export type Shared =
  | "floats"
  | "ints"
  | "unplanned ints"
  | "zero"
  | "half"
  | "float"
  | "nchw"
  | "hwnc"
  | "turned kernel"
  | "widened"
  | "channels first"
  | "moved"
  | "matrix"
  | "stacked"
  | "rows"
  | "tiles"
  | "kernel tiles"
  | "ones";

/** What a lowering writes with. Every method answers the name of a value. */
export interface Emitter {
  readonly target: Target;
  /** Whether the operation computes in half. */
  readonly half: boolean;
  op(type: string, from: readonly string[], attributes?: Readonly<Record<string, AttributeValue>>): string;
  ints(values: readonly number[]): string;
  /** The same, known to ONNX Runtime only as it runs: for the shapes of large values (`zeroInput` in emit.ts). */
  unplanned(values: readonly number[]): string;
  /** A constant in the type that the operation computes in. */
  numbers(values: readonly number[], shape: Shape): string;
  /** Always float32. */
  floats(values: readonly number[], shape: Shape): string;
  /** Makes a value the first time that it is asked for: `what` it is, made `of` these. */
  once(what: Shared, of: readonly (string | number | boolean)[], make: () => string): string;
}

export type Lowering<Op extends OpName> = (
  emitter: Emitter,
  node: Node<Op>,
  from: Operands<string>[Op],
) => string;

/** A lowering whose operation is not known where it is called. */
export type AnyLowering = (emitter: Emitter, node: Node, from: readonly string[]) => string;

const plain =
  (type: string): AnyLowering =>
  (e, _node, from) =>
    e.op(type, from);

/** A part of an axis. */
export function sliced(e: Emitter, x: string, { axis, start, end }: Attributes["slice"]): string {
  return e.op("Slice", [x, e.ints([start]), e.ints([end]), e.ints([axis])]);
}

/** Zeros before and after an axis of a value of this rank. */
export function padded(
  e: Emitter,
  x: string,
  rank: number,
  { axis, before, after }: Attributes["pad"],
): string {
  const at = (amount: number): number[] => Array.from({ length: rank }, (_, i) => (i === axis ? amount : 0));
  return e.op("Pad", [x, e.ints([...at(before), ...at(after)])], { mode: "constant" });
}

const scalar = (e: Emitter, value: number): string => e.numbers([value], []);

export const lowerings: { readonly [Op in Exclude<OpName, "input">]: Lowering<Op> } = {
  constant: (e, node) => scalar(e, node.attributes.value),
  add: plain("Add"),
  sub: plain("Sub"),
  mul: plain("Mul"),
  div: plain("Div"),
  sqrt: plain("Sqrt"),
  rsqrt: (e, _node, [x]) => {
    const zero = scalar(e, 0);
    const reciprocal = e.op("Reciprocal", [e.op("Sqrt", [x])]);
    return e.op("Where", [e.op("Greater", [x, zero]), reciprocal, zero]);
  },
  tanh: plain("Tanh"),
  leakyRelu: (e, node, from) => e.op("LeakyRelu", from, { alpha: { float: node.attributes.slope } }),
  // Cheaper than a comparison and a choice: the sign of y, blown up beyond the two slopes and cut at them.
  leakySlope: (e, node, [y]) => {
    const { slope } = node.attributes;
    // Half has no number that is large enough for that.
    if (e.half && e.target === "gpu")
      return e.op("Where", [e.op("Greater", [y, scalar(e, 0)]), scalar(e, 1), scalar(e, slope)]);
    return e.op("Clip", [e.op("Mul", [y, scalar(e, 1e38)]), scalar(e, slope), scalar(e, 1)]);
  },
  stopGradient: (_e, _node, [x]) => x,
  sum: (e, node, [x]) => e.op("ReduceSum", [x, e.ints(node.attributes.axes)], { keepdims: 1 }),
  broadcast: (e, node, [x]) => e.op("Expand", [x, e.ints(node.attributes.shape)]),
  reshape: (e, node, [x]) => e.op("Reshape", [x, e.ints(node.attributes.shape)]),
  transpose: (e, node, from) => e.op("Transpose", from, { perm: node.attributes.order }),
  concat: (e, node, from) => e.op("Concat", from, { axis: node.attributes.axis }),
  slice: (e, node, [x]) => sliced(e, x, node.attributes),
  pad: (e, node, [x]) => padded(e, x, node.shape.length, node.attributes),
  upsample: (e, _node, [x]) =>
    e.op("Resize", [x, "", e.floats([1, 1, 2, 2], [4])], {
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    }),
  averagePool: (e, _node, from) => e.op("AveragePool", from, { kernel_shape: [2, 2], strides: [2, 2] }),
  conv: (e, node, from) => {
    const [, channels, k] = imageShape(node.inputs[1].shape);
    return convolve(e, from, channels, k, node.attributes.padding);
  },
  convInputGradient: inputGradient,
  convWeightGradient: weightGradient,
  matmul: (e, node, from) => {
    const { transposeA, transposeB } = node.attributes;
    return e.op("Gemm", from, { transA: Number(transposeA), transB: Number(transposeB) });
  },
};
