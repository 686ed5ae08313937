import { describe, expect, it } from "vitest";
import { createSaveCost } from "./save-cost.js";

describe("what a save costs", () => {
  it("is not known before the first has ended", () => {
    const cost = createSaveCost();
    cost.stepped(1, false);
    cost.waited(0.5);
    cost.stepped(1, true);
    expect(cost.seconds).toBeUndefined();
  });

  it("is the time waited and the time by which steps are slower beside it, smoothed over the saves", () => {
    const cost = createSaveCost();
    for (let i = 0; i < 5; i++) cost.stepped(2, false);
    cost.waited(0.25);
    cost.stepped(3, true);
    cost.stepped(2.5, true);
    cost.stepped(2, false);
    expect(cost.seconds).toBeCloseTo(1.75);
    cost.waited(0.25);
    cost.stepped(2, true);
    cost.stepped(2, false);
    expect(cost.seconds).toBeCloseTo(1);
  });

  it("is never negative, and does not compare steps of different resolutions", () => {
    const cost = createSaveCost();
    cost.stepped(2, false);
    cost.stepped(1, true);
    cost.stepped(2, false);
    expect(cost.seconds).toBe(0);
    cost.newStage();
    cost.waited(0.5);
    cost.stepped(9, true);
    cost.stepped(9, false);
    expect(cost.seconds).toBeCloseTo(0.25);
  });
});
