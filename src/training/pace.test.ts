import { describe, expect, it } from "vitest";
import { presets, resolutions, type TrainingConfig } from "../progan/config.js";
import { firstPlace, type Place } from "../progan/schedule.js";
import { createPace } from "./pace.js";

const config: TrainingConfig = { ...presets.demo, start: 4, end: 8, epochs: resolutions.map(() => 2) };
const images = 100;
const place = (some: Partial<Place>): Place => ({ ...firstPlace(config), ...some });
/** One image takes a hundredth of a second. */
function steady() {
  const pace = createPace();
  for (let i = 0; i < 5; i++) pace.record(10, 0.1);
  return pace;
}

describe("the pace", () => {
  it("claims nothing before the first step", () => {
    expect(createPace().figures(place({}), config, images)).toEqual({
      imagesPerSecond: 0,
      epochSecondsLeft: 0,
      planSecondsLeft: 0,
    });
  });

  it("is images per second, and follows a change slowly", () => {
    const pace = steady();
    expect(pace.figures(place({}), config, images).imagesPerSecond).toBeCloseTo(100);
    pace.record(10, 0.2);
    const after = pace.figures(place({}), config, images).imagesPerSecond;
    expect(after).toBeLessThan(100);
    expect(after).toBeGreaterThan(90);
    for (let i = 0; i < 200; i++) pace.record(10, 0.2);
    expect(pace.figures(place({}), config, images).imagesPerSecond).toBeCloseTo(50, 1);
  });

  it("counts the rest of the epoch, which at its end is nothing", () => {
    const left = (image: number) => steady().figures(place({ image }), config, images).epochSecondsLeft;
    expect(left(30)).toBeCloseTo(0.7);
    expect(left(99)).toBeCloseTo(0.01);
    expect(left(0)).toBe(0);
  });

  it("counts the rest of the plan: fewer every image, more where images are larger, none at the end", () => {
    const left = (some: Partial<Place>) => steady().figures(place(some), config, images).planSecondsLeft;
    const start = left({});
    expect(left({ image: 50 })).toBeCloseTo(start - 0.5);
    expect(left({ epoch: 1, image: 50 })).toBeCloseTo(start - 1.5);
    // 200 images at 8x8, each four times the work of one at 4x4.
    expect(left({ epoch: 2 })).toBeCloseTo(8);
    expect(left({ resolution: 8, epoch: 1 })).toBeCloseTo(1);
    expect(left({ resolution: 8, epoch: 2 })).toBe(0);
    // More epochs done than the plan has now.
    expect(left({ resolution: 8, epoch: 3, image: 10 })).toBe(0);
  });
});
