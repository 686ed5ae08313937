/**
 * A tensor graph as data: immutable nodes, each an operation on earlier nodes, with its shape worked out when it is
 * made. Equal operations on equal inputs are the same node (hash-consing), so common subexpressions never exist twice.
 */
import { specification, type Attributes, type Operands, type OpName } from "./spec.js";

/** Row-major sizes; [] is a scalar. */
export type Shape = readonly number[];

export interface Node<Op extends OpName = OpName> {
  /** Order of creation within its graph; inputs always have smaller ones. */
  readonly id: number;
  readonly op: Op;
  readonly inputs: Operands<Node>[Op];
  readonly attributes: Attributes[Op];
  readonly shape: Shape;
  readonly graph: Graph;
}

/** A node of whichever operation, told by its `op`. */
export type AnyNode = { [Op in OpName]: Node<Op> }[OpName];

/** Owns the nodes of one graph. */
export interface Graph {
  readonly nodes: Node[];
  readonly known: Map<string, Node>;
}

export function createGraph(): Graph {
  return { nodes: [], known: new Map() };
}

/**
 * The node of this operation: a new one, or the one that is already there.
 * Throws (a bug of the caller) when the specification does not allow it.
 */
export function makeNode<Op extends OpName>(
  graph: Graph,
  op: Op,
  inputs: Operands<Node>[Op],
  attributes: Attributes[Op],
): Node<Op> {
  const key = `${op}(${inputs.map((input) => input.id).join()})${JSON.stringify(attributes)}`;
  const known = graph.known.get(key);
  if (known) return known as Node<Op>;
  const shapes = inputs.map((input) => input.shape) as unknown as Operands<Shape>[Op];
  const shape = specification[op](shapes, attributes);
  const node: Node<Op> = { id: graph.nodes.length, op, inputs, attributes, shape, graph };
  graph.nodes.push(node);
  graph.known.set(key, node);
  return node;
}

/** An input of the graph, fed at every run. */
export function input(graph: Graph, name: string, shape: Shape): Node {
  return makeNode(graph, "input", [], { name, shape });
}

export function isInput(node: Node): node is Node<"input"> {
  return node.op === "input";
}

/** The nodes that `outputs` need, inputs before their users. Whatever is not needed is left out. */
export function reachable(outputs: readonly Node[]): Node[] {
  const needed = new Set<Node>();
  const waiting = [...outputs];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    waiting.push(...node.inputs);
  }
  return [...needed].sort((a, b) => a.id - b.id);
}
