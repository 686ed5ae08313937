/** What a graph costs, counted from the graph alone: work, traffic and memory, whatever runs it. */
import { sizeOf } from "../base/named-arrays.js";
import { isInput, reachable, type AnyNode, type Node } from "./graph.js";
import { halfNodes, type Precision } from "./precision.js";
import { imageShape, matrixShape, type OpName } from "./spec.js";

export interface Cost {
  /** Floating-point operations; a multiplication and its addition are two. */
  readonly flops: number;
  /** Those of them that are computed in half. */
  readonly halfFlops: number;
  /** Bytes that the operations read and write, if each runs by itself. */
  readonly traffic: number;
  /** Bytes of all inputs. */
  readonly inputs: number;
  /** Bytes of all inputs, and of the most values that are alive at once. A real engine takes more. */
  readonly memory: number;
}

/** Only another name for their input's value. */
const views: ReadonlySet<OpName> = new Set(["reshape", "stopGradient"]);

/** Two for each product of the trilinear form that the three convolutions share: pixels of y, times weights. */
function convolutionFlops(pixels: Node, weights: Node): number {
  const [samples, , height, width] = imageShape(pixels.shape);
  return 2 * samples * height * width * sizeOf(weights.shape);
}

function flopsOf(node: AnyNode): number {
  switch (node.op) {
    case "conv":
      return convolutionFlops(node, node.inputs[1]);
    case "convInputGradient":
      return convolutionFlops(node.inputs[0], node.inputs[1]);
    case "convWeightGradient":
      return convolutionFlops(node.inputs[1], node);
    case "matmul": {
      const [rows, columns] = matrixShape(node.inputs[0].shape);
      return 2 * sizeOf(node.shape) * (node.attributes.transposeA ? rows : columns);
    }
    case "sum":
    case "averagePool":
      return sizeOf(node.inputs[0].shape);
    case "input":
    case "constant":
    case "stopGradient":
    case "broadcast":
    case "reshape":
    case "transpose":
    case "concat":
    case "slice":
    case "pad":
    case "upsample":
      return 0;
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "sqrt":
    case "rsqrt":
    case "tanh":
    case "leakyRelu":
    case "leakySlope":
      return sizeOf(node.shape);
  }
}

/** A value of the graph, or one of another type that is made from it. */
interface Value {
  readonly bytes: number;
  readonly flops: number;
  readonly half: boolean;
  readonly from: readonly Value[];
  readonly fed: boolean;
}

/** Every value in the order in which it is computed, with the copies in the other type where half and float32 meet. */
function valuesOf(outputs: readonly Node[], halves: ReadonlySet<Node>): { all: Value[]; answered: Value[] } {
  const all: Value[] = [];
  const own = new Map<Node, Value>();
  const copies = new Map<Value, Value>();
  const make = (value: Value): Value => {
    all.push(value);
    return value;
  };
  const sized = ({ shape }: Node, half: boolean): number => (half ? 2 : 4) * sizeOf(shape);
  const inType = (node: Node, half: boolean): Value => {
    const value = own.get(node)!;
    if (halves.has(node) === half) return value;
    const copy =
      copies.get(value) ?? make({ bytes: sized(node, half), flops: 0, half, from: [value], fed: false });
    copies.set(value, copy);
    return copy;
  };
  for (const node of reachable(outputs)) {
    const half = halves.has(node);
    const from = node.inputs.map((one) => inType(one, half));
    const value = views.has(node.op)
      ? from[0]!
      : make({ bytes: sized(node, half), flops: flopsOf(node as AnyNode), half, from, fed: isInput(node) });
    own.set(node, value);
  }
  return { all, answered: outputs.map((node) => inType(node, false)) };
}

/**
 * The cost of computing some outputs, each value freed once nothing needs it, outputs kept to the end.
 * @param precision what it is computed in
 */
export function costOf(outputs: readonly Node[], precision: Precision = "float32"): Cost {
  const halves = precision === "mixed" ? halfNodes(outputs) : new Set<Node>();
  const { all, answered } = valuesOf(outputs, halves);
  const lastUse = new Map<Value, number>();
  all.forEach((value, i) => value.from.forEach((one) => lastUse.set(one, i)));
  for (const value of answered) lastUse.set(value, Infinity);

  let [flops, halfFlops, traffic, inputs, alive, peak] = [0, 0, 0, 0, 0, 0];
  all.forEach((value, i) => {
    if (value.fed) {
      inputs += value.bytes;
      return;
    }
    flops += value.flops;
    if (value.half) halfFlops += value.flops;
    traffic += value.from.reduce((sum, one) => sum + one.bytes, value.bytes);
    alive += value.bytes;
    peak = Math.max(peak, alive);
    for (const one of new Set(value.from)) {
      if (!one.fed && lastUse.get(one) === i) alive -= one.bytes;
    }
  });
  return { flops, halfFlops, traffic, inputs, memory: inputs + peak };
}
