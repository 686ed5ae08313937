import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { presets, resolutions, type TrainingConfig } from "./config.js";
import {
  advance,
  batchesIn,
  batchesOfEpoch,
  batchSizeAt,
  enterStage,
  epochKey,
  firstPlace,
  planDone,
  planStep,
  recounted,
  type Place,
} from "./schedule.js";

/** Every step of a plan, with the place before it. */
function* walk(
  config: TrainingConfig,
  images: number,
): Generator<{ place: Place; sizes: number[]; weights: number[] }> {
  let place = enterStage(firstPlace(config), config);
  while (!planDone(place, config)) {
    const batches = planStep(place, config, images);
    yield { place, sizes: batches.map((b) => b.size), weights: batches.map((b) => b.weight) };
    place = enterStage(advance(place, batches, config, images), config);
  }
}

const plans = fc.record({
  images: fc.integer({ min: 1, max: 40 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  accumulate: fc.integer({ min: 1, max: 4 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  stages: fc.integer({ min: 1, max: 3 }),
});

function configOf(plan: {
  batchSize: number;
  accumulate: number;
  epochs: number;
  stages: number;
}): TrainingConfig {
  return {
    ...presets.demo,
    end: resolutions[plan.stages - 1]!,
    accumulate: plan.accumulate,
    epochs: resolutions.map(() => plan.epochs),
    batchSizes: resolutions.map(() => plan.batchSize),
  };
}

describe("the plan", () => {
  it("shows every image once in every epoch of every resolution, in whole steps", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const seen = new Map<number, number>();
        for (const { place, sizes } of walk(configOf(plan), plan.images)) {
          const sum = sizes.reduce((a, b) => a + b);
          seen.set(epochKey(place), (seen.get(epochKey(place)) ?? 0) + sum);
        }
        expect([...seen.values()]).toEqual(new Array(plan.stages * plan.epochs).fill(plan.images));
      }),
    );
  });

  it("weighs the batches of a step by their images", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const { sizes, weights } of walk(configOf(plan), plan.images)) {
          expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
          sizes.forEach((size, i) => expect(weights[i]! / weights[0]!).toBeCloseTo(size / sizes[0]!, 12));
        }
      }),
    );
  });

  it("fades in from 1e-5 to 1 over half the images of a resolution", () => {
    const config = configOf({ batchSize: 4, accumulate: 1, epochs: 4, stages: 2 });
    const alphas = [...walk(config, 16)]
      .filter(({ place }) => place.resolution === 8)
      .map(({ place }) => place.alpha);
    expect(alphas[0]).toBe(1e-5);
    expect(alphas[4]).toBeCloseTo(0.5, 4);
    expect(alphas.slice(8).every((alpha) => alpha === 1)).toBe(true);
  });

  it("never gives the same number to two batches", () => {
    const config = configOf({ batchSize: 3, accumulate: 2, epochs: 2, stages: 2 });
    let next = 0;
    for (const { place, sizes } of walk(config, 10)) {
      expect(place.batches).toBe(next);
      next += sizes.length;
    }
  });

  it("divides batches for heat, and every step has the same images and fade-in", () => {
    const halved = { ...presets.rtx3070, batchDivisor: 2 };
    expect(resolutions.map((resolution) => batchSizeAt(halved, resolution))).toEqual(
      presets.conservative.batchSizes,
    );
    fc.assert(
      fc.property(plans, fc.constantFrom(2, 4, 16), (plan, batchDivisor) => {
        const config = configOf(plan);
        const whole = [...walk(config, plan.images)];
        const divided = [...walk({ ...config, batchDivisor }, plan.images)];
        const seen = ({ place, sizes }: (typeof whole)[number]) => {
          const { step, epoch, image, alpha } = place;
          return { step, epoch, image, alpha, images: sizes.reduce((a, b) => a + b) };
        };
        expect(divided.map(seen)).toEqual(whole.map(seen));
        for (const { sizes, weights } of divided) {
          expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.ceil(plan.batchSize / batchDivisor));
          expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        }
      }),
    );
  });

  it("knows how many batches any part of an epoch has", () => {
    fc.assert(
      fc.property(plans, fc.constantFrom(1, 2, 4), (plan, batchDivisor) => {
        const config = { ...configOf(plan), batchDivisor };
        for (const { place } of walk(config, plan.images))
          expect(batchesIn(config, place.resolution, place.image)).toBe(place.batch);
      }),
    );
  });

  it("goes on when a finished plan is given more epochs or resolutions", () => {
    const config = configOf({ batchSize: 4, accumulate: 1, epochs: 1, stages: 1 });
    let place = firstPlace(config);
    for (let i = 0; i < 4; i++) place = advance(place, planStep(place, config, 16), config, 16);
    expect(planDone(place, config)).toBe(true);
    const longer = { ...config, epochs: resolutions.map(() => 2) };
    expect(planDone(place, longer)).toBe(false);
    expect(enterStage(place, longer).resolution).toBe(4);
    const higher = { ...config, end: 8 as const };
    expect(enterStage(place, higher)).toMatchObject({ resolution: 8, epoch: 0, alpha: 1e-5 });
  });
});

describe("the batches of an epoch", () => {
  const onePlan = fc.tuple(plans, plans, fc.nat(200)).map(([one, other, steps]) => ({ one, other, steps }));

  it("are those of the plan when nothing was changed, and never fewer than are done when the batches were", () => {
    fc.assert(
      fc.property(onePlan, ({ one, other, steps }) => {
        const { images } = one;
        let [config, place] = [configOf(one), enterStage(firstPlace(configOf(one)), configOf(one))];
        for (let step = 0; !planDone(place, config); step++) {
          if (step === steps) {
            const { batchSize, accumulate } = other;
            config = configOf({ ...one, batchSize, accumulate });
            place = recounted(place, config);
          }
          const plan = planStep(place, config, images);
          const next = advance(place, plan, config, images);
          const all = batchesOfEpoch(place, plan, config, images);
          const done = place.batch + plan.length;
          expect(done).toBeLessThanOrEqual(all);
          expect(done === all).toBe(next.image === 0);
          if (step < steps) expect(all).toBe(batchesIn(config, place.resolution, images));
          place = enterStage(next, config);
        }
      }),
    );
  });
});
