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

function broadcastShape(a: Shape, b: Shape): Shape {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  invariant(a.length === b.length, `ranks of ${show(a)} and ${show(b)} are equal`);
  return a.map((length, axis) => {
    const other = b[axis]!;
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

const binary = ([a, b]: readonly Shape[]): Shape => broadcastShape(a!, b!);
const unary = ([x]: readonly Shape[]): Shape => x!;

function image(shape: Shape | undefined): readonly [number, number, number, number] {
  invariant(shape?.length === 4, `${show(shape ?? [])} is (N, C, H, W)`);
  return shape as unknown as readonly [number, number, number, number];
}

/** Shape of the result, or a thrown bug. */
export const specification: {
  readonly [Op in OpName]: (inputs: readonly Shape[], attributes: Attributes[Op]) => Shape;
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
  sum: ([x], { axes }) => axes.reduce((shape, axis) => withAxis(shape, axis, 1), x!),
  broadcast: ([x], { shape }) => {
    const whole = broadcastShape(x!, shape);
    invariant(show(whole) === show(shape), `${show(x!)} broadcasts to ${show(shape)}`);
    return shape;
  },
  reshape: ([x], { shape }) => {
    invariant(sizeOf(x!) === sizeOf(shape), `${show(x!)} has as many elements as ${show(shape)}`);
    return shape;
  },
  transpose: ([x], { order }) => {
    invariant(
      [...order].sort((a, b) => a - b).join() === x!.map((_, i) => i).join(),
      `${show(order)} orders ${show(x!)}`,
    );
    return order.map((axis) => x![axis]!);
  },
  concat: (parts, { axis }) => {
    const [first] = parts;
    const alike = parts.every((part) => show(withAxis(part, axis, 1)) === show(withAxis(first!, axis, 1)));
    invariant(alike, `${parts.map(show).join(" ")} differ in axis ${axis} alone`);
    return withAxis(
      first!,
      axis,
      parts.reduce((length, part) => length + part[axis]!, 0),
    );
  },
  slice: ([x], { axis, start, end }) => {
    invariant(start >= 0 && end <= x![axis]!, `${start}..${end} lies within axis ${axis} of ${show(x!)}`);
    return withAxis(x!, axis, end - start);
  },
  pad: ([x], { axis, before, after }) => withAxis(x!, axis, x![axis]! + before + after),
  upsample: ([x]) => {
    const [n, c, h, w] = image(x);
    return [n, c, h * 2, w * 2];
  },
  averagePool: ([x]) => {
    const [n, c, h, w] = image(x);
    invariant(h % 2 === 0 && w % 2 === 0, `${show(x!)} has even sides`);
    return [n, c, h / 2, w / 2];
  },
  conv: ([x, weight, bias], { padding }) => {
    const [n, c, h, w] = image(x);
    const [out, channels, k, k2] = image(weight);
    invariant(c === channels && k === k2, `${show(weight!)} convolves ${show(x!)}`);
    invariant(bias === undefined || show(bias) === show([out]), `a bias for ${show(weight!)} is (${out})`);
    const grown = 2 * padding - k + 1;
    return [n, out, h + grown, w + grown];
  },
  convInputGradient: ([dy, weight], { padding }) => {
    const [n, o, h, w] = image(dy);
    const [out, c, k] = image(weight);
    invariant(o === out, `${show(weight!)} gives ${show(dy!)}`);
    const grown = 2 * padding - k + 1;
    return [n, c, h - grown, w - grown];
  },
  convWeightGradient: ([x, dy], { padding }) => {
    const [n, c, h, w] = image(x);
    const [n2, out, h2, w2] = image(dy);
    const k = h - h2 + 1 + 2 * padding;
    invariant(n === n2 && k === w - w2 + 1 + 2 * padding && k > 0, `${show(dy!)} comes from ${show(x!)}`);
    return [out, c, k, k];
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    invariant(a!.length === 2 && b!.length === 2, `${show(a!)} and ${show(b!)} are matrices`);
    const [rows, inner] = transposeA ? [a![1]!, a![0]!] : [a![0]!, a![1]!];
    const [inner2, columns] = transposeB ? [b![1]!, b![0]!] : [b![0]!, b![1]!];
    invariant(inner === inner2, `${show(a!)} times ${show(b!)}`);
    return [rows, columns];
  },
};
