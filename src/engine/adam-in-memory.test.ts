/** Adam in memory against Adam in the graph: the same bits. */
import fc from "fast-check";
import { readFileSync } from "node:fs";
import wabt from "wabt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adam, clockAt } from "./adam.js";
import { adamBlock, adamByLoop, adamInMemory, adamModule, createSimdAdam } from "./adam-in-memory.js";
import { createGraph, input } from "./graph.js";
import { createSession, fromEngine, toEngine, type Session } from "./session.js";

const hyperparameters = { betas: [0, 0.99], eps: 1e-8 } as const;
const length = 37;

let session: Session;
beforeAll(async () => {
  const graph = createGraph();
  const vector = (name: string) => input(graph, name, [length]);
  const clock = { rate: input(graph, "rate", []), correction: input(graph, "correction", []) };
  const moments = { first: vector("first"), second: vector("second") };
  const next = adam(vector("parameter"), vector("gradient"), moments, clock, hyperparameters);
  const outputs = new Map([
    ["parameter", next.parameter],
    ["second", next.second],
  ]);
  session = await createSession("Adam", outputs, { provider: "cpu", threads: 1 });
});
afterAll(() => session.release());

const values = (float: fc.Arbitrary<number>) =>
  fc.array(float, { minLength: length, maxLength: length }).map((list) => Float32Array.from(list));
const anyFloat = fc.float({ noNaN: true, min: Math.fround(-1e15), max: Math.fround(1e15) });
const moment = fc.float({ noNaN: true, min: 0, max: Math.fround(1e30) });

it("is the module whose text stands beside it", async () => {
  const text = readFileSync(new URL("adam.wat", import.meta.url), "utf8");
  const assembled = (await wabt()).parseWat("adam.wat", text, { simd: true }).toBinary({}).buffer;
  expect(Buffer.from(assembled).toString("base64")).toBe(adamModule);
});

it("gives the bits of the loop at every length around a block's", () => {
  const simd = createSimdAdam()!;
  const clock = clockAt(3, 1e-3, hyperparameters);
  for (const size of [0, 1, 3, 4, 5, adamBlock - 1, adamBlock + 1]) {
    const numbers = (from: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(from + i));
    const [parameter, gradient, second] = [numbers(1), numbers(2), numbers(3).map(Math.abs)];
    const made = [simd, adamByLoop].map((update) => {
      // A place of its own behind the numbers shows whether more is written than was asked for.
      const [room, moments] = [new Float32Array(size + 1).fill(7), new Float32Array(size + 1).fill(7)];
      const into = { parameter: room.subarray(0, size), second: moments.subarray(0, size) };
      update(parameter, gradient, second, clock, hyperparameters, into);
      return [room, moments];
    });
    expect(made[0]).toEqual(made[1]);
    expect(made[0]!.map((array) => array[size])).toEqual([7, 7]);
  }
});

it("gives the bits of the graph, in place and elsewhere", async () => {
  const cases = fc.asyncProperty(
    values(anyFloat),
    values(anyFloat),
    values(moment),
    fc.integer({ min: 1, max: 1_000_000 }),
    async (parameter, gradient, second, step) => {
      const clock = clockAt(step, 1e-3, hyperparameters);
      const vectors = Object.entries({ parameter, gradient, second, first: new Float32Array(length) });
      const scalars = Object.entries(clock);
      const results = await session.run(
        new Map([
          ...vectors.map(([name, data]) => [name, toEngine({ shape: [length], data })] as const),
          ...scalars.map(
            ([name, value]) => [name, toEngine({ shape: [], data: Float32Array.of(value) })] as const,
          ),
        ]),
      );
      const elsewhere = { parameter: new Float32Array(length), second: new Float32Array(length) };
      adamInMemory(parameter, gradient, second, clock, hyperparameters, elsewhere);
      adamInMemory(parameter, gradient, second, clock, hyperparameters, { parameter, second });
      for (const name of ["parameter", "second"] as const) {
        expect(elsewhere[name]).toEqual(fromEngine(results.get(name)!).data);
      }
      expect({ parameter, second }).toEqual(elsewhere);
    },
  );
  await fc.assert(cases, { numRuns: 200 });
});

it("computes without WebAssembly, too", () => {
  const { WebAssembly: there } = globalThis as { WebAssembly?: unknown };
  Reflect.deleteProperty(globalThis, "WebAssembly");
  try {
    expect(createSimdAdam()).toBeUndefined();
  } finally {
    Object.defineProperty(globalThis, "WebAssembly", { value: there, writable: true, configurable: true });
  }
});
