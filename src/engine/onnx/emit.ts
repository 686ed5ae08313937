/**
 * Graph -> ONNX. Only what the outputs need is emitted (dead code is never seen), each shared node once; values are
 * named by their place, so the same graph always gives the same bytes.
 */
import { invariant } from "../../base/invariant.js";
import { sizeOf } from "../../base/named-arrays.js";
import { isInput, reachable, type Node, type Shape } from "../graph.js";
import { onlyMoves } from "../precision.js";
import { imageLowerings, type Images, type Laid } from "./images.js";
import { laidOut, type Layout } from "./layout.js";
import { lowerings, type AnyLowering, type Emitter, type Shared, type Target } from "./lower.js";
import { formFor } from "./winograd.js";
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

/**
 * An input of some graphs beside their own: one int64, to be fed with 0. ONNX Runtime keeps the memory of a value that is
 * no longer needed for later ones of the very same shape; a shape that it learns only as it runs makes it free the memory.
 */
export const zeroInput = "zero";

/** Numbers of ONNX's types of elements. */
const [float32, float16] = [1, 10];

/**
 * Builds the ONNX model of some named outputs. What is fed and answered is float32.
 * @param halves nodes whose values are half
 * @param forms which way the processor computes a 3x3 convolution; tests force one
 */
export function lowerGraph(
  outputs: ReadonlyMap<string, Node>,
  target: Target,
  halves: ReadonlySet<Node> = new Set(),
  forms = formFor,
): OnnxModel {
  const nodes: OnnxNode[] = [];
  const constants: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const names = new Map<Node, string>();
  const made = new Map<string, string>();

  const once = (what: Shared, of: readonly (string | number | boolean)[], make: () => string): string => {
    const key = `${what}(${of.join()})`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const name = make();
    made.set(key, name);
    return name;
  };
  const floats = (values: readonly number[], shape: Shape): string => {
    invariant(values.length === sizeOf(shape), "a constant has as many values as its shape");
    const texts = values.map((value) => (Object.is(value, -0) ? "-0" : value));
    return once("floats", [shape.length, ...shape, ...texts], () => {
      const name = `f${constants.length}`;
      constants.push({ name, shape, data: Float32Array.from(values) });
      return name;
    });
  };
  const zero = (): string =>
    once("zero", [], () => {
      inputs.push({ name: zeroInput, shape: [1], whole: true });
      return zeroInput;
    });
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
      return once("ints", values, () => {
        const name = `i${constants.length}`;
        constants.push({ name, shape: [values.length], data: BigInt64Array.from(values, BigInt) });
        return name;
      });
    },
    unplanned: (values) =>
      once("unplanned ints", values, () => emitter.op("Add", [emitter.ints(values), zero()])),
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
    once("half", [value], () => (target === "gpu" ? cast(value, float16) : rounded(value)));
  const widen = (value: string): string =>
    target === "gpu" ? once("float", [value], () => cast(value, float32)) : value;
  const halfEmitter: Emitter = {
    ...emitter,
    half: true,
    numbers: (values, shape) => (target === "gpu" ? narrow(floats(values, shape)) : floats(values, shape)),
  };
  const layouts = new Map<Node, Layout>();
  const images: Images = {
    layoutOf: (node) => layouts.get(node) ?? "nchw",
    formFor: forms,
    get(node, layout) {
      const name = names.get(node)!;
      if (node.shape.length !== 4 || images.layoutOf(node) === layout) return name;
      return once(layout, [name], () => laidOut(emitter, name, node.shape, layout));
    },
  };
  /** A node's value in (N, C, H, W), in the type that its user computes in. */
  const valueOf = (node: Node, half: boolean): string => {
    const name = images.get(node, "nchw");
    if (halves.has(node) === half) return name;
    return half ? narrow(name) : widen(name);
  };
  const lowerPlainly = (node: Node): Laid => {
    const half = halves.has(node);
    const from = node.inputs.map((one) => valueOf(one, half));
    const lower = lowerings[node.op as keyof typeof lowerings] as AnyLowering;
    const value = lower(half ? halfEmitter : emitter, node, from);
    return { value: half && target === "cpu" && !onlyMoves(node) ? rounded(value) : value, layout: "nchw" };
  };
  const lowerImage = (node: Node): Laid | undefined => {
    const lower = imageLowerings[node.op] as
      ((e: Emitter, node: Node, images: Images) => Laid | undefined) | undefined;
    return lower?.(emitter, node, images);
  };
  // On other devices, and in half, ONNX Runtime's own convolutions are what there is.
  const laysImages = target === "cpu" && halves.size === 0;

  for (const node of reachable([...outputs.values()])) {
    if (isInput(node)) {
      const { name, shape } = node.attributes;
      inputs.push({ name: inputName(name), shape });
      names.set(node, inputName(name));
      continue;
    }
    const { value, layout } = (laysImages && lowerImage(node)) || lowerPlainly(node);
    names.set(node, value);
    layouts.set(node, layout);
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
