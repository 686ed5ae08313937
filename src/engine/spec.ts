/**
 * What a legal graph is: the closed list of operations with their attributes, and one line per operation that checks
 * its inputs and gives the shape of its result. Nothing is emitted that did not pass here.
 */
import { invariant } from "../base/invariant.js";
import { sizeOf } from "../base/named-arrays.js";
import type { Shape } from "./graph.js";

type None = Record<string, never>;

/** Every operation, with what it needs to be told beside its inputs. */
export interface Attributes {
  /** Fed at each run. */
  input: { readonly name: string; readonly shape: Shape };
  /** A scalar. */
  constant: { readonly value: number };
  // Elementwise; the binary ones broadcast equal ranks, or a scalar.
  add: None;
  sub: None;
  mul: None;
  div: None;
  sqrt: None;
  /** x > 0 ? 1/sqrt(x) : 0. The guard makes the slope of a norm or a deviation of 0 be 0, not NaN. */
  rsqrt: None;
  tanh: None;
  leakyRelu: { readonly slope: number };
  /** From the *output* y of leakyRelu: y > 0 ? 1 : slope. */
  leakySlope: { readonly slope: number };
  /** The value, through which no gradient flows. */
  stopGradient: None;
  // Shape
  /** Sums over axes, which stay with length 1. */
  sum: { readonly axes: readonly number[] };
  /** Repeats axes of length 1: the adjoint of sum. */
  broadcast: { readonly shape: Shape };
  reshape: { readonly shape: Shape };
  transpose: { readonly order: readonly number[] };
  concat: { readonly axis: number };
  slice: { readonly axis: number; readonly start: number; readonly end: number };
  /** Zeros around: the adjoint of slice. */
  pad: { readonly axis: number; readonly before: number; readonly after: number };
  // Images (N, C, H, W)
  /** Each pixel becomes 2x2 equal ones. */
  upsample: None;
  /** Means of 2x2. */
  averagePool: None;
  /** (N,C,H,W) * (O,C,k,k) [+ (O)] -> (N,O,H',W'), stride 1, H' = H + 2 padding - k + 1. */
  conv: { readonly padding: number };
  /** The same form as a map to x: (N,O,H',W') * (O,C,k,k) -> (N,C,H,W). */
  convInputGradient: { readonly padding: number };
  /** The same form as a map to w: (N,C,H,W) * (N,O,H',W') -> (O,C,k,k). */
  convWeightGradient: { readonly padding: number };
  // Matrices
  /** op(a) op(b), where op transposes if asked. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
}

export type OpName = keyof Attributes;

/** What goes into each operation, in its order: as nodes, as their shapes, or as names of their values. */
export interface Operands<T> {
  input: readonly [];
  constant: readonly [];
  add: readonly [a: T, b: T];
  sub: readonly [a: T, b: T];
  mul: readonly [a: T, b: T];
  div: readonly [a: T, b: T];
  sqrt: readonly [x: T];
  rsqrt: readonly [x: T];
  tanh: readonly [x: T];
  leakyRelu: readonly [x: T];
  leakySlope: readonly [y: T];
  stopGradient: readonly [x: T];
  sum: readonly [x: T];
  broadcast: readonly [x: T];
  reshape: readonly [x: T];
  transpose: readonly [x: T];
  concat: readonly [first: T, ...others: T[]];
  slice: readonly [x: T];
  pad: readonly [x: T];
  upsample: readonly [x: T];
  averagePool: readonly [x: T];
  /** At most one bias. */
  conv: readonly [x: T, kernel: T, ...bias: T[]];
  convInputGradient: readonly [dy: T, kernel: T];
  convWeightGradient: readonly [x: T, dy: T];
  matmul: readonly [a: T, b: T];
}

/** (N, C, H, W), or a kernel's (O, C, k, k). */
export type ImageShape = readonly [n: number, c: number, h: number, w: number];

/** The shape of images or of a kernel, as what it is. Throws (a bug) for another rank. */
export function imageShape(shape: Shape): ImageShape {
  const [n, c, h, w] = shape;
  const isImage = n !== undefined && c !== undefined && h !== undefined && w !== undefined;
  invariant(isImage && shape.length === 4, `${show(shape)} is (N, C, H, W)`);
  return [n, c, h, w];
}

/** Rows and columns. Throws (a bug) for another rank. */
export function matrixShape(shape: Shape): readonly [rows: number, columns: number] {
  const [rows, columns] = shape;
  const isMatrix = rows !== undefined && columns !== undefined;
  invariant(isMatrix && shape.length === 2, `${show(shape)} is a matrix`);
  return [rows, columns];
}

/** How long an axis is that the shape has. */
export function lengthOf(shape: Shape, axis: number): number {
  const length = shape[axis];
  invariant(length !== undefined, `${show(shape)} has an axis ${axis}`);
  return length;
}

function broadcastShape(a: Shape, b: Shape): Shape {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  invariant(a.length === b.length, `ranks of ${show(a)} and ${show(b)} are equal`);
  return a.map((length, axis) => {
    const other = lengthOf(b, axis);
    invariant(length === other || length === 1 || other === 1, `${show(a)} and ${show(b)} broadcast`);
    return Math.max(length, other);
  });
}

function show(shape: Shape): string {
  return `(${shape.join(", ")})`;
}

function withAxis(shape: Shape, axis: number, length: number): Shape {
  invariant(
    axis >= 0 && axis < shape.length && length > 0,
    `axis ${axis} of ${show(shape)} can be ${length} long`,
  );
  return shape.map((old, i) => (i === axis ? length : old));
}

const binary = ([a, b]: Operands<Shape>["add"]): Shape => broadcastShape(a, b);
const unary = ([x]: Operands<Shape>["sqrt"]): Shape => x;

/** Shape of the result, or a thrown bug. */
export const specification: {
  readonly [Op in OpName]: (inputs: Operands<Shape>[Op], attributes: Attributes[Op]) => Shape;
} = {
  input: (_, { shape }) => shape,
  constant: () => [],
  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  sqrt: unary,
  rsqrt: unary,
  tanh: unary,
  leakyRelu: unary,
  leakySlope: unary,
  stopGradient: unary,
  sum: ([x], { axes }) => axes.reduce((shape, axis) => withAxis(shape, axis, 1), x),
  broadcast: ([x], { shape }) => {
    const whole = broadcastShape(x, shape);
    invariant(show(whole) === show(shape), `${show(x)} broadcasts to ${show(shape)}`);
    return shape;
  },
  reshape: ([x], { shape }) => {
    invariant(sizeOf(x) === sizeOf(shape), `${show(x)} has as many elements as ${show(shape)}`);
    return shape;
  },
  transpose: ([x], { order }) => {
    invariant(
      [...order].sort((a, b) => a - b).join() === x.map((_, i) => i).join(),
      `${show(order)} orders ${show(x)}`,
    );
    return order.map((axis) => lengthOf(x, axis));
  },
  concat: (parts, { axis }) => {
    const [first] = parts;
    const alike = parts.every((part) => show(withAxis(part, axis, 1)) === show(withAxis(first, axis, 1)));
    invariant(alike, `${parts.map(show).join(" ")} differ in axis ${axis} alone`);
    return withAxis(
      first,
      axis,
      parts.reduce((length, part) => length + lengthOf(part, axis), 0),
    );
  },
  slice: ([x], { axis, start, end }) => {
    invariant(
      start >= 0 && end <= lengthOf(x, axis),
      `${start}..${end} lies within axis ${axis} of ${show(x)}`,
    );
    return withAxis(x, axis, end - start);
  },
  pad: ([x], { axis, before, after }) => withAxis(x, axis, x[axis]! + before + after),
  upsample: ([x]) => {
    const [n, c, h, w] = imageShape(x);
    return [n, c, h * 2, w * 2];
  },
  averagePool: ([x]) => {
    const [n, c, h, w] = imageShape(x);
    invariant(h % 2 === 0 && w % 2 === 0, `${show(x)} has even sides`);
    return [n, c, h / 2, w / 2];
  },
  conv: ([x, weight, bias], { padding }) => {
    const [n, c, h, w] = imageShape(x);
    const [out, channels, k, k2] = imageShape(weight);
    invariant(c === channels && k === k2, `${show(weight)} convolves ${show(x)}`);
    invariant(bias === undefined || show(bias) === show([out]), `a bias for ${show(weight)} is (${out})`);
    const grown = 2 * padding - k + 1;
    return [n, out, h + grown, w + grown];
  },
  convInputGradient: ([dy, weight], { padding }) => {
    const [n, o, h, w] = imageShape(dy);
    const [out, c, k] = imageShape(weight);
    invariant(o === out, `${show(weight)} gives ${show(dy)}`);
    const grown = 2 * padding - k + 1;
    return [n, c, h - grown, w - grown];
  },
  convWeightGradient: ([x, dy], { padding }) => {
    const [n, c, h, w] = imageShape(x);
    const [n2, out, h2, w2] = imageShape(dy);
    const k = h - h2 + 1 + 2 * padding;
    invariant(n === n2 && k === w - w2 + 1 + 2 * padding && k > 0, `${show(dy)} comes from ${show(x)}`);
    return [out, c, k, k];
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    const [first, second] = [matrixShape(a), matrixShape(b)];
    const [rows, inner] = transposeA ? [first[1], first[0]] : first;
    const [inner2, columns] = transposeB ? [second[1], second[0]] : second;
    invariant(inner === inner2, `${show(a)} times ${show(b)}`);
    return [rows, columns];
  },
};
