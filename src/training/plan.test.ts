import { expect, it } from "vitest";
import { presets } from "../progan/config.js";
import { freshState, parameterCounts } from "../trainer/state.js";
import { costOf } from "../engine/cost.js";
import { planTraining } from "./plan.js";
import { generation, oneClock, wholeStep } from "../trainer/step-graph.js";

const small = { ...presets.demo, channels: 16, latent: 16, end: 16 } as const;

it("counts the parameters and the checkpoint of the networks that training makes", () => {
  const plan = planTraining(small, 100);
  expect(plan.parameters).toEqual(parameterCounts(small));
  const weights = [...freshState(small, 1).arrays.values()].reduce(
    (sum, { data }) => sum + data.byteLength,
    0,
  );
  const last = plan.stages.at(-1)!;
  expect(last.checkpoint).toBeGreaterThan(weights);
  expect(last.checkpoint).toBeLessThan(3 * weights);
  expect(planTraining({ ...small, end: 1024 }, 100).stages.at(-1)!.checkpoint).toBe(3 * weights);
  expect(plan.disk).toBeGreaterThan(5 * last.checkpoint);
});

it("asks for as much work for the same images, however they are divided, and less memory", () => {
  const one = planTraining({ ...small, accumulate: 1 }, 160).stages.at(-1)!;
  const four = planTraining({ ...small, batchDivisor: 4 }, 160).stages.at(-1)!;
  expect(four.accumulate).toBe(4);
  expect(four.batches).toBe(4 * one.batches);
  expect(four.memory).toBeLessThan(one.memory);
  // The generator draws the fakes once for the critic and once for itself.
  expect(four.epochFlops / one.epochFlops).toBeGreaterThan(1);
  expect(four.epochFlops / one.epochFlops).toBeLessThan(1.2);
});

it("grows about fourfold with each doubling of the resolution, and plans what is asked for", () => {
  const plan = planTraining({ ...small, start: 8, end: 32, batchSizes: Array<number>(9).fill(16) }, 160);
  expect(plan.stages.map(({ resolution }) => resolution)).toEqual([8, 16, 32]);
  const [, middle, last] = plan.stages.map(({ epochFlops }) => epochFlops);
  expect(last! / middle!).toBeGreaterThan(3);
  expect(last! / middle!).toBeLessThan(5);
  expect(plan.flops).toBe(plan.stages.reduce((sum, { epochs, epochFlops }) => sum + epochs * epochFlops, 0));
});

it("asks for less memory in mixed precision, and for the same checkpoints", () => {
  const large = { ...presets.rtx3070, end: 256 } as const;
  const [whole, mixed] = (["float32", "mixed"] as const).map((precision) =>
    planTraining({ ...large, precision }, 160),
  );
  // Two bytes of four for most values, and some copies in the other type.
  expect(mixed!.memory / whole!.memory).toBeGreaterThan(0.5);
  expect(mixed!.memory / whole!.memory).toBeLessThan(0.7);
  expect(mixed!.disk).toBe(whole!.disk);
});

it("counts the preview beside the step, and what engines take beyond both", () => {
  const config = { ...small, start: 16, channels: 128, batchSizes: Array<number>(9).fill(1) } as const;
  const shape = { architecture: config, resolution: 16, batchSize: 1, fading: true } as const;
  const drawing = costOf([...generation(shape).values()]);
  const step = costOf([...wholeStep({ ...shape, clocks: oneClock(config, 16), scaled: false }).values()]);
  const plan = planTraining({ ...config, accumulate: 1 }, 10);
  expect(plan.memory).toBe(step.memory + drawing.memory - drawing.inputs);
  expect(plan.memoryAtMost).toBeGreaterThan(2 * plan.memory);
});
