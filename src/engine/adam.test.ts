/** Adam in memory against Adam in the graph: the same bits. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adam, adamInMemory, clockAt } from "./adam.js";
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
