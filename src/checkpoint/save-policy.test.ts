import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { autoShare, decideSave, optimalInterval, type SaveFacts } from "./save-policy.js";

const quiet: SaveFacts = {
  batchesSinceSave: 10,
  secondsSinceSave: 10,
  saveCost: 0.1,
  epochEnded: false,
  stageEnded: false,
  askedByHand: false,
  stopping: undefined,
};
const every500 = { everyBatches: 500, everyMinutes: 0 } as const;

describe("when to save", () => {
  it("every so many batches", () => {
    expect(decideSave({ ...quiet, batchesSinceSave: 499 }, every500)).toBeUndefined();
    expect(decideSave({ ...quiet, batchesSinceSave: 500 }, every500)?.kind).toBe("auto");
    expect(
      decideSave({ ...quiet, batchesSinceSave: 9e9 }, { everyBatches: 0, everyMinutes: 0 }),
    ).toBeUndefined();
  });

  it("every so many minutes", () => {
    const rules = { everyBatches: 500, everyMinutes: 10 };
    expect(decideSave({ ...quiet, secondsSinceSave: 599 }, rules)).toBeUndefined();
    expect(decideSave({ ...quiet, secondsSinceSave: 600 }, rules)?.kind).toBe("auto");
  });

  it("the weightier reason wins: stop, hand, stage, epoch", () => {
    const all = { ...quiet, batchesSinceSave: 500, epochEnded: true, stageEnded: true, askedByHand: true };
    expect(decideSave({ ...all, stopping: "SIGINT" }, every500)).toEqual({
      kind: "emergency",
      reason: "SIGINT",
    });
    expect(decideSave(all, every500)?.kind).toBe("manual");
    expect(decideSave({ ...all, askedByHand: false }, every500)?.kind).toBe("stage");
    expect(decideSave({ ...all, askedByHand: false, stageEnded: false }, every500)?.kind).toBe("epoch");
  });

  it("auto: never costs more than its share, and no save without a new batch", () => {
    const rules = { everyBatches: "auto", everyMinutes: 0 } as const;
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 600, noNaN: true }), (cost) => {
        const interval = optimalInterval(cost);
        expect(cost / interval).toBeLessThanOrEqual(autoShare + 1e-12);
        const facts = { ...quiet, saveCost: cost };
        expect(decideSave({ ...facts, secondsSinceSave: interval - 0.01 }, rules)).toBeUndefined();
        expect(decideSave({ ...facts, secondsSinceSave: interval }, rules)?.kind).toBe("auto");
        expect(
          decideSave({ ...facts, secondsSinceSave: interval, batchesSinceSave: 0 }, rules),
        ).toBeUndefined();
      }),
    );
    expect(optimalInterval(1)).toBeCloseTo(Math.sqrt(2 * 8 * 3600), 6);
  });
});
