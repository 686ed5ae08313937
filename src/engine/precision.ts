/**
 * Mixed precision: which values of a graph are half (float16), and which stay float32. The graph itself is float32
 * mathematics and knows nothing of it. The choice is that of PyTorch's autocast: products of matrices and convolutions
 * are half, with what lies between them; sums, norms, roots and quotients are float32, as is everything that is fed
 * (weights, images) and everything that is answered (losses, gradients).
 */
import { reachable, type Node } from "./graph.js";
import type { OpName } from "./spec.js";

export const precisions = ["float32", "mixed"] as const;
export type Precision = (typeof precisions)[number];

/**
 * half: always. float: never. moves: only copies values, so narrowing may come before it. follows: half between half
 * values, where its result is wanted so.
 */
const roles: { readonly [Op in OpName]: "half" | "float" | "moves" | "follows" } = {
  conv: "half",
  convInputGradient: "half",
  convWeightGradient: "half",
  matmul: "half",
  input: "float",
  constant: "float",
  div: "float",
  sqrt: "float",
  rsqrt: "float",
  sum: "float",
  stopGradient: "moves",
  broadcast: "moves",
  reshape: "moves",
  transpose: "moves",
  concat: "moves",
  slice: "moves",
  pad: "moves",
  upsample: "moves",
  add: "follows",
  sub: "follows",
  mul: "follows",
  tanh: "follows",
  leakyRelu: "follows",
  leakySlope: "follows",
  averagePool: "follows",
};

/** Whether an operation only copies values: what is half before it is half after it. */
export const onlyMoves = (node: Node): boolean => roles[node.op] === "moves";

/** Squares are the beginning of a norm or a variance, and are beyond half's range from 256 on. */
const isSquare = (node: Node): boolean => node.op === "mul" && node.inputs[0] === node.inputs[1];

/** The nodes whose values are half, of those that `outputs` need. */
export function halfNodes(outputs: readonly Node[]): ReadonlySet<Node> {
  const nodes = reachable(outputs);
  /** Nodes that nothing but half values go into; a scalar beside a tensor takes its type. */
  const fromHalves = new Set<Node>();
  for (const node of nodes) {
    const role = roles[node.op];
    const tensors = node.inputs.filter(({ shape }) => shape.length > 0);
    const among = tensors.length > 0 && tensors.every((one) => fromHalves.has(one));
    const fits = role !== "float" && among && !isSquare(node) && node.shape.length > 0;
    if (role === "half" || fits) fromHalves.add(node);
  }
  const users = new Map<Node, Node[]>();
  for (const node of nodes) {
    for (const one of new Set(node.inputs)) users.set(one, [...(users.get(one) ?? []), node]);
  }
  const halves = new Set<Node>();
  // Users first: what only float32 values come from is computed in float32.
  for (const node of nodes.reverse()) {
    const own = users.get(node) ?? [];
    const wanted = own.some((user) => halves.has(user));
    const wantedOnly = wanted && own.every((user) => halves.has(user)) && onlyMoves(node);
    if (roles[node.op] === "half" || (fromHalves.has(node) ? wanted : wantedOnly)) halves.add(node);
  }
  return halves;
}
