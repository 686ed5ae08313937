/** The trainer in mixed precision: what overflows is skipped, everything else is trained, and a state goes on exactly. */
import { afterEach, describe, expect, it } from "vitest";
import { hashOf } from "../../test/harness/state.js";
import { isShared, type NamedArray } from "../base/named-arrays.js";
import { normal } from "../base/random.js";
import type { Precision } from "../engine/precision.js";
import { createSession, fromEngine, toEngine } from "../engine/session.js";
import type { Architecture } from "../progan/config.js";
import { activeParameters, networks, stepsOf, type Network } from "../progan/parameters.js";
import { firstScales, growthInterval, type LossScales } from "./loss-scale.js";
import { generatorGradients, oneClock } from "./step-graph.js";
import { freshState, ownBuffers, type TrainState } from "./state.js";
import { createTrainer } from "./trainer.js";
import type { Noise, StepRequest, Trainer } from "./contract.js";

const architecture: Architecture = { latent: 6, channels: 8, imageChannels: 1 };
const [resolution, size, alpha] = [8, 4, 0.5] as const;
const engine = { provider: "cpu", threads: 1 } as const;
const noise: Noise = (index, count) => ({
  latent: normal(5, "latent", index, count * architecture.latent),
  beta: normal(6, "latent", index, count).map((value) => 1 / (1 + Math.exp(value))),
});

const made: Trainer[] = [];
afterEach(async () => {
  for (const trainer of made.splice(0)) await trainer.release();
});

/** A trainer over copies of a state's arrays. */
function trainerOver(
  { arrays, counters, scales }: TrainState,
  precision: Precision = "mixed",
  own: LossScales | undefined = scales,
): Trainer {
  const copies = new Map([...arrays].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const trainer = createTrainer(
    { architecture, seed: 5, engine, learningRate: 1e-3, precision },
    { arrays: copies, counters: new Map(counters), scales: own },
    noise,
  );
  made.push(trainer);
  return trainer;
}

const imagesAt = (index: number): Float32Array<ArrayBuffer> =>
  normal(9, "latent", index, size * resolution ** 2).map(Math.tanh);

const stepAt = (index: number, batches = 1, handOver = false): StepRequest => ({
  resolution,
  alpha,
  batches: Array.from({ length: batches }, (_, i) => ({
    index: index + i,
    start: 0,
    size,
    weight: 1 / batches,
    images: imagesAt(index + i),
  })),
  handOver,
});

const fresh = (): TrainState => freshState(architecture, 1);
const scaled = (scales: Partial<Record<Network, number>>): LossScales => ({
  generator: { ...firstScales.generator, scale: scales.generator ?? 64 },
  critic: { ...firstScales.critic, scale: scales.critic ?? 64 },
});
/** Beyond half for any gradient that is not 0. */
const huge = 2 ** 100;

const hashes = ({ arrays, counters }: TrainState, network: Network): Record<string, string | number> => ({
  ...Object.fromEntries(
    [...arrays].filter(([name]) => name.startsWith(network)).map(([name, array]) => [name, hashOf(array)]),
  ),
  ...Object.fromEntries([...counters].filter(([name]) => name.startsWith(network))),
});

/** A state that every parameter has a few steps behind it. */
async function trained(): Promise<TrainState> {
  const trainer = trainerOver(fresh(), "mixed", scaled({}));
  for (const index of [0, 1]) await trainer.step(stepAt(index));
  return trainer.copy();
}

describe.each([1, 2])("a trainer in mixed precision, with %i batches to a step", (batches) => {
  it("leaves a network whose gradients overflow as it was, and halves its scale; trains the other", async () => {
    const state = await trained();
    for (const network of networks) {
      const other = network === "critic" ? "generator" : "critic";
      const trainer = trainerOver(state, "mixed", scaled({ [network]: huge }));
      const { skipped, losses } = await trainer.step(stepAt(2, batches));
      expect(skipped).toEqual([{ network, scale: huge / 2, skipped: 1 }]);
      expect(Object.values(losses).every(Number.isFinite)).toBe(true);
      const after = await trainer.copy();
      expect(hashes(after, network)).toEqual(hashes(state, network));
      expect(after.scales).toEqual({
        [network]: { scale: huge / 2, steady: 0, skipped: 1 },
        [other]: { scale: 64, steady: 1, skipped: 0 },
      });
      for (const { name } of activeParameters(other, architecture, stepsOf(resolution))) {
        const full = `${other}/${name}`;
        expect(after.counters.get(full)).toBe(state.counters.get(full)! + 1);
        expect(hashOf(after.arrays.get(full)!), full).not.toBe(hashOf(state.arrays.get(full)!));
      }
    }
  });

  it("gives away only what it has let go of", async () => {
    const trainer = trainerOver(await trained(), "mixed", scaled({ critic: huge }));
    const { before } = await trainer.step(stepAt(2, batches, true));
    structuredClone(undefined, { transfer: ownBuffers(before) });
    expect([...before!.arrays.values()].filter(({ data }) => data.length > 0).every(isShared)).toBe(true);
    expect((await trainer.step(stepAt(4, batches))).skipped).toHaveLength(1);
  });

  it("halves until it fits, and then trains", async () => {
    const trainer = trainerOver(fresh(), "mixed", scaled({ critic: 2 ** 24, generator: 2 ** 24 }));
    const scales: number[] = [];
    for (let index = 0; index < 30; index++) {
      const { skipped } = await trainer.step(stepAt(index * batches, batches));
      if (skipped.length === 0) break;
      scales.push(...skipped.filter(({ network }) => network === "critic").map(({ scale }) => scale));
    }
    expect(scales.length).toBeGreaterThan(2);
    expect(scales).toEqual(scales.map((_, i) => 2 ** (23 - i)));
    const { scales: end, counters } = await trainer.copy();
    expect(end!.critic.scale).toBe(scales.at(-1));
    expect(counters.get("critic/final_block.0.bias")).toBeGreaterThan(0);
  });

  it("doubles the scale after its interval, and goes on with it", async () => {
    const almost = { scale: 64, steady: growthInterval - 1, skipped: 3 };
    const trainer = trainerOver(fresh(), "mixed", { generator: almost, critic: almost });
    await trainer.step(stepAt(0, batches));
    const grown = { scale: 128, steady: 0, skipped: 3 };
    expect((await trainer.copy()).scales).toEqual({ generator: grown, critic: grown });
    expect((await trainer.step(stepAt(batches, batches))).skipped).toEqual([]);
  });

  it("goes on from its state as the one that it came from, with the scales of that state", async () => {
    const first = trainerOver(fresh(), "mixed", scaled({ critic: huge }));
    await first.step(stepAt(0, batches));
    const state = await first.copy();
    const second = trainerOver(state);
    const { before } = await first.step(stepAt(2, batches, true));
    await second.step(stepAt(2, batches));
    expect(before!.scales).toEqual(state.scales);
    const [a, b] = [await first.copy(), await second.copy()];
    expect(b.scales).toEqual(a.scales);
    for (const network of networks) expect(hashes(b, network)).toEqual(hashes(a, network));
  });

  it("gives up when the scale would fall below 1, with the state before that step whole", async () => {
    const state = await trained();
    const bursting = new Map(state.arrays);
    const name = "critic/final_block.4.conv.weight";
    const { shape } = state.arrays.get(name)!;
    bursting.set(name, { shape, data: state.arrays.get(name)!.data.map(() => 1e30) });
    const trainer = trainerOver({ ...state, arrays: bursting }, "mixed", scaled({ critic: 2, generator: 2 }));
    const { skipped } = await trainer.step(stepAt(2, batches));
    expect(skipped.map(({ scale }) => scale)).toEqual([1, 1]);
    const before = await trainer.copy();
    await expect(trainer.step(stepAt(4, batches))).rejects.toMatchObject({ code: "HALF_OVERFLOW" });
    const after = await trainer.copy();
    expect(after.scales).toEqual(before.scales);
    for (const network of networks) expect(hashes(after, network)).toEqual(hashes(before, network));
  });
});

describe("a trainer in mixed precision", () => {
  it("sends the generator's loss through the old critic when the critic's update is skipped", async () => {
    const state = await trained();
    const gradientThrough = async (critic: TrainState): Promise<Map<string, NamedArray>> => {
      const clocks = oneClock(architecture, resolution);
      const graph = { architecture, resolution, batchSize: size, fading: true, clocks, scaled: true };
      const session = await createSession("a test", generatorGradients(graph), engine, new Set(), "mixed");
      const arrays = new Map([
        ...state.arrays,
        ...[...critic.arrays].filter(([name]) => name.startsWith("critic/")),
        ["latent", { shape: [size, architecture.latent], data: noise(2, size).latent }] as const,
        ...Object.entries({ alpha, weight: 1 / 64, scale: 64 }).map(
          ([name, value]) => [name, { shape: [], data: Float32Array.of(value) }] as const,
        ),
      ]);
      const zero = (name: string): NamedArray => {
        const { shape, data } = state.arrays.get(name.replace("/gradient", ""))!;
        return { shape, data: new Float32Array(data.length) };
      };
      const results = await session.run(
        new Map(session.inputs.map((name) => [name, toEngine(arrays.get(name) ?? zero(name))])),
      );
      await session.release();
      return new Map([...results].map(([name, tensor]) => [name, fromEngine(tensor)]));
    };
    for (const critic of [64, huge]) {
      const trainer = trainerOver(state, "mixed", scaled({ critic }));
      await trainer.step(stepAt(2));
      const after = await trainer.copy();
      const [old, updated] = [await gradientThrough(state), await gradientThrough(after)];
      // Adam's first moment is the gradient.
      for (const { name } of activeParameters("generator", architecture, stepsOf(resolution))) {
        const full = `generator/${name}`;
        expect(hashOf(after.arrays.get(`${full}/exp_avg`)!), full).toBe(
          hashOf(updated.get(`${full}/gradient`)!),
        );
      }
      const bias = "generator/initial.3.bias/gradient";
      expect(hashOf(old.get(bias)!) === hashOf(updated.get(bias)!)).toBe(critic === huge);
    }
  });

  it("trains as float32 does: ten steps stay as near as from weights that were rounded to half once", async () => {
    const state = fresh();
    // Veltkamp's splitting: the upper 11 of 24 bits.
    const upper = (value: number): number => {
      const product = Math.fround(value * (2 ** 13 + 1));
      return Math.fround(product - Math.fround(product - value));
    };
    const rounded = new Map(
      [...state.arrays].map(([name, { shape, data }]) => [name, { shape, data: data.map(upper) }]),
    );
    const exact = trainerOver(state, "float32");
    const others = [
      trainerOver({ ...state, arrays: rounded }, "float32"),
      trainerOver(state, "mixed", scaled({})),
    ];
    const furthest = [0, 0];
    for (let index = 0; index < 10; index++) {
      const { losses } = await exact.step(stepAt(index));
      for (const [i, trainer] of others.entries()) {
        const own = await trainer.step(stepAt(index));
        expect(own.skipped).toEqual([]);
        for (const [name, value] of Object.entries(losses) as [keyof typeof losses, number][]) {
          const off = Math.abs(own.losses[name] - value) / (1 + Math.abs(value));
          furthest[i] = Math.max(furthest[i]!, off);
        }
      }
    }
    const [once, always] = furthest as [number, number];
    // Values are rounded in each of the layers, not once.
    const layers = 10;
    expect(always).toBeLessThan(layers * once);
    expect(always).toBeGreaterThan(0);
  });

  it("is not looked at in float32: no scale in the state, none in the gradients", async () => {
    const whole = trainerOver(fresh(), "float32", scaled({ critic: huge }));
    expect((await whole.step(stepAt(0))).skipped).toEqual([]);
    expect((await whole.copy()).scales).toBeUndefined();
  });
});
