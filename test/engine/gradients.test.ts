import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../src/base/named-arrays.js";
import { createGraph, input, type Node } from "../../src/engine/graph.js";
import { gradients, rules } from "../../src/engine/gradients.js";
import { add, meanAll, mul, sqrt, sum, reshape, square, scale, sub, mean } from "../../src/engine/ops.js";
import { specification } from "../../src/engine/spec.js";
import { cases, type Case } from "./cases.js";
import { evaluate } from "./reference.js";

/** <x, weights> with fixed, uneven weights: a scalar whose gradient shows every element. */
function pick(x: Node): Node {
  const weights = input(x.graph, `weights ${x.shape.join()}`, x.shape);
  const product = mul(x, weights);
  return reshape(
    sum(
      product,
      product.shape.map((_, axis) => axis),
    ),
    [],
  );
}

function withWeights(
  feeds: ReadonlyMap<string, Float64Array>,
  graph: Node["graph"],
): Map<string, Float64Array> {
  const all = new Map(feeds);
  for (const node of graph.nodes) {
    if (node.op !== "input") continue;
    const { name } = (node as Node<"input">).attributes;
    if (name.startsWith("weights")) {
      all.set(
        name,
        Float64Array.from({ length: sizeOf(node.shape) }, (_, i) => Math.sin(1 + i * 1.7) + 0.3),
      );
    }
  }
  return all;
}

/** Compares the gradients of a scalar with central differences, element by element. */
function expectSlopes(scalar: Node, inputs: readonly Node[], feeds: ReadonlyMap<string, Float64Array>): void {
  const all = withWeights(feeds, scalar.graph);
  const slopes = gradients(scalar, inputs);
  const wanted = slopes.map((node, i) => node ?? scale(inputs[i]!, 0));
  const values = evaluate(wanted, all);
  const h = 1e-5;
  inputs.forEach((node, i) => {
    const name = (node as Node<"input">).attributes.name;
    expect(values[i]!.shape).toEqual(node.shape);
    const original = all.get(name)!;
    for (let element = 0; element < original.length; element++) {
      const moved = (by: number): number => {
        const data = Float64Array.from(original);
        data[element]! += by;
        return evaluate([scalar], new Map(all).set(name, data))[0]!.data[0]!;
      };
      const difference = (moved(h) - moved(-h)) / (2 * h);
      expect(Math.abs(values[i]!.data[element]! - difference)).toBeLessThan(
        1e-6 * (1 + Math.abs(difference)),
      );
    }
  });
}

/** An operation whose derivative is by definition not that of its value. */
const blocked = new Set(["stopGradient"]);

describe("the gradient table", () => {
  it("has one rule for each operation of the specification", () => {
    expect(Object.keys(rules).sort()).toEqual(Object.keys(specification).sort());
    expect(
      cases
        .map(([op]) => op)
        .concat("input", "constant")
        .sort(),
    ).toEqual(Object.keys(specification).sort());
  });

  it.each(cases.filter(([op]) => !blocked.has(op)))(
    "%s: first order agrees with finite differences",
    (_op, examples) => {
      fc.assert(
        fc.property(examples, ({ inputs, output, feeds }: Case) => expectSlopes(pick(output), inputs, feeds)),
        { numRuns: 15 },
      );
    },
  );

  it.each(cases.filter(([op]) => !blocked.has(op)))(
    "%s: second order agrees with finite differences",
    (_op, examples) => {
      fc.assert(
        fc.property(examples, ({ inputs, output, feeds }: Case) => {
          const first = gradients(pick(square(output)), inputs).filter((node) => node !== undefined);
          const [one, ...others] = first.map(pick);
          if (one) expectSlopes(others.reduce(add, one), inputs, feeds);
        }),
        { numRuns: 8 },
      );
    },
  );

  it("lets nothing through stopGradient", () => {
    for (const [op, examples] of cases.filter(([name]) => blocked.has(name))) {
      fc.assert(
        fc.property(examples, ({ inputs, output, feeds }) => {
          // d(x * stop(x)) = x, not 2x.
          const [slope] = gradients(pick(output), inputs);
          const weights = withWeights(feeds, output.graph);
          const [value] = evaluate([slope!], weights);
          const expected = evaluate(
            [mul(inputs[0]!, input(output.graph, `weights ${output.shape.join()}`, output.shape))],
            weights,
          );
          expect(value!.data, op).toEqual(expected[0]!.data);
        }),
      );
    }
  });

  it("gives slope 0 for the root of 0, not NaN, at both orders", () => {
    const graph = createGraph();
    const x = input(graph, "x", [3, 2]);
    const deviation = meanAll(sqrt(mean(square(sub(x, mean(x, [0]))), [0])));
    const [first] = gradients(deviation, [x]);
    const [second] = gradients(pick(square(first!)), [x]);
    const feeds = withWeights(new Map([["x", Float64Array.of(1, 2, 1, 2, 1, 2)]]), graph);
    for (const value of evaluate([first!, second!], feeds))
      expect([...value.data].every((v) => v === 0)).toBe(true);
  });
});

describe("the graph", () => {
  it("makes equal expressions the same node", () => {
    const graph = createGraph();
    const x = input(graph, "x", [2]);
    expect(add(x, mul(x, x))).toBe(add(x, mul(x, x)));
  });

  it("refuses shapes that do not fit", () => {
    const graph = createGraph();
    expect(() => add(input(graph, "a", [2, 3]), input(graph, "b", [3, 2]))).toThrow(/broadcast/);
  });
});
