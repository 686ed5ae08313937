/**
 * Graph -> ONNX. Only what the outputs need is emitted (dead code is never seen), each shared node once; values are
 * named by their place, so the same graph always gives the same bytes.
 */
import { invariant } from "../../base/invariant.js";
import { sizeOf } from "../../base/named-arrays.js";
import { isInput, reachable, type Node } from "../graph.js";
import { lowerings, type Emitter, type Lowering, type Target } from "./lower.js";
import {
  encodeModel,
  type AttributeValue,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "./model.js";

/** Inputs and outputs may have the same name in a graph (old and new state), but not in ONNX. */
export const inputName = (name: string): string => `in:${name}`;

/** Builds the ONNX model of some named outputs. */
export function lowerGraph(outputs: ReadonlyMap<string, Node>, target: Target): OnnxModel {
  const nodes: OnnxNode[] = [];
  const constants: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const names = new Map<Node, string>();
  const made = new Map<string, string>();

  const once = (key: string, make: () => string): string => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const name = make();
    made.set(key, name);
    return name;
  };
  const emitter: Emitter = {
    target,
    once,
    op(type, from, attributes: Readonly<Record<string, AttributeValue>> = {}) {
      const name = `t${nodes.length}`;
      nodes.push({ type, inputs: from, outputs: [name], attributes });
      return name;
    },
    ints(values) {
      return once(`ints ${values.join()}`, () => {
        const name = `i${constants.length}`;
        constants.push({ name, shape: [values.length], data: BigInt64Array.from(values, BigInt) });
        return name;
      });
    },
    floats(values, shape) {
      invariant(values.length === sizeOf(shape), "a constant has as many values as its shape");
      return once(`floats ${values.join()} as ${shape.join()}`, () => {
        const name = `f${constants.length}`;
        constants.push({ name, shape, data: Float32Array.from(values) });
        return name;
      });
    },
  };

  for (const node of reachable([...outputs.values()])) {
    if (isInput(node)) {
      const { name, shape } = node.attributes;
      inputs.push({ name: inputName(name), shape });
      names.set(node, inputName(name));
      continue;
    }
    const from = node.inputs.map((one) => names.get(one)!);
    names.set(node, (lowerings[node.op as keyof typeof lowerings] as Lowering)(emitter, node, from));
  }

  const results = [...outputs].map(([name, node]) => {
    // A name of its own for each output, also where two are the same node or an input.
    nodes.push({ type: "Identity", inputs: [names.get(node)!], outputs: [name], attributes: {} });
    return { name, shape: node.shape };
  });
  return { nodes, constants, inputs, outputs: results };
}

/** The bytes of the ONNX model of some named outputs. */
export function emit(outputs: ReadonlyMap<string, Node>, target: Target): Uint8Array {
  return encodeModel(lowerGraph(outputs, target));
}
