/**
 * Mixed precision against float64 and float32: what is half, how it is written down, and how far its gradients are off.
 * Half keeps 11 bits and float32 24, so with the same slopes of leaky ReLUs the one is off by 2^13 times the other.
 */
import { createHash } from "node:crypto";
import * as ort from "../../src/engine/onnx-runtime.js";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../src/base/named-arrays.js";
import { normal } from "../../src/base/random.js";
import { createGraph, input, isInput, reachable, type Node } from "../../src/engine/graph.js";
import { conv, leakyRelu, leakySlope, matmul, meanAll, mul, square } from "../../src/engine/ops.js";
import { emit, inputName, lowerGraph } from "../../src/engine/onnx/emit.js";
import type { OnnxModel } from "../../src/engine/onnx/model.js";
import { halfNodes } from "../../src/engine/precision.js";
import { createSession, fromEngine, toEngine, type EngineTensor } from "../../src/engine/session.js";
import type { Resolution } from "../../src/progan/config.js";
import {
  criticGradients,
  generatorGradients,
  oneClock,
  stepGradients,
  wholeStep,
  type Outputs,
  type StepShape,
} from "../../src/trainer/step-graph.js";
import { freshState } from "../../src/trainer/state.js";
import { evaluateAll, evaluateTurned, type Value } from "./reference.js";

const architecture = { latent: 16, channels: 16, imageChannels: 1 };
const batchSize = 4;
const lossScale = 1024;

function shapeAt(resolution: Resolution, scaled = true): StepShape {
  const clocks = oneClock(architecture, resolution);
  return { architecture, resolution, batchSize, fading: true, clocks, scaled };
}

const inputsOf = (outputs: Outputs): Node<"input">[] => reachable([...outputs.values()]).filter(isInput);

/** Numbers of the size that training feeds. */
function feedsOf(outputs: Outputs): Map<string, Float32Array<ArrayBuffer>> {
  const state = freshState(architecture, 3);
  const fixed: Record<string, number> = { weight: 1 / lossScale, scale: lossScale, alpha: 0.5 };
  return new Map(
    inputsOf(outputs).map(({ id, attributes: { name, shape } }) => {
      const size = sizeOf(shape);
      const data = (): Float32Array<ArrayBuffer> => {
        if (name in fixed) return Float32Array.of(fixed[name]!);
        if (name.endsWith("/gradient")) return new Float32Array(size);
        const drawn = state.arrays.get(name)?.data ?? normal(1, "latent", id, size);
        return name === "real" ? drawn.map(Math.tanh) : drawn;
      };
      return [name, data()];
    }),
  );
}

const tensorsOf = (outputs: Outputs, feeds: ReadonlyMap<string, Float32Array<ArrayBuffer>>) =>
  new Map(
    inputsOf(outputs).map(({ attributes: { name, shape } }) => [
      name,
      toEngine({ shape, data: feeds.get(name)! }),
    ]),
  );

type Computed = ReadonlyMap<string, EngineTensor>;

/** The graph as a graphics card gets it: the CPU provider checks every type, and computes in float32 between casts. */
async function computeInHalf(
  outputs: Outputs,
  tensors: ReadonlyMap<string, EngineTensor>,
): Promise<Computed> {
  const model = emit(outputs, "gpu", halfNodes([...outputs.values()]));
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const feeds = Object.fromEntries([...tensors].map(([name, tensor]) => [inputName(name), tensor]));
  const results = await session.run(feeds);
  await session.release();
  return new Map(Object.entries(results));
}

async function compute(
  outputs: Outputs,
  tensors: ReadonlyMap<string, EngineTensor>,
  precision: "float32" | "mixed",
): Promise<Computed> {
  const engine = { provider: "cpu", threads: 1 } as const;
  const session = await createSession("a test", outputs, engine, new Set(), precision);
  const results = await session.run(tensors);
  await session.release();
  return results;
}

/** |actual - expected| / |expected| over all gradients together. */
function distance(names: readonly string[], actual: Computed, expected: ReadonlyMap<string, Value>): number {
  let [off, all] = [0, 0];
  for (const name of names) {
    const data = fromEngine(actual.get(name)!).data;
    expected.get(name)!.data.forEach((value, i) => {
      off += (data[i]! - value) ** 2;
      all += value ** 2;
    });
  }
  return Math.sqrt(off / all);
}

const graphs = [
  ["critic", criticGradients],
  ["generator", generatorGradients],
] as const;

describe.each(graphs)("gradients of the %s in mixed precision", (_network, graph) => {
  it.each([4, 8, 16, 32] as const)("at %i: off by half's share of float32's error", async (resolution) => {
    const outputs = graph(shapeAt(resolution));
    const names = [...outputs.keys()].filter((name) => name.endsWith("/gradient"));
    const feeds = feedsOf(outputs);
    const tensors = tensorsOf(outputs, feeds);
    // Rounding turns the slope of a leaky ReLU whose input is nearly 0, which no precision makes comparable.
    const leaky = new Map(
      reachable([...outputs.values()])
        .filter(({ op }) => op === "leakySlope")
        .map(({ inputs: [y] }) => [`y${y!.id}`, y!]),
    );
    const seen = new Map([...outputs, ...leaky]);
    const exactFeeds = new Map([...feeds].map(([name, data]) => [name, Float64Array.from(data)]));
    const before = evaluateAll([...outputs.values()], exactFeeds);
    const errorOf = (actual: Computed): number => {
      const signs = new Map([...leaky].map(([name, node]) => [node, fromEngine(actual.get(name)!).data]));
      const exact = evaluateTurned([...outputs.values()], exactFeeds, before, signs);
      const expected = new Map([...outputs.keys()].map((name, i) => [name, exact[i]!]));
      return distance(names, actual, expected);
    };
    const float32 = errorOf(await compute(seen, tensors, "float32"));
    const mixed = errorOf(await compute(seen, tensors, "mixed"));
    expect(mixed / float32).toBeLessThan(2 ** 13);
    // It is not float32 under another name.
    expect(mixed / float32).toBeGreaterThan(2 ** 13 / 100);
    expect(errorOf(await computeInHalf(seen, tensors)) / float32).toBeLessThan(2 ** 13);
  });
});

/** The type of every value of a model, by ONNX's own rule for each operation. */
function typesOf({ nodes, constants, inputs }: OnnxModel): Map<string, "half" | "float" | "other"> {
  const types = new Map<string, "half" | "float" | "other">();
  for (const { name } of inputs) types.set(name, "float");
  for (const { name, data } of constants) types.set(name, data instanceof Float32Array ? "float" : "other");
  for (const { type, inputs: from, outputs, attributes } of nodes) {
    const cast = attributes["to"] === 10 ? "half" : "float";
    const own = type === "Greater" ? "other" : type === "Where" ? types.get(from[1]!)! : types.get(from[0]!)!;
    types.set(outputs[0]!, type === "Cast" ? cast : own);
  }
  return types;
}

describe("the graph in mixed precision", () => {
  const outputs = criticGradients(shapeAt(32));
  const halves = halfNodes([...outputs.values()]);
  const model = lowerGraph(outputs, "gpu", halves);
  const types = typesOf(model);

  it("multiplies matrices and convolves in half, and sums, takes roots and divides in float32", () => {
    const typesOfInputs = (wanted: readonly string[]): Set<unknown> =>
      new Set(
        model.nodes
          .filter(({ type }) => wanted.includes(type))
          .flatMap(({ inputs }) => inputs.map((name) => types.get(name))),
      );
    expect(typesOfInputs(["Conv", "Gemm", "MatMul"])).toEqual(new Set(["half"]));
    expect(typesOfInputs(["Sqrt", "Reciprocal", "Div"])).toEqual(new Set(["float"]));
    const sums = model.nodes.filter(({ type }) => type === "ReduceSum");
    expect(new Set(sums.map(({ inputs }) => types.get(inputs[0]!)))).toEqual(new Set(["float"]));
    expect(sums.length).toBeGreaterThan(0);
  });

  it("brings each value into the other type once", () => {
    const casts = model.nodes.filter(({ type }) => type === "Cast");
    const keys = casts.map(({ inputs, attributes }) => `${inputs[0]} ${JSON.stringify(attributes)}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(casts.every(({ inputs, outputs: [to] }) => types.get(inputs[0]!) !== types.get(to!))).toBe(true);
  });

  it("answers in float32", () => {
    expect(new Set(model.outputs.map(({ name }) => types.get(name)))).toEqual(new Set(["float"]));
  });

  it("keeps squares and what only sums come from in float32", () => {
    const graph = createGraph();
    const x = input(graph, "x", [2, 3, 4, 4]);
    const weight = input(graph, "w", [3, 3, 3, 3]);
    const y = leakyRelu(conv(x, weight, undefined, 1), 0.2);
    const again = conv(y, weight, undefined, 1);
    const power = square(y);
    const alone = mul(conv(x, weight, undefined, 1), leakySlope(y, 0.2));
    const found = halfNodes([meanAll(power), meanAll(alone), again]);
    expect([y, again].every((node) => found.has(node))).toBe(true);
    expect([power, alone].some((node) => found.has(node))).toBe(false);
  });
});

describe("half imitated by the CPU provider", () => {
  it("rounds what goes into a product and what comes out, to even, and overflows beyond 65504", async () => {
    const graph = createGraph();
    const [a, b] = [input(graph, "a", [1, 1]), input(graph, "b", [1, 1])];
    const product = async (left: number, right: number): Promise<number> => {
      const tensors = new Map(
        Object.entries({ a: left, b: right }).map(([name, value]) => [
          name,
          toEngine({ shape: [1, 1], data: Float32Array.of(value) }),
        ]),
      );
      const results = await compute(new Map([["y", matmul(a, b)]]), tensors, "mixed");
      return fromEngine(results.get("y")!).data[0]!;
    };
    const ulp = 2 ** -10;
    expect(await product(1 + 0.4 * ulp, 1)).toBe(1);
    expect(await product(1 + 0.5 * ulp, 1)).toBe(1);
    expect(await product(1 + 1.5 * ulp, 1)).toBe(1 + 2 * ulp);
    expect(await product(1 + ulp, 1 + ulp)).toBe(1 + 2 * ulp);
    expect(await product(65504, 1)).toBe(65504);
    expect(await product(256, 256)).toBe(Infinity);
    expect(await product(2 ** -12, 2 ** -12)).toBe(2 ** -24);
    expect(await product(2 ** -13, 2 ** -13)).toBe(0);
  });
});

it("leaves every byte of the float32 graphs as it was before there was a choice", () => {
  // To be renewed only when the lowering itself is changed on purpose.
  const expected = {
    "cpu wholeStep": "ebb2031a6a84f1fe7953",
    "cpu stepGradients": "52e25cb0013d656832d9",
    "cpu criticGradients": "06bccd2620e5e9c27037",
    "cpu generatorGradients": "2af4ea7146e019168779",
    "gpu wholeStep": "be3369a4762a6fab20aa",
    "gpu criticGradients": "ddcaa03c93bd56e78d00",
    "gpu generatorGradients": "256ec6dfc98a10ed67ae",
  };
  const made = { wholeStep, stepGradients, criticGradients, generatorGradients };
  const hashes = Object.keys(expected).map((what) => {
    const [target, graph] = what.split(" ") as ["cpu" | "gpu", keyof typeof made];
    const bytes = emit(made[graph](shapeAt(16, false)), target);
    return [what, createHash("sha256").update(bytes).digest("hex").slice(0, 20)];
  });
  expect(Object.fromEntries(hashes)).toEqual(expected);
});
