/** What a graph costs, counted from the graph alone: work, traffic and memory, whatever runs it. */
import { sizeOf } from "../base/named-arrays.js";
import { isInput, reachable, type Node } from "./graph.js";
import type { OpName } from "./spec.js";

export interface Cost {
  /** Floating-point operations; a multiplication and its addition are two. */
  readonly flops: number;
  /** Bytes that the operations read and write, if each runs by itself. */
  readonly traffic: number;
  /** Bytes of all inputs, and of the most values that are alive at once. A real engine takes more. */
  readonly memory: number;
}

const bytesOf = ({ shape }: Node): number => 4 * sizeOf(shape);

/** Only another name for their input's value. */
const views: ReadonlySet<OpName> = new Set(["reshape", "stopGradient"]);

/** Two for each product of the trilinear form that the three convolutions share: pixels of y, times weights. */
function convolutionFlops(pixels: Node, weights: Node): number {
  const [samples, , height, width] = pixels.shape;
  return 2 * samples! * height! * width! * sizeOf(weights.shape);
}

function flopsOf(node: Node): number {
  const [first, second] = node.inputs;
  switch (node.op) {
    case "conv":
      return convolutionFlops(node, second!);
    case "convInputGradient":
      return convolutionFlops(first!, second!);
    case "convWeightGradient":
      return convolutionFlops(second!, node);
    case "matmul": {
      const { transposeA } = (node as Node<"matmul">).attributes;
      return 2 * sizeOf(node.shape) * first!.shape[transposeA ? 0 : 1]!;
    }
    case "sum":
    case "averagePool":
      return sizeOf(first!.shape);
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

/** The cost of computing some outputs, each value freed once nothing needs it, outputs kept to the end. */
export function costOf(outputs: readonly Node[]): Cost {
  const nodes = reachable(outputs);
  const root = new Map<Node, Node>();
  for (const node of nodes) root.set(node, views.has(node.op) ? root.get(node.inputs[0]!)! : node);
  const lastUse = new Map<Node, number>();
  nodes.forEach((node, i) => node.inputs.forEach((one) => lastUse.set(root.get(one)!, i)));
  for (const output of outputs) lastUse.set(root.get(output)!, Infinity);

  let [flops, traffic, inputs, alive, peak] = [0, 0, 0, 0, 0];
  nodes.forEach((node, i) => {
    if (isInput(node)) {
      inputs += bytesOf(node);
      return;
    }
    if (views.has(node.op)) return;
    flops += flopsOf(node);
    traffic += node.inputs.reduce((sum, one) => sum + bytesOf(one), bytesOf(node));
    alive += bytesOf(node);
    peak = Math.max(peak, alive);
    for (const one of new Set(node.inputs.map((input) => root.get(input)!))) {
      if (!isInput(one) && lastUse.get(one) === i) alive -= bytesOf(one);
    }
  });
  return { flops, traffic, memory: inputs + peak };
}
