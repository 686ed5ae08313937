/** A random example of every operation: small shapes, values away from kinks and poles. */
import fc from "fast-check";
import { createGraph, input, type Node, type Shape } from "../../src/engine/graph.js";
import * as ops from "../../src/engine/ops.js";
import type { OpName } from "../../src/engine/spec.js";
import { sizeOf } from "../../src/base/named-arrays.js";

export interface Case {
  readonly inputs: readonly Node[];
  readonly output: Node;
  readonly feeds: ReadonlyMap<string, Float64Array>;
}

type Build = (...inputs: Node[]) => Node;
interface Recipe {
  readonly shapes: readonly Shape[];
  readonly build: Build;
  /** Where values lie; default both signs, at least 0.2 from 0. */
  readonly positive?: boolean;
}

const small = fc.integer({ min: 1, max: 3 });
const shape4 = fc.tuple(small, small, small, small);

/** Two shapes that broadcast, one of them possibly a scalar. */
const broadcasting = fc
  .tuple(shape4, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.boolean(), fc.boolean())
  .map(([whole, shorten, scalar, swap]): Shape[] => {
    const other = scalar ? [] : whole.map((length, axis) => (shorten[axis] ? 1 : length));
    return swap ? [other, whole] : [whole, other];
  });

const elementwise = (build: Build, positive = false): fc.Arbitrary<Recipe> =>
  shape4.map((shape) => ({ shapes: [shape], build, positive }));
const binary = (build: Build, positive = false): fc.Arbitrary<Recipe> =>
  broadcasting.map((shapes) => ({ shapes, build, positive }));

/** Sides of a convolution: kernel 1 without padding, 3 with, and a 4x4 one that covers all. */
const convolution = fc
  .tuple(
    small,
    small,
    small,
    fc.integer({ min: 2, max: 4 }),
    fc.integer({ min: 2, max: 4 }),
    fc.constantFrom(1, 3, 4),
  )
  .map(([n, c, o, h, w, k]) => {
    const padding = k === 3 ? 1 : 0;
    const [height, width] = k === 4 ? [4, 4] : [h, w];
    const grown = 2 * padding - k + 1;
    const x: Shape = [n, c, height, width];
    return { x, weight: [o, c, k, k], dy: [n, o, height + grown, width + grown], bias: [o], padding };
  });

const recipes: { readonly [Op in Exclude<OpName, "input" | "constant">]: fc.Arbitrary<Recipe> } = {
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div, true),
  sqrt: elementwise(ops.sqrt, true),
  rsqrt: elementwise(ops.rsqrt, true),
  tanh: elementwise(ops.tanh),
  leakyRelu: elementwise((x) => ops.leakyRelu(x, 0.2)),
  leakySlope: elementwise((x) => ops.mul(x, ops.leakySlope(x, 0.2))),
  stopGradient: elementwise((x) => ops.mul(x, ops.stopGradient(x))),
  sum: fc.tuple(shape4, fc.subarray([0, 1, 2, 3])).map(([shape, axes]) => ({
    shapes: [shape],
    build: (x) => ops.sum(x, axes),
  })),
  broadcast: fc.tuple(shape4, fc.subarray([0, 1, 2, 3])).map(([shape, axes]) => ({
    shapes: [shape.map((length, axis) => (axes.includes(axis) ? 1 : length))],
    build: (x) => ops.broadcast(x, shape),
  })),
  reshape: shape4.map(([a, b, c, d]) => ({
    shapes: [[a, b, c, d]],
    build: (x) => ops.reshape(x, [a * b, c * d]),
  })),
  transpose: fc
    .tuple(shape4, fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }))
    .map(([shape, order]) => ({ shapes: [shape], build: (x) => ops.transpose(x, order) })),
  concat: fc.tuple(shape4, fc.nat(3), small).map(([shape, axis, other]) => ({
    shapes: [shape, shape.map((length, a) => (a === axis ? other : length))],
    build: (a, b) => ops.concat([a, b], axis),
  })),
  slice: fc.tuple(shape4, fc.nat(3)).map(([shape, axis]) => ({
    shapes: [shape.map((length, a) => (a === axis ? length + 2 : length))],
    build: (x) => ops.slice(x, axis, 1, shape[axis]! + 1),
  })),
  pad: fc.tuple(shape4, fc.nat(3), fc.nat(2), fc.nat(2)).map(([shape, axis, before, after]) => ({
    shapes: [shape],
    build: (x) => ops.pad(x, axis, before, after),
  })),
  upsample: elementwise(ops.upsample),
  averagePool: shape4.map(([n, c, h, w]) => ({ shapes: [[n, c, h * 2, w * 2]], build: ops.averagePool })),
  conv: fc.tuple(convolution, fc.boolean()).map(([{ x, weight, bias, padding }, biased]) => ({
    shapes: biased ? [x, weight, bias] : [x, weight],
    build: (a, b, c) => ops.conv(a, b, c, padding),
  })),
  convInputGradient: convolution.map(({ dy, weight, padding }) => ({
    shapes: [dy, weight],
    build: (a, b) => ops.convInputGradient(a, b, padding),
  })),
  convWeightGradient: convolution.map(({ x, dy, padding }) => ({
    shapes: [x, dy],
    build: (a, b) => ops.convWeightGradient(a, b, padding),
  })),
  matmul: fc.tuple(small, small, small, fc.boolean(), fc.boolean()).map(([m, k, n, ta, tb]) => ({
    shapes: [ta ? [k, m] : [m, k], tb ? [n, k] : [k, n]],
    build: (a, b) => ops.matmul(a, b, ta, tb),
  })),
};

/** Every operation that has inputs, with an arbitrary of examples. */
export const cases = Object.entries(recipes).map(([op, recipe]): [string, fc.Arbitrary<Case>] => [
  op,
  recipe.chain(({ shapes, build, positive = false }) => {
    const value = fc
      .tuple(fc.double({ min: 0.2, max: 1.5, noNaN: true }), fc.boolean())
      .map(([size, negative]) => (negative && !positive ? -size : size));
    const data = shapes.map((shape) =>
      fc.array(value, { minLength: sizeOf(shape), maxLength: sizeOf(shape) }),
    );
    return fc.tuple(...data).map((arrays): Case => {
      const graph = createGraph();
      const inputs = shapes.map((shape, i) => input(graph, `x${i}`, shape));
      const feeds = new Map(
        arrays.map((array, i): [string, Float64Array] => [`x${i}`, Float64Array.from(array)]),
      );
      return { inputs, output: build(...inputs), feeds };
    });
  }),
]);
