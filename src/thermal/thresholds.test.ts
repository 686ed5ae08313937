import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completeThresholds, defaultThresholds, disorder, lowered, type Temperature } from "./thresholds.js";

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

  it.each([
    [{ coolAt: 72 }, { resumeAt: 60, warnAt: 68, target: 69, coolAt: 72, stopAt: 85 }],
    [{ stopAt: 80 }, { resumeAt: 65, warnAt: 73, target: 74, coolAt: 77, stopAt: 80 }],
    [{ target: 70 }, { resumeAt: 61, warnAt: 69, target: 70, coolAt: 82, stopAt: 85 }],
    [{ resumeAt: 60 }, { resumeAt: 60, warnAt: 78, target: 79, coolAt: 82, stopAt: 85 }],
    [
      { coolAt: 84, warnAt: 60 },
      { resumeAt: 52, warnAt: 60, target: 79, coolAt: 84, stopAt: 85 },
    ],
  ])("of which only %o are given make the lower ones lower, and raise none", (given, expected) => {
    expect(completeThresholds(given)).toMatchObject(expected);
    expect(disorder(completeThresholds(given))).toBeUndefined();
  });

  it("are in order whichever lower one is given alone; out of order is found", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Temperature>("warnAt", "target", "coolAt", "stopAt", "resumeAt"),
        fc.integer({ min: 30, max: 69 }),
        (name, value) => {
          expect(disorder(completeThresholds({ [name]: value }))).toBeUndefined();
        },
      ),
    );
    expect(disorder(completeThresholds({ warnAt: 90 }))).toEqual(["warnAt", "coolAt"]);
    expect(disorder(completeThresholds({ coolAt: 85 }))).toEqual(["coolAt", "stopAt"]);
    expect(disorder(completeThresholds({ resumeAt: 80, warnAt: 78 }))).toEqual(["resumeAt", "warnAt"]);
  });

  it("out of order are told by what was given, where that is wrong by itself", () => {
    const given = { warnAt: 90, stopAt: 80 };
    expect(disorder(completeThresholds(given), given)).toEqual(["warnAt", "stopAt"]);
    expect(disorder(completeThresholds({ warnAt: 90 }), { warnAt: 90 })).toEqual(["warnAt", "coolAt"]);
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
