import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completeThresholds, defaultThresholds, disorder, lowered } from "./thresholds.js";

describe("thresholds", () => {
  it("are those of the seed page", () => {
    expect(completeThresholds({})).toEqual({
      warnAt: 78,
      target: 79,
      coolAt: 82,
      stopAt: 85,
      resumeAt: 70,
      coolMinutes: 10,
      criticalMinutes: 30,
      afterCritical: "stop",
    });
  });

  it("move together when only some are given", () => {
    expect(completeThresholds({ coolAt: 72 })).toMatchObject({
      resumeAt: 60,
      warnAt: 68,
      target: 69,
      coolAt: 72,
      stopAt: 75,
    });
    expect(completeThresholds({ warnAt: 60, stopAt: 90 })).toMatchObject({
      resumeAt: 52,
      warnAt: 60,
      target: 61,
      coolAt: 87,
      stopAt: 90,
    });
  });

  it("are in order whichever single one is given, and out of order is found", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("warnAt", "target", "coolAt", "stopAt", "resumeAt"),
        fc.integer({ min: 30, max: 110 }),
        (name, value) => {
          expect(disorder(completeThresholds({ [name]: value }))).toBeUndefined();
        },
      ),
    );
    expect(disorder(completeThresholds({ warnAt: 90, coolAt: 82 }))).toEqual(["warnAt", "coolAt"]);
    expect(disorder(completeThresholds({ resumeAt: 80, warnAt: 78 }))).toEqual(["resumeAt", "warnAt"]);
  });

  it("are lowered together to where the card slows itself down, and never raised", () => {
    expect(lowered(defaultThresholds, 80)).toMatchObject({
      resumeAt: 65,
      warnAt: 73,
      target: 74,
      coolAt: 77,
      stopAt: 80,
    });
    expect(lowered(defaultThresholds, 95)).toBe(defaultThresholds);
    expect(lowered(defaultThresholds, undefined)).toBe(defaultThresholds);
  });
});
