/**
 * Smaller batches, more of them: the step is that of the undivided batch. Adam's first moment after the first step is the
 * gradient itself (beta 1 is 0), so gradients are compared there. What does differ is the minibatch statistic, which is taken over
 * a batch: it is switched off here by the weights that read it, and its own weights are left out.
 */
import { afterEach, describe, expect, it } from "vitest";
import type { NamedArray } from "../base/named-arrays.js";
import { normal, uniform } from "../base/random.js";
import { presets, type Architecture, type Resolution } from "../progan/config.js";
import { firstPlace, planStep } from "../progan/schedule.js";
import { freshState, type TrainState } from "./state.js";
import { createTrainer } from "./trainer.js";
import type { Noise, Trainer } from "./contract.js";

const architecture: Architecture = { latent: 6, channels: 8, imageChannels: 1 };
const resolution: Resolution = 8;
const readsStatistic = "critic/final_block.0.conv.weight";

const made: Trainer[] = [];
afterEach(async () => {
  for (const trainer of made.splice(0)) await trainer.release();
});

/** Sets the weights that read the statistic, the last input channel, to 0. */
function withoutStatistic({ shape, data }: NamedArray): NamedArray {
  const [outputs, inputs, height, width] = shape;
  const copy = data.slice();
  for (let out = 0; out < outputs!; out++) {
    const end = (out + 1) * inputs! * height! * width!;
    copy.fill(0, end - height! * width!, end);
  }
  return { shape, data: copy };
}

function start(): TrainState {
  const { arrays, counters } = freshState(architecture, 3);
  return { arrays: arrays.set(readsStatistic, withoutStatistic(arrays.get(readsStatistic)!)), counters };
}

/** The gradients of one step over the first images of an epoch, with the same images and noise however they are divided. */
async function gradientsOf(
  config: { batchSize: number; accumulate: number; batchDivisor: number },
  images: number,
): Promise<ReadonlyMap<string, Float32Array>> {
  const plan = planStep(
    firstPlace({ start: resolution }),
    {
      ...presets.demo,
      ...config,
      batchSizes: presets.demo.batchSizes.map(() => config.batchSize),
    },
    images,
  );
  const pixels = resolution ** 2;
  const all = normal(1, "latent", 0, images * pixels);
  const latents = normal(2, "latent", 0, images * architecture.latent);
  const betas = uniform(2, "beta", 0, images);
  const noise: Noise = (index, size) => {
    const { start: from } = plan.find((batch) => batch.index === index)!;
    const { latent } = architecture;
    return {
      latent: latents.slice(from * latent, (from + size) * latent),
      beta: betas.slice(from, from + size),
    };
  };
  const engine = { provider: "cpu", threads: 1 } as const;
  // So that the generator learns through the same critic, whose reading of the statistic stays switched off.
  const options = { architecture, seed: 5, engine, learningRate: 0 } as const;
  const trainer = createTrainer(options, start(), noise);
  made.push(trainer);
  await trainer.step({
    resolution,
    alpha: 0.5,
    batches: plan.map((batch) => ({
      ...batch,
      images: all.slice(batch.start * pixels, (batch.start + batch.size) * pixels),
    })),
    handOver: false,
  });
  const { arrays } = await trainer.copy();
  return new Map(
    [...arrays]
      .filter(([name]) => name.endsWith("/exp_avg"))
      .map(([name, array]) => [
        name,
        name === `${readsStatistic}/exp_avg` ? withoutStatistic(array).data : array.data,
      ]),
  );
}

/** Largest difference, as a share of the largest gradient of the parameter. */
function difference(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  let worst = 0;
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  for (const [name, values] of a) {
    const others = b.get(name)!;
    // That of the last bias is what is left of 1 - 1: it cannot be more exact than a rounded 1.
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - others[i]!) / scale);
    });
  }
  return worst;
}

const rounding = 2e-5;

describe("divided batches", () => {
  it.each([
    ["a batch of 8, halved", { batchSize: 8, accumulate: 1 }, 2, 8],
    ["a batch of 8, quartered", { batchSize: 8, accumulate: 1 }, 4, 8],
    ["two batches of 3, which do not divide evenly", { batchSize: 3, accumulate: 2 }, 2, 6],
    ["the rest of an epoch", { batchSize: 4, accumulate: 2 }, 2, 5],
  ] as const)("have the gradients of %s, to rounding", async (_, config, batchDivisor, images) => {
    const whole = await gradientsOf({ ...config, batchDivisor: 1 }, images);
    const divided = await gradientsOf({ ...config, batchDivisor }, images);
    expect([...whole.values()].some((values) => values.some((value) => value !== 0))).toBe(true);
    expect(difference(whole, divided)).toBeLessThan(rounding);
  });

  it("are told apart by this test when a weight is wrong", async () => {
    const whole = await gradientsOf({ batchSize: 8, accumulate: 1, batchDivisor: 1 }, 8);
    const other = await gradientsOf({ batchSize: 7, accumulate: 1, batchDivisor: 1 }, 8);
    expect(difference(whole, other)).toBeGreaterThan(100 * rounding);
  });
});
