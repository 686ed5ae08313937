import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGraph, input, type Node } from "../../src/engine/graph.js";
import { gradients } from "../../src/engine/gradients.js";
import { conv, convInputGradient, convWeightGradient, meanAll, square } from "../../src/engine/ops.js";
import { emit } from "../../src/engine/onnx/emit.js";
import { createSession, fromEngine, toEngine, type EngineOptions } from "../../src/engine/session.js";
import { normal } from "../../src/base/random.js";
import { sizeOf, type NamedArray } from "../../src/base/named-arrays.js";
import { cases } from "./cases.js";
import { evaluate } from "./reference.js";

const cpu: EngineOptions = { provider: "cpu", threads: 1 };

async function compute(
  outputs: readonly Node[],
  feeds: ReadonlyMap<string, Float64Array>,
): Promise<NamedArray[]> {
  const session = await createSession("a test", new Map(outputs.map((node, i) => [`y${i}`, node])), cpu);
  const inputs = outputs[0]!.graph.nodes.filter((node): node is Node<"input"> => node.op === "input");
  const tensors = inputs.map((node): [string, ReturnType<typeof toEngine>] => {
    const data = Float32Array.from(feeds.get(node.attributes.name)!);
    return [node.attributes.name, toEngine({ shape: node.shape, data })];
  });
  const results = await session.run(new Map(tensors));
  await session.release();
  return outputs.map((_, i) => fromEngine(results.get(`y${i}`)!));
}

function expectClose(
  actual: NamedArray,
  expected: { data: Float64Array; shape: readonly number[] },
  tolerance = 1e-5,
): void {
  expect(actual.shape).toEqual(expected.shape);
  const largest = expected.data.reduce((max, v) => Math.max(max, Math.abs(v)), 1);
  expected.data.forEach((v, i) => expect(Math.abs(actual.data[i]! - v)).toBeLessThan(tolerance * largest));
}

describe("lowering to ONNX", () => {
  it.each(cases)("%s computes what its definition says", async (_op, examples) => {
    await fc.assert(
      fc.asyncProperty(examples, async ({ output, feeds }) => {
        const [actual] = await compute([output], feeds);
        expectClose(actual!, evaluate([output], feeds)[0]!);
      }),
      { numRuns: 10 },
    );
  });

  // Shapes on both sides of each choice of lowering.
  it.each([
    { n: 3, c: 5, o: 4, side: 6, k: 3 },
    { n: 1, c: 3, o: 2, side: 4, k: 3 },
    { n: 2, c: 256, o: 256, side: 4, k: 3 },
    { n: 2, c: 257, o: 256, side: 4, k: 3 },
    { n: 2, c: 3, o: 8, side: 8, k: 1 },
    // Winograd's forms: F(2x2) as one matrix and in tiles, F(4x4), sides where neither fits, one channel.
    { n: 2, c: 3, o: 5, side: 8, k: 3 },
    { n: 2, c: 3, o: 4, side: 14, k: 3 },
    { n: 2, c: 3, o: 4, side: 16, k: 3 },
    { n: 1, c: 1, o: 1, side: 20, k: 3 },
    { n: 3, c: 2, o: 3, side: 7, k: 3 },
    { n: 1, c: 9, o: 2, side: 15, k: 3 },
  ])("the three forms of a $k x $k convolution, $c to $o channels at $side", async ({ n, c, o, side, k }) => {
    const graph = createGraph();
    const padding = (k - 1) / 2;
    const x = input(graph, "x", [n, c, side, side]);
    const weight = input(graph, "weight", [o, c, k, k]);
    const dy = input(graph, "dy", [n, o, side, side]);
    const outputs = [
      conv(x, weight, undefined, padding),
      convInputGradient(dy, weight, padding),
      convWeightGradient(x, dy, padding),
    ];
    const feeds = new Map(
      [x, weight, dy].map((node, i): [string, Float64Array] => [
        (node as Node<"input">).attributes.name,
        Float64Array.from(normal(i, "weights", 0, sizeOf(node.shape))),
      ]),
    );
    const actual = await compute(outputs, feeds);
    // The whole definition is slow for the wide ones: there the three forms are compared by their common trilinear form.
    const inner = (a: NamedArray, b: Float64Array): number =>
      a.data.reduce((sum, v, i) => sum + v * b[i]!, 0);
    const forms = [
      inner(actual[0]!, feeds.get("dy")!),
      inner(actual[1]!, feeds.get("x")!),
      inner(actual[2]!, feeds.get("weight")!),
    ];
    const size = Math.sqrt(c * o * n) * side * k * 10;
    expect(Math.abs(forms[0]! - forms[1]!) / size).toBeLessThan(1e-4);
    expect(Math.abs(forms[0]! - forms[2]!) / size).toBeLessThan(1e-4);
    if (c < 10) evaluate(outputs, feeds).forEach((value, i) => expectClose(actual[i]!, value));
  });

  it("gives the same bytes for the same graph", () => {
    const bytes = (): Uint8Array => {
      const graph = createGraph();
      const x = input(graph, "x", [2, 3, 4, 4]);
      const weight = input(graph, "weight", [5, 3, 3, 3]);
      const loss = meanAll(square(conv(x, weight, undefined, 1)));
      return emit(
        new Map([
          ["loss", loss],
          ["slope", gradients(loss, [weight])[0]!],
        ]),
        "cpu",
      );
    };
    expect(bytes()).toEqual(bytes());
  });

  it("emits nothing that no output needs", () => {
    const graph = createGraph();
    const x = input(graph, "x", [2]);
    const lone = emit(new Map([["y", square(x)]]), "cpu");
    square(square(input(graph, "unused", [3])));
    expect(emit(new Map([["y", square(x)]]), "cpu")).toEqual(lone);
  });
});
