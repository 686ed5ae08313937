/**
 * Reverse-mode differentiation. One table over the closed list of operations, the formula beside each line; the rules
 * answer in the same operations, so gradients of gradients (the gradient penalty) need nothing more.
 *
 * In the table, g is the cotangent of the result y (of y's shape); each rule gives the cotangents of its inputs, which
 * may still be broadcast: the walker sums them back to the input's shape, once, for all rules.
 */
import { invariant } from "../base/invariant.js";
import { reachable, type Node, type Shape } from "./graph.js";
import { lengthOf, type Operands, type OpName } from "./spec.js";
import {
  add,
  averagePool,
  broadcast,
  constant,
  conv,
  convInputGradient,
  convWeightGradient,
  div,
  leakySlope,
  matmul,
  mul,
  pad,
  reshape,
  rsqrt,
  scale,
  slice,
  square,
  sub,
  sum,
  sumAll,
  transpose,
  upsample,
} from "./ops.js";

/** undefined: no gradient flows to that input. */
type Rule<Op extends OpName> = (
  g: Node,
  y: Node<Op>,
  ...inputs: Operands<Node>[Op]
) => readonly (Node | undefined)[];

export const rules: { readonly [Op in OpName]: Rule<Op> } = {
  input: () => [],
  constant: () => [],
  // d(a + b) = da + db
  add: (g) => [g, g],
  sub: (g) => [g, scale(g, -1)],
  // d(ab) = b da + a db
  mul: (g, _y, a, b) => [mul(g, b), mul(g, a)],
  // d(a/b) = da/b - (a/b) db/b
  div: (g, y, _a, b) => [div(g, b), scale(div(mul(g, y), b), -1)],
  // d sqrt(x) = dx / (2 sqrt x), 0 at 0
  sqrt: (g, _y, x) => [mul(g, scale(rsqrt(x), 0.5))],
  // d x^(-1/2) = -1/2 x^(-3/2) dx, 0 at 0
  rsqrt: (g, y) => [mul(g, scale(mul(square(y), y), -0.5))],
  // d tanh(x) = (1 - tanh^2) dx
  tanh: (g, y) => [mul(g, sub(constant(y, 1), square(y)))],
  // the slope is piecewise constant, so its own derivative is 0
  leakyRelu: (g, y) => [mul(g, leakySlope(y, y.attributes.slope))],
  leakySlope: () => [undefined],
  stopGradient: () => [undefined],
  // sum and broadcast are each other's adjoint
  sum: (g, _y, x) => [broadcast(g, x.shape)],
  broadcast: (g) => [g],
  reshape: (g, _y, x) => [reshape(g, x.shape)],
  transpose: (g, y) => [transpose(g, inverse(y.attributes.order))],
  concat: (g, y, ...parts) => {
    let start = 0;
    return parts.map((part) => {
      const end = start + lengthOf(part.shape, y.attributes.axis);
      const own = slice(g, y.attributes.axis, start, end);
      start = end;
      return own;
    });
  },
  // slice and pad are each other's adjoint
  slice: (g, y, x) => {
    const { axis, start, end } = y.attributes;
    return [pad(g, axis, start, lengthOf(x.shape, axis) - end)];
  },
  pad: (g, y, x) => {
    const { axis, before } = y.attributes;
    return [slice(g, axis, before, before + lengthOf(x.shape, axis))];
  },
  // each pixel is copied 4 times; each pixel gets a quarter
  upsample: (g) => [scale(averagePool(g), 4)],
  averagePool: (g) => [scale(upsample(g), 0.25)],
  // The three are the partial maps of one trilinear form t(x, w, dy) = <conv(x, w), dy>.
  conv: (g, y, x, w, ...bias) => {
    const { padding } = y.attributes;
    return [
      convInputGradient(g, w, padding),
      convWeightGradient(x, g, padding),
      ...bias.map(({ shape }) => reshape(sum(g, [0, 2, 3]), shape)),
    ];
  },
  convInputGradient: (g, y, dy, w) => {
    const { padding } = y.attributes;
    return [conv(g, w, undefined, padding), convWeightGradient(g, dy, padding)];
  },
  convWeightGradient: (g, y, x, dy) => {
    const { padding } = y.attributes;
    return [convInputGradient(dy, g, padding), conv(x, g, undefined, padding)];
  },
  // C = A B: dA = g B^T, dB = A^T g; a transposed factor gets the transpose of that
  matmul: (g, y, a, b) => {
    const { transposeA, transposeB } = y.attributes;
    return [
      transposeA ? matmul(b, g, transposeB, true) : matmul(g, b, false, !transposeB),
      transposeB ? matmul(g, a, true, transposeA) : matmul(a, g, !transposeA, false),
    ];
  },
};

function inverse(order: readonly number[]): number[] {
  const result = new Array<number>(order.length);
  order.forEach((axis, i) => (result[axis] = i));
  return result;
}

/** Sums a cotangent back over the axes that broadcasting had repeated. */
function unbroadcast(g: Node, shape: Shape): Node {
  if (g.shape.join() === shape.join()) return g;
  if (shape.length === 0) return sumAll(g);
  const repeated = g.shape.flatMap((length, axis) => (length === shape[axis] ? [] : [axis]));
  return sum(g, repeated);
}

/** A rule applied; the walker is the one place where an op's own type is not known. */
function applyRule(node: Node, g: Node): readonly (Node | undefined)[] {
  const rule = rules[node.op] as (g: Node, y: Node, ...inputs: readonly Node[]) => ReturnType<Rule<OpName>>;
  return rule(g, node, ...node.inputs);
}

/**
 * Gradients of <output, cotangent> with respect to nodes of the same graph.
 * @param cotangent of output's shape; the scalar 1 when left out, for a scalar output
 * @returns one node of each wrt's shape; undefined where output does not depend on it
 */
export function gradients(
  output: Node,
  wrt: readonly Node[],
  cotangent: Node = constant(output, 1),
): (Node | undefined)[] {
  invariant(cotangent.shape.join() === output.shape.join(), "a cotangent has the shape of its output");
  const order = reachable([output]);
  const wanted = new Set(wrt);
  const leads = new Set<Node>();
  for (const node of order) {
    if (wanted.has(node) || node.inputs.some((one) => leads.has(one))) leads.add(node);
  }
  const cotangents = new Map<Node, Node>([[output, cotangent]]);
  for (const node of order.reverse()) {
    const g = cotangents.get(node);
    if (!g || !leads.has(node)) continue;
    const own = applyRule(node, g);
    node.inputs.forEach((one, i) => {
      const contribution = own[i];
      if (!contribution || !leads.has(one)) return;
      const before = cotangents.get(one);
      const fitted = unbroadcast(contribution, one.shape);
      cotangents.set(one, before ? add(before, fitted) : fitted);
    });
  }
  return wrt.map((node) => (leads.has(node) ? cotangents.get(node) : undefined));
}
