import { expect, it } from "vitest";
import { costOf } from "./cost.js";
import { createGraph, input } from "./graph.js";
import { gradients } from "./gradients.js";
import {
  add,
  conv,
  convInputGradient,
  convWeightGradient,
  matmul,
  meanAll,
  mul,
  reshape,
  square,
} from "./ops.js";

it("counts a multiplication and its addition for each weight and pixel, in all three convolutions", () => {
  const graph = createGraph();
  const x = input(graph, "x", [2, 3, 8, 8]);
  const w = input(graph, "w", [5, 3, 3, 3]);
  const y = conv(x, w, undefined, 1);
  const expected = 2 * (2 * 8 * 8) * (5 * 3 * 3 * 3);
  expect(costOf([y]).flops).toBe(expected);
  const dy = input(graph, "dy", [2, 5, 8, 8]);
  expect(costOf([convInputGradient(dy, w, 1)]).flops).toBe(expected);
  expect(costOf([convWeightGradient(x, dy, 1)]).flops).toBe(expected);
});

it("counts matrix products by their inner length", () => {
  const graph = createGraph();
  const [a, b] = [input(graph, "a", [4, 7]), input(graph, "b", [7, 3])];
  expect(costOf([matmul(a, b, false, false)]).flops).toBe(2 * 4 * 7 * 3);
  const turned = input(graph, "turned", [7, 4]);
  expect(costOf([matmul(turned, b, true, false)]).flops).toBe(2 * 4 * 7 * 3);
});

it("keeps in memory the inputs and what is still needed, and views take nothing", () => {
  const graph = createGraph();
  const x = input(graph, "x", [10]);
  const chain = square(square(square(x)));
  expect(costOf([chain])).toEqual({
    flops: 30,
    halfFlops: 0,
    traffic: 3 * 3 * 40,
    inputs: 40,
    memory: 40 + 2 * 40,
  });
  expect(costOf([reshape(chain, [2, 5])])).toEqual(costOf([chain]));
  const first = mul(x, x);
  expect(costOf([add(square(square(first)), first)]).memory).toBe(40 + 3 * 40);
});

it("takes half the bytes for half values, and room for copies in the other type", () => {
  const graph = createGraph();
  const [a, b] = [input(graph, "a", [4, 4]), input(graph, "b", [4, 4])];
  const [fed, half, whole] = [2 * 64, 32, 64];
  const product = matmul(a, b);
  // a and b in half, their product, and its copy in float32.
  expect(costOf([product], "mixed")).toEqual({
    flops: 128,
    halfFlops: 128,
    traffic: 2 * (whole + half) + 3 * half + (half + whole),
    inputs: fed,
    memory: fed + Math.max(3 * half, half + whole),
  });
  // The square is float32: the copy is made for it, once.
  const twice = mul(square(product), product);
  expect(costOf([twice], "mixed")).toMatchObject({ flops: 160, halfFlops: 128 });
  expect(costOf([twice])).toMatchObject({ flops: 160, halfFlops: 0 });
});

it("finds a training step several times its forward pass", () => {
  const graph = createGraph();
  const x = input(graph, "x", [2, 3, 8, 8]);
  const w = input(graph, "w", [5, 3, 3, 3]);
  const loss = meanAll(square(conv(x, w, undefined, 1)));
  const [slope] = gradients(loss, [w]);
  const forward = costOf([loss]).flops;
  expect(costOf([loss, slope!]).flops).toBeGreaterThan(1.8 * forward);
});
