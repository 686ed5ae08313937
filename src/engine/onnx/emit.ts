/**
 * Graph -> ONNX. Only what the outputs need is emitted (dead code is never seen), each shared node once; values are
 * named by their place, so the same graph always gives the same bytes.
 */
import { invariant } from "../../base/invariant.js";
import { sizeOf } from "../../base/named-arrays.js";
import { isInput, reachable, type Node, type Shape } from "../graph.js";
import { onlyMoves } from "../precision.js";
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

/** Numbers of ONNX's types of elements. */
const [float32, float16] = [1, 10];

/**
 * Builds the ONNX model of some named outputs. What is fed and answered is float32.
 * @param halves nodes whose values are half
 */
export function lowerGraph(
  outputs: ReadonlyMap<string, Node>,
  target: Target,
  halves: ReadonlySet<Node> = new Set(),
): OnnxModel {
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
  const floats = (values: readonly number[], shape: Shape): string => {
    invariant(values.length === sizeOf(shape), "a constant has as many values as its shape");
    return once(`floats ${values.join()} as ${shape.join()}`, () => {
      const name = `f${constants.length}`;
      constants.push({ name, shape, data: Float32Array.from(values) });
      return name;
    });
  };
  const emitter: Emitter = {
    target,
    half: false,
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
    floats,
    numbers: floats,
  };

  const cast = (value: string, to: number): string => emitter.op("Cast", [value], { to });
  /**
   * The CPU provider has no kernels for half: left to itself it computes in float32 and takes the casts away, and with
   * them the rounding. So there a half value is a float32 one that has been rounded to half and back.
   */
  const rounded = (value: string): string => cast(cast(value, float16), float32);
  const narrow = (value: string): string =>
    once(`half ${value}`, () => (target === "gpu" ? cast(value, float16) : rounded(value)));
  const widen = (value: string): string =>
    target === "gpu" ? once(`float ${value}`, () => cast(value, float32)) : value;
  const halfEmitter: Emitter = {
    ...emitter,
    half: true,
    numbers: (values, shape) => (target === "gpu" ? narrow(floats(values, shape)) : floats(values, shape)),
  };
  /** A node's value in the type that its user computes in. */
  const valueOf = (node: Node, half: boolean): string => {
    const name = names.get(node)!;
    if (halves.has(node) === half) return name;
    return half ? narrow(name) : widen(name);
  };

  for (const node of reachable([...outputs.values()])) {
    if (isInput(node)) {
      const { name, shape } = node.attributes;
      inputs.push({ name: inputName(name), shape });
      names.set(node, inputName(name));
      continue;
    }
    const half = halves.has(node);
    const from = node.inputs.map((one) => valueOf(one, half));
    const lower = lowerings[node.op as keyof typeof lowerings] as Lowering;
    const value = lower(half ? halfEmitter : emitter, node, from);
    names.set(node, half && target === "cpu" && !onlyMoves(node) ? rounded(value) : value);
  }

  const results = [...outputs].map(([name, node]) => {
    // A name of its own for each output, also where two are the same node or an input.
    nodes.push({ type: "Identity", inputs: [valueOf(node, false)], outputs: [name], attributes: {} });
    return { name, shape: node.shape };
  });
  return { nodes, constants, inputs, outputs: results };
}

/** The bytes of the ONNX model of some named outputs. */
export function emit(
  outputs: ReadonlyMap<string, Node>,
  target: Target,
  halves?: ReadonlySet<Node>,
): Uint8Array {
  return encodeModel(lowerGraph(outputs, target, halves));
}
