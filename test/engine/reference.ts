/**
 * Every operation in float64 by its plain definition: the judge of the gradient table and of the lowering to ONNX.
 */
import { sizeOf } from "../../src/base/named-arrays.js";
import { isInput, reachable, type Node, type Shape } from "../../src/engine/graph.js";
import type { OpName } from "../../src/engine/spec.js";

export interface Value {
  readonly shape: Shape;
  readonly data: Float64Array;
}

const zeros = (shape: Shape): Value => ({ shape, data: new Float64Array(sizeOf(shape)) });

/** Visits every index of a shape, row-major. The index is the same array each time. */
function walk(shape: Shape, visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
}

/** Place of an index in a row-major array; axes of length 1 repeat, a scalar is everywhere. */
function place(shape: Shape, index: readonly number[]): number {
  let flat = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const length = shape[axis]!;
    flat = flat * length + (length === 1 ? 0 : index[axis]!);
  }
  return flat;
}

/** Each element of the result from one element of x. */
function gather(shape: Shape, x: Value, from: (index: readonly number[]) => number): Value {
  const y = zeros(shape);
  walk(shape, (index, flat) => (y.data[flat] = x.data[from(index)]!));
  return y;
}

/** Copies x into y, moved along one axis; what falls outside is left out. */
function copyMoved(x: Value, y: Value, axis: number, by: number): void {
  const target = new Array<number>(x.shape.length);
  walk(x.shape, (index, flat) => {
    for (let a = 0; a < index.length; a++) target[a] = index[a]! + (a === axis ? by : 0);
    if (target[axis]! >= 0 && target[axis]! < y.shape[axis]!) y.data[place(y.shape, target)] = x.data[flat]!;
  });
}

/**
 * Visits every product x[ix + n] * w[iw] that a convolution adds to y[iy + n], a row of `count` at a time. The
 * convolution and both its gradients are sums over the same products, so they share this loop.
 */
function eachRow(
  x: Shape,
  weight: Shape,
  padding: number,
  visit: (ix: number, iw: number, iy: number, count: number) => void,
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
            const first = Math.max(0, padding - j);
            const count = Math.min(w2, width + padding - j) - first;
            for (let h = Math.max(0, padding - i); h < Math.min(h2, height + padding - i); h++) {
              const rowX = ((n * channels + c) * height + h + i - padding) * width + j - padding;
              const rowY = ((n * outputs + o) * h2 + h) * w2;
              visit(rowX + first, iw, rowY + first, count);
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
    const y = zeros(node.shape);
    walk(node.shape, (index, flat) => {
      y.data[flat] = f(a!.data[place(a!.shape, index)]!, b!.data[place(b!.shape, index)]!);
    });
    return y;
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
    const y = zeros(node.shape);
    walk(x!.shape, (index, flat) => (y.data[place(y.shape, index)]! += x!.data[flat]!));
    return y;
  },
  broadcast: (node, [x]) => gather(node.shape, x!, (index) => place(x!.shape, index)),
  reshape: (node, [x]) => ({ shape: node.shape, data: x!.data }),
  transpose: (node, [x]) => {
    const { order } = node.attributes;
    const source = new Array<number>(order.length);
    return gather(node.shape, x!, (index) => {
      order.forEach((axis, i) => (source[axis] = index[i]!));
      return place(x!.shape, source);
    });
  },
  concat: (node, parts) => {
    const y = zeros(node.shape);
    let start = 0;
    for (const part of parts) {
      copyMoved(part, y, node.attributes.axis, start);
      start += part.shape[node.attributes.axis]!;
    }
    return y;
  },
  slice: (node, [x]) => {
    const y = zeros(node.shape);
    copyMoved(x!, y, node.attributes.axis, -node.attributes.start);
    return y;
  },
  pad: (node, [x]) => {
    const y = zeros(node.shape);
    copyMoved(x!, y, node.attributes.axis, node.attributes.before);
    return y;
  },
  upsample: (node, [x]) =>
    gather(node.shape, x!, ([n, c, h, w]) =>
      place(x!.shape, [n!, c!, Math.floor(h! / 2), Math.floor(w! / 2)]),
    ),
  averagePool: (node, [x]) => {
    const y = zeros(node.shape);
    walk(x!.shape, ([n, c, h, w], flat) => {
      y.data[place(y.shape, [n!, c!, Math.floor(h! / 2), Math.floor(w! / 2)])]! += x!.data[flat]! / 4;
    });
    return y;
  },
  conv: (node, [x, weight, bias]) => {
    const y = zeros(node.shape);
    if (bias) walk(node.shape, ([, o], flat) => (y.data[flat] = bias.data[o!]!));
    eachRow(x!.shape, weight!.shape, node.attributes.padding, (ix, iw, iy, count) => {
      const factor = weight!.data[iw]!;
      for (let n = 0; n < count; n++) y.data[iy + n]! += x!.data[ix + n]! * factor;
    });
    return y;
  },
  convInputGradient: (node, [dy, weight]) => {
    const dx = zeros(node.shape);
    eachRow(node.shape, weight!.shape, node.attributes.padding, (ix, iw, iy, count) => {
      const factor = weight!.data[iw]!;
      for (let n = 0; n < count; n++) dx.data[ix + n]! += dy!.data[iy + n]! * factor;
    });
    return dx;
  },
  convWeightGradient: (node, [x, dy]) => {
    const dw = zeros(node.shape);
    eachRow(x!.shape, node.shape, node.attributes.padding, (ix, iw, iy, count) => {
      let sum = 0;
      for (let n = 0; n < count; n++) sum += x!.data[ix + n]! * dy!.data[iy + n]!;
      dw.data[iw]! += sum;
    });
    return dw;
  },
  matmul: (node, [a, b]) => {
    const { transposeA, transposeB } = node.attributes;
    const inner = a!.shape[transposeA ? 0 : 1]!;
    const y = zeros(node.shape);
    walk(node.shape, ([row, column], flat) => {
      for (let k = 0; k < inner; k++) {
        const left = a!.data[place(a!.shape, transposeA ? [k, row!] : [row!, k])]!;
        y.data[flat]! += left * b!.data[place(b!.shape, transposeB ? [column!, k] : [k, column!])]!;
      }
    });
    return y;
  },
};

/** Values of `outputs`, from the values of the inputs by name. */
export function evaluate(outputs: readonly Node[], feeds: ReadonlyMap<string, Float64Array>): Value[] {
  const values = evaluateAll(outputs, feeds);
  return outputs.map((node) => values.get(node)!);
}

/** Values of `outputs` and of all that they need. */
export function evaluateAll(
  outputs: readonly Node[],
  feeds: ReadonlyMap<string, Float64Array>,
): Map<Node, Value> {
  const values = new Map<Node, Value>();
  for (const node of reachable(outputs)) values.set(node, valueOf(node, values, feeds));
  return values;
}

/**
 * The same where rounding has turned signs: the slope of a leaky ReLU is taken from the sign of `signs` for its output,
 * and what hangs on slopes that are others now is computed anew.
 */
export function evaluateTurned(
  outputs: readonly Node[],
  feeds: ReadonlyMap<string, Float64Array>,
  before: ReadonlyMap<Node, Value>,
  signs: ReadonlyMap<Node, ArrayLike<number>>,
): Value[] {
  const values = new Map(before);
  const changed = new Set<Node>();
  for (const node of reachable(outputs)) {
    const [first] = node.inputs;
    const turned = node.op === "leakySlope" ? signs.get(first!) : undefined;
    if (turned) {
      const { slope } = (node as Node<"leakySlope">).attributes;
      const data = Float64Array.from(turned, (y) => (y > 0 ? 1 : slope));
      if (data.every((value, i) => value === before.get(node)!.data[i])) continue;
      values.set(node, { shape: node.shape, data });
    } else if (node.inputs.some((one) => changed.has(one))) {
      values.set(node, valueOf(node, values, feeds));
    } else {
      continue;
    }
    changed.add(node);
  }
  return outputs.map((node) => values.get(node)!);
}

function valueOf(
  node: Node,
  values: ReadonlyMap<Node, Value>,
  feeds: ReadonlyMap<string, Float64Array>,
): Value {
  if (isInput(node)) {
    const { name, shape } = node.attributes;
    return { shape, data: feeds.get(name)! };
  }
  const definition = definitions[node.op as keyof typeof definitions] as Definition<OpName>;
  return definition(
    node,
    node.inputs.map((one) => values.get(one)!),
  );
}
