/**
 * Every operation in float64 by its plain definition: slow, obvious, and the judge of the gradient table and of the
 * lowering to ONNX.
 */
import { sizeOf } from "../../src/base/named-arrays.js";
import { isInput, reachable, type Node, type Shape } from "../../src/engine/graph.js";
import type { OpName } from "../../src/engine/spec.js";

export interface Value {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** All indices of a shape, row-major. */
function* indices(shape: Shape): Generator<number[]> {
  for (let flat = 0; flat < sizeOf(shape); flat++) {
    const index = new Array<number>(shape.length);
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    yield index;
  }
}

/** Element at an index; axes of length 1 repeat, a scalar is everywhere, beyond the edge is 0. */
function at(value: Value, index: readonly number[]): number {
  if (value.shape.length === 0) return value.data[0]!;
  let flat = 0;
  for (let axis = 0; axis < value.shape.length; axis++) {
    const length = value.shape[axis]!;
    const i = length === 1 && index[axis]! > 0 && !Number.isNaN(index[axis]!) ? 0 : index[axis]!;
    if (i < 0 || i >= length) return 0;
    flat = flat * length + i;
  }
  return value.data[flat]!;
}

/** Element at an index where beyond the edge is 0, also for axes of length 1. */
function inside(value: Value, index: readonly number[]): number {
  return index.every((i, axis) => i >= 0 && i < value.shape[axis]!) ? at(value, index) : 0;
}

function fill(shape: Shape, element: (index: readonly number[]) => number): Value {
  return { shape, data: Float64Array.from(indices(shape), element) };
}

function total(shape: Shape, term: (index: readonly number[]) => number): number {
  let sum = 0;
  for (const index of indices(shape)) sum += term(index);
  return sum;
}

function zeros(shape: Shape): Value {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

/**
 * Visits every product x[ix] * w[iw] that a convolution adds to y[iy]. The convolution and both its gradients are sums
 * over the same products, so they share this loop (it is also the one place here that has to be fast).
 */
function eachProduct(
  x: Shape,
  weight: Shape,
  padding: number,
  visit: (ix: number, iw: number, iy: number) => void,
): void {
  const [samples, channels, height, width] = x as [number, number, number, number];
  const [outputs, , k] = weight as [number, number, number, number];
  const h2 = height + 2 * padding - k + 1;
  const w2 = width + 2 * padding - k + 1;
  for (let n = 0; n < samples; n++) {
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < k; i++) {
          for (let j = 0; j < k; j++) {
            const iw = ((o * channels + c) * k + i) * k + j;
            for (let h = Math.max(0, padding - i); h < Math.min(h2, height + padding - i); h++) {
              const rowX = ((n * channels + c) * height + h + i - padding) * width + j - padding;
              const rowY = ((n * outputs + o) * h2 + h) * w2;
              const last = Math.min(w2, width + padding - j);
              for (let w = Math.max(0, padding - j); w < last; w++) visit(rowX + w, iw, rowY + w);
            }
          }
        }
      }
    }
  }
}

type Definition<Op extends OpName> = (node: Node<Op>, inputs: readonly Value[]) => Value;

const each =
  (f: (x: number) => number): Definition<OpName> =>
  (node, [x]) => ({ shape: node.shape, data: x!.data.map(f) });
const pair =
  (f: (a: number, b: number) => number): Definition<OpName> =>
  (node, [a, b]) => {
    if (a!.data.length !== b!.data.length) return fill(node.shape, (i) => f(at(a!, i), at(b!, i)));
    return { shape: node.shape, data: a!.data.map((value, i) => f(value, b!.data[i]!)) };
  };

const definitions: { readonly [Op in Exclude<OpName, "input">]: Definition<Op> } = {
  constant: (node) => ({ shape: [], data: Float64Array.of(node.attributes.value) }),
  add: pair((a, b) => a + b),
  sub: pair((a, b) => a - b),
  mul: pair((a, b) => a * b),
  div: pair((a, b) => a / b),
  sqrt: each(Math.sqrt),
  rsqrt: each((x) => (x > 0 ? 1 / Math.sqrt(x) : 0)),
  tanh: each(Math.tanh),
  leakyRelu: (node, inputs) => each((x) => (x > 0 ? x : x * node.attributes.slope))(node, inputs),
  leakySlope: (node, inputs) => each((y) => (y > 0 ? 1 : node.attributes.slope))(node, inputs),
  stopGradient: (_node, [x]) => x!,
  sum: (node, [x]) => {
    const { axes } = node.attributes;
    const summed = x!.shape.map((length, axis) => (axes.includes(axis) ? length : 1));
    return fill(node.shape, (i) =>
      total(summed, (j) =>
        at(
          x!,
          i.map((at0, axis) => at0 + j[axis]!),
        ),
      ),
    );
  },
  broadcast: (node, [x]) => fill(node.shape, (i) => at(x!, i)),
  reshape: (node, [x]) => ({ shape: node.shape, data: x!.data }),
  transpose: (node, [x]) => {
    const { order } = node.attributes;
    return fill(node.shape, (i) =>
      at(
        x!,
        order.map((_, axis) => i[order.indexOf(axis)]!),
      ),
    );
  },
  concat: (node, parts) => {
    const { axis } = node.attributes;
    return fill(node.shape, (i) => {
      let start = 0;
      for (const part of parts) {
        const own = i[axis]! - start;
        if (own < part.shape[axis]!)
          return at(
            part,
            i.map((value, a) => (a === axis ? own : value)),
          );
        start += part.shape[axis]!;
      }
      throw new Error("beyond all parts");
    });
  },
  slice: (node, [x]) => {
    const { axis, start } = node.attributes;
    return fill(node.shape, (i) =>
      at(
        x!,
        i.map((value, a) => (a === axis ? value + start : value)),
      ),
    );
  },
  pad: (node, [x]) => {
    const { axis, before } = node.attributes;
    return fill(node.shape, (i) =>
      inside(
        x!,
        i.map((value, a) => (a === axis ? value - before : value)),
      ),
    );
  },
  upsample: (node, [x]) =>
    fill(node.shape, ([n, c, h, w]) => at(x!, [n!, c!, Math.floor(h! / 2), Math.floor(w! / 2)])),
  averagePool: (node, [x]) =>
    fill(
      node.shape,
      ([n, c, h, w]) => total([2, 2], ([i, j]) => at(x!, [n!, c!, h! * 2 + i!, w! * 2 + j!])) / 4,
    ),
  conv: (node, [x, weight, bias]) => {
    const y = zeros(node.shape);
    if (bias) y.data.set(fill(node.shape, ([, o]) => bias.data[o!]!).data);
    eachProduct(x!.shape, weight!.shape, node.attributes.padding, (ix, iw, iy) => {
      y.data[iy]! += x!.data[ix]! * weight!.data[iw]!;
    });
    return y;
  },
  convInputGradient: (node, [dy, weight]) => {
    const dx = zeros(node.shape);
    eachProduct(node.shape, weight!.shape, node.attributes.padding, (ix, iw, iy) => {
      dx.data[ix]! += dy!.data[iy]! * weight!.data[iw]!;
    });
    return dx;
  },
  convWeightGradient: (node, [x, dy]) => {
    const dw = zeros(node.shape);
    eachProduct(x!.shape, node.shape, node.attributes.padding, (ix, iw, iy) => {
      dw.data[iw]! += x!.data[ix]! * dy!.data[iy]!;
    });
    return dw;
  },
  matmul: (node, [a, b]) => {
    const { transposeA, transposeB } = node.attributes;
    const inner = a!.shape[transposeA ? 0 : 1]!;
    return fill(node.shape, ([row, column]) =>
      total(
        [inner],
        ([k]) =>
          at(a!, transposeA ? [k!, row!] : [row!, k!]) * at(b!, transposeB ? [column!, k!] : [k!, column!]),
      ),
    );
  },
};

/** Values of `outputs`, from the values of the inputs by name. */
export function evaluate(outputs: readonly Node[], feeds: ReadonlyMap<string, Float64Array>): Value[] {
  const values = new Map<Node, Value>();
  for (const node of reachable(outputs)) {
    if (isInput(node)) {
      const { name, shape } = node.attributes;
      values.set(node, { shape, data: feeds.get(name)! });
    } else {
      const definition = definitions[node.op as keyof typeof definitions] as Definition<OpName>;
      values.set(
        node,
        definition(
          node,
          node.inputs.map((one) => values.get(one)!),
        ),
      );
    }
  }
  return outputs.map((node) => values.get(node)!);
}
