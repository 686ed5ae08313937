import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Architecture } from "../progan/config.js";
import { networks, parametersOf } from "../progan/parameters.js";
import { freshState, freshStateInPieces, parameterCounts, type TrainState } from "../trainer/state.js";
import { architectureOf, fromNetworks, toNetworks } from "./train-state.js";

const small: Architecture = { latent: 4, channels: 8, imageChannels: 1 };
const sizes: fc.Arbitrary<Architecture> = fc.record({
  latent: fc.integer({ min: 1, max: 9 }),
  channels: fc.integer({ min: 1, max: 40 }),
  imageChannels: fc.constantFrom(1, 3),
});

/** A state in which the parameters chosen have been updated, each its own number of times. */
function trained(architecture: Architecture, chosen: (index: number) => number): TrainState {
  const { arrays } = freshState(architecture, 1);
  const counters = new Map<string, number>();
  for (const network of networks) {
    for (const [index, { name, shape }] of parametersOf(network, architecture).entries()) {
      const steps = chosen(index);
      if (steps === 0) continue;
      counters.set(`${network}/${name}`, steps);
      for (const moment of ["exp_avg", "exp_avg_sq"]) {
        const data = arrays.get(`${network}/${name}`)!.data.map((value) => value * steps);
        arrays.set(`${network}/${name}/${moment}`, { shape, data });
      }
    }
  }
  return { arrays, counters };
}

describe("the state of a training", () => {
  it("comes back from a checkpoint's networks as it was, the same arrays", () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(3), { minLength: 1 }), (architecture, steps) => {
        const state = trained(architecture, (index) => steps[index % steps.length]!);
        const back = fromNetworks(toNetworks(state, architecture, 1e-3), architecture, "id");
        expect(back.counters).toEqual(state.counters);
        expect(new Set(back.arrays.keys())).toEqual(new Set(state.arrays.keys()));
        for (const [name, array] of back.arrays) expect(array).toBe(state.arrays.get(name));
      }),
      { numRuns: 20 },
    );
  });

  it("is, as networks, what PyTorch expects: one storage under two names, Adam's memory only where there is one", () => {
    const state = trained(small, (index) => (index % 2 === 0 ? index + 1 : 0));
    const { stateDict, parameters, adam } = toNetworks(state, small, 0.002).get("generator")!;
    expect(stateDict.get("initial_rgb.conv.weight")).toBe(stateDict.get("rgb_layers.0.conv.weight"));
    expect(parameters).not.toContain("rgb_layers.0.conv.weight");
    expect(adam!.options).toEqual({ lr: 0.002, betas: [0, 0.99], eps: 1e-8 });
    expect([...adam!.entries.keys()]).toEqual(parameters.filter((_, index) => index % 2 === 0));
    expect(adam!.entries.get(parameters[4]!)!.step).toBe(5);
  });

  it("begins alike, whether made at once or in pieces", async () => {
    expect(await freshStateInPieces(small, 1)).toEqual(freshState(small, 1));
  });

  it("leaves moments of parameters that were never updated out", () => {
    const state = freshState(small, 1);
    const zeros = { shape: [8], data: new Float32Array(8) };
    state.arrays.set("generator/initial.1.bias/exp_avg", zeros);
    state.arrays.set("generator/initial.1.bias/exp_avg_sq", zeros);
    expect(toNetworks(state, small, 1e-3).get("generator")!.adam!.entries.size).toBe(0);
  });

  it("can be one network alone", () => {
    const both = toNetworks(freshState(small, 1), small, 1e-3);
    const alone = new Map([["generator", both.get("generator")!]]);
    expect(
      [...fromNetworks(alone, small, "id", ["generator"]).arrays.keys()].every((name) =>
        name.startsWith("generator/"),
      ),
    ).toBe(true);
    expect(() => fromNetworks(alone, small, "id")).toThrow(/critic: -/);
  });

  it("tells its sizes from its shapes alone", () => {
    fc.assert(
      fc.property(sizes, (architecture) => {
        const generator = toNetworks(freshState(architecture, 1), architecture, 1e-3).get("generator")!;
        expect(architectureOf(generator)).toEqual(architecture);
      }),
      { numRuns: 20 },
    );
    expect(architectureOf({ stateDict: new Map(), parameters: [], adam: undefined })).toBeUndefined();
  });

  it.each([
    [{ channels: 16 }, ["channels: 8 ≠ 16"]],
    [{ latent: 5, imageChannels: 3 }, ["latent: 4 ≠ 5", "imageChannels: 1 ≠ 3"]],
  ])("of another architecture is refused: %j", (other, differences) => {
    const checkpoint = toNetworks(freshState(small, 1), small, 1e-3);
    expect(() => fromNetworks(checkpoint, { ...small, ...other }, "one")).toThrow(
      expect.objectContaining({
        code: "CHECKPOINT_ARCHITECTURE",
        data: { id: "one", differences, options: true },
      }) as Error,
    );
  });

  it("with a tensor missing or of another shape is refused by the tensor's name", () => {
    const checkpoint = toNetworks(freshState(small, 1), small, 1e-3);
    const critic = checkpoint.get("critic")!;
    const stateDict = new Map(critic.stateDict);
    stateDict.delete("final_block.4.bias");
    stateDict.set("final_block.2.bias", { shape: [3], data: new Float32Array(3) });
    checkpoint.set("critic", { ...critic, stateDict });
    expect(() => fromNetworks(checkpoint, small, "one")).toThrow(
      expect.objectContaining({
        data: {
          id: "one",
          differences: ["critic final_block.2.bias: (3) ≠ (8)", "critic final_block.4.bias: - ≠ (1)"],
          options: false,
        },
      }) as Error,
    );
  });

  it("begins with as many numbers as the networks have parameters", () => {
    const { arrays, counters } = freshState(small, 1);
    expect(counters.size).toBe(0);
    const counts = parameterCounts(small);
    for (const network of networks) {
      const own = [...arrays].filter(([name]) => name.startsWith(`${network}/`));
      expect(own.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(counts[network]);
    }
  });
});
