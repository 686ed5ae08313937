/**
 * The operations as functions from nodes to nodes: what graphs are written with. Shapes: see spec.ts.
 * Simplifications that hold for any input (a factor of 1, two factors in a row, a repetition that the operation would
 * do by itself) are made here, so that no later pass has to find them.
 */
import { invariant } from "../base/invariant.js";
import { sizeOf } from "../base/named-arrays.js";
import { makeNode, type Node, type Shape } from "./graph.js";
import { lengthOf, type OpName } from "./spec.js";

/** A scalar beside `like`, in its graph. */
export function constant(like: Node, value: number): Node {
  return makeNode(like.graph, "constant", [], { value });
}

function is<Op extends OpName>(node: Node, op: Op): node is Node<Op> {
  return node.op === op;
}

/** An elementwise operation on two nodes; what it repeats by itself is not repeated beforehand. */
function binary(op: "add" | "sub" | "mul" | "div", a: Node, b: Node): Node {
  const whole = b.shape.join();
  if (is(a, "broadcast") && a.shape.join() === whole) return makeNode(a.graph, op, [a.inputs[0], b], {});
  if (is(b, "broadcast") && a.shape.join() === whole) return makeNode(a.graph, op, [a, b.inputs[0]], {});
  return makeNode(a.graph, op, [a, b], {});
}

export const add = (a: Node, b: Node): Node => binary("add", a, b);
export const sub = (a: Node, b: Node): Node => binary("sub", a, b);
export const mul = (a: Node, b: Node): Node => binary("mul", a, b);
export const div = (a: Node, b: Node): Node => binary("div", a, b);

/** x times a number. */
export function scale(x: Node, factor: number): Node {
  if (factor === 1) return x;
  if (is(x, "mul")) {
    const [first, second] = x.inputs;
    if (is(second, "constant")) return scale(first, second.attributes.value * factor);
  }
  return makeNode(x.graph, "mul", [x, constant(x, factor)], {});
}
export const square = (x: Node): Node => mul(x, x);
export const sqrt = (x: Node): Node => makeNode(x.graph, "sqrt", [x], {});
export const rsqrt = (x: Node): Node => makeNode(x.graph, "rsqrt", [x], {});
export const tanh = (x: Node): Node => makeNode(x.graph, "tanh", [x], {});
export const leakyRelu = (x: Node, slope: number): Node => makeNode(x.graph, "leakyRelu", [x], { slope });
export const leakySlope = (y: Node, slope: number): Node => makeNode(y.graph, "leakySlope", [y], { slope });
export const stopGradient = (x: Node): Node => makeNode(x.graph, "stopGradient", [x], {});

export function sum(x: Node, axes: readonly number[]): Node {
  const long = axes.filter((axis) => x.shape[axis] !== 1);
  return long.length === 0 ? x : makeNode(x.graph, "sum", [x], { axes: long });
}

export function mean(x: Node, axes: readonly number[]): Node {
  return scale(sum(x, axes), 1 / sizeOf(axes.map((axis) => lengthOf(x.shape, axis))));
}

/** Sum of all elements, a scalar. */
export function sumAll(x: Node): Node {
  return reshape(
    sum(
      x,
      x.shape.map((_, axis) => axis),
    ),
    [],
  );
}

/** Mean of all elements, a scalar. */
export function meanAll(x: Node): Node {
  return reshape(
    mean(
      x,
      x.shape.map((_, axis) => axis),
    ),
    [],
  );
}

export function broadcast(x: Node, shape: Shape): Node {
  return x.shape.join() === shape.join() ? x : makeNode(x.graph, "broadcast", [x], { shape });
}

export function reshape(x: Node, shape: Shape): Node {
  return x.shape.join() === shape.join() ? x : makeNode(x.graph, "reshape", [x], { shape });
}

export const transpose = (x: Node, order: readonly number[]): Node =>
  makeNode(x.graph, "transpose", [x], { order });
/** REQUIRES: at least one part. */
export function concat([first, ...others]: readonly Node[], axis: number): Node {
  invariant(first !== undefined, "something is joined");
  return makeNode(first.graph, "concat", [first, ...others], { axis });
}
export const slice = (x: Node, axis: number, start: number, end: number): Node =>
  makeNode(x.graph, "slice", [x], { axis, start, end });
export const pad = (x: Node, axis: number, before: number, after: number): Node =>
  makeNode(x.graph, "pad", [x], { axis, before, after });
export const upsample = (x: Node): Node => makeNode(x.graph, "upsample", [x], {});
export const averagePool = (x: Node): Node => makeNode(x.graph, "averagePool", [x], {});

/** @param bias (O), or none */
export const conv = (x: Node, weight: Node, bias: Node | undefined, padding: number): Node =>
  makeNode(x.graph, "conv", bias ? [x, weight, bias] : [x, weight], { padding });
export const convInputGradient = (dy: Node, weight: Node, padding: number): Node =>
  makeNode(dy.graph, "convInputGradient", [dy, weight], { padding });
export const convWeightGradient = (x: Node, dy: Node, padding: number): Node =>
  makeNode(x.graph, "convWeightGradient", [x, dy], { padding });

export const matmul = (a: Node, b: Node, transposeA = false, transposeB = false): Node =>
  makeNode(a.graph, "matmul", [a, b], { transposeA, transposeB });
