import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSave, optimalInterval, type SaveFacts } from "../checkpoint/index.js";
import { autoShare, retryAfter } from "./save-policy.js";

const quiet: SaveFacts = {
  batchesSinceSave: 10,
  secondsSinceSave: 10,
  saveCost: 0.1,
  failures: 0,
  saving: false,
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

  it("again soon after one that failed, ever more seldom, and not while one is under way", () => {
    const again = { kind: "auto", reason: "again, as the last save failed" };
    const waits = [1, 2, 3, 4, 5, 99].map(retryAfter);
    expect(waits).toEqual([5, 10, 20, 40, 60, 60]);
    for (const [index, wait] of waits.entries()) {
      const facts = { ...quiet, batchesSinceSave: 1, failures: index === 5 ? 99 : index + 1 };
      expect(decideSave({ ...facts, secondsSinceSave: wait - 0.1 }, every500)).toBeUndefined();
      expect(decideSave({ ...facts, secondsSinceSave: wait }, every500)).toEqual(again);
      expect(decideSave({ ...facts, secondsSinceSave: wait, saving: true }, every500)).toBeUndefined();
      expect(decideSave({ ...facts, secondsSinceSave: wait, batchesSinceSave: 0 }, every500)).toBeUndefined();
    }
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
