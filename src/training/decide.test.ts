import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Advice } from "../thermal/monitor.js";
import type { HeatMode } from "../thermal/policy.js";
import { decide, type Facts } from "./decide.js";

const heatAt = (mode: HeatMode, temperature?: number, severe = false): Advice => ({
  mode,
  severe,
  reason: { code: "fine", temperature, threshold: undefined },
});

const idle: Facts = {
  batches: 10,
  sessionBatches: 4,
  nextBatches: 1,
  savedBatches: 8,
  epochEnded: false,
  stageEnded: false,
  planDone: false,
  stopSignal: undefined,
  autosave: 5,
  secondsSinceSave: 1,
  saveCost: undefined,
  saving: false,
  failures: 0,
  spoilt: 0,
  heat: heatAt("watch"),
  placeSaved: false,
  emergencySaved: false,
  maxBatches: undefined,
};
const at = (facts: Partial<Facts>) => decide({ ...idle, ...facts });

describe("between two steps", () => {
  it("nothing is to be done in the middle of an epoch", () => {
    expect(at({})).toEqual({ save: undefined, preview: false, cool: false, divideBy: 1, end: undefined });
  });

  it("an automatic save is due once so many batches are not saved, also when a step takes several", () => {
    expect(at({ savedBatches: 6 }).save).toBeUndefined();
    expect(at({ savedBatches: 5 }).save).toMatchObject({ kind: "auto", reason: "every 5 batches" });
    expect(at({ savedBatches: 4 }).save?.kind).toBe("auto");
  });

  it("an automatic save is due after so many minutes, or when what a save costs has earned it", () => {
    const minutes = (secondsSinceSave: number) => at({ autosave: "10m", secondsSinceSave }).save;
    expect(minutes(599)).toBeUndefined();
    expect(minutes(600)).toMatchObject({ kind: "auto", reason: "every 10 minutes" });
    const auto = (saveCost: number | undefined, secondsSinceSave: number) =>
      at({ autosave: "auto", saveCost, secondsSinceSave }).save?.kind;
    expect([auto(undefined, 29), auto(undefined, 30)]).toEqual([undefined, "auto"]);
    expect([auto(0.5, 169), auto(0.5, 170)]).toEqual([undefined, "auto"]);
    expect([auto(6, 599), auto(6, 600)]).toEqual([undefined, "auto"]);
  });

  it("a save that failed is tried again soon, but not while another is under way", () => {
    const again = { failures: 1, secondsSinceSave: 5 };
    expect(at(again).save?.kind).toBe("auto");
    expect(at({ ...again, saving: true }).save).toBeUndefined();
    expect(at({ ...again, secondsSinceSave: 4 }).save).toBeUndefined();
  });

  it("the end of an epoch and of a resolution are saved, with a preview", () => {
    expect(at({ epochEnded: true })).toMatchObject({
      save: { kind: "epoch" },
      preview: true,
      end: undefined,
    });
    expect(at({ epochEnded: true, stageEnded: true }).save?.kind).toBe("stage");
  });

  it("a signal ends it with an emergency save, and without a preview", () => {
    const stopped = at({ stopSignal: "SIGTERM", epochEnded: true, stageEnded: true, planDone: true });
    expect(stopped).toEqual({
      save: { kind: "emergency", reason: "SIGTERM" },
      preview: false,
      cool: false,
      divideBy: 1,
      end: "stopped",
    });
    expect(at({ stopSignal: "SIGINT", savedBatches: 10 }).save?.kind).toBe("emergency");
  });

  it("the limit of batches ends it with a save, unless that very batch is saved", () => {
    expect(at({ maxBatches: 10 })).toMatchObject({ save: { kind: "manual" }, end: "limit" });
    expect(at({ maxBatches: 9 }).end).toBe("limit");
    expect(at({ maxBatches: 11 }).end).toBeUndefined();
    expect(at({ maxBatches: 10, savedBatches: 10 })).toMatchObject({ save: undefined, end: "limit" });
    // A better reason for the same save.
    expect(at({ maxBatches: 10, epochEnded: true }).save?.kind).toBe("epoch");
  });

  it("the end of the plan ends it", () => {
    expect(at({ planDone: true, epochEnded: true, stageEnded: true })).toMatchObject({
      save: { kind: "stage" },
      end: "finished",
    });
  });

  it("a warm card is saved more often", () => {
    const warm = { heat: heatAt("pace", 79), savedBatches: 8 };
    expect(at({ ...warm, autosave: 8 }).save?.kind).toBe("auto");
    expect(at({ ...warm, autosave: 9 }).save).toBeUndefined();
    expect(at({ ...warm, autosave: "8m", secondsSinceSave: 120 }).save?.kind).toBe("auto");
    expect(at({ ...warm, autosave: "8m", secondsSinceSave: 119 }).save).toBeUndefined();
    expect(at({ heat: heatAt("watch", 70), autosave: 8 }).save).toBeUndefined();
  });

  it("a hot card is saved for, with smaller batches, before it cools down", () => {
    const hot = at({ heat: heatAt("cool", 82.4), epochEnded: true, savedBatches: 10 });
    expect(hot).toEqual({
      save: { kind: "emergency", reason: "82 °C" },
      preview: false,
      cool: true,
      divideBy: 2,
      end: undefined,
    });
    expect(at({ heat: heatAt("cool", 86, true) }).divideBy).toBe(4);
    expect(at({ heat: heatAt("cool", 83), sessionBatches: 0 })).toMatchObject({
      save: undefined,
      cool: true,
    });
    expect(at({ heat: heatAt("cool") }).save?.reason).toBe("thermal slowdown");
  });

  it("the critical temperature ends it with an emergency save, for much smaller batches", () => {
    expect(at({ heat: heatAt("stop", 85) })).toMatchObject({
      save: { kind: "emergency", reason: "85 °C" },
      divideBy: 4,
      end: "overheated",
    });
    // What is done is done, and a person goes first.
    expect(at({ heat: heatAt("stop", 85), planDone: true, epochEnded: true }).end).toBe("finished");
    expect(at({ heat: heatAt("stop", 85), stopSignal: "SIGINT" })).toMatchObject({
      save: { reason: "SIGINT" },
      divideBy: 1,
      end: "stopped",
    });
    expect(at({ heat: heatAt("cool", 83), stopSignal: "SIGINT" }).cool).toBe(false);
  });

  it("a signal is content with any verified save of the place, heat wants one that records its batches", () => {
    const saved = { savedBatches: 10, placeSaved: true };
    expect(at({ ...saved, stopSignal: "SIGINT" })).toMatchObject({ save: undefined, end: "stopped" });
    expect(at({ ...saved, heat: heatAt("stop", 85) }).save?.kind).toBe("emergency");
    // One that was begun and is not verified does not count.
    expect(at({ savedBatches: 10, stopSignal: "SIGINT" }).save?.kind).toBe("emergency");
  });

  it("an emergency that is saved already is not saved again", () => {
    const saved = { savedBatches: 10, placeSaved: true, emergencySaved: true };
    expect(at({ ...saved, stopSignal: "SIGINT" })).toMatchObject({ save: undefined, end: "stopped" });
    expect(at({ ...saved, heat: heatAt("stop", 85) })).toMatchObject({
      save: undefined,
      divideBy: 1,
      end: "overheated",
    });
  });

  const anyFacts: fc.Arbitrary<Facts> = fc.record({
    batches: fc.nat(1000),
    sessionBatches: fc.nat(1000),
    savedBatches: fc.nat(1000),
    epochEnded: fc.boolean(),
    stageEnded: fc.boolean(),
    planDone: fc.boolean(),
    stopSignal: fc.constantFrom(undefined, "SIGINT"),
    autosave: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom("auto" as const, "10m" as const)),
    secondsSinceSave: fc.nat(2000),
    saveCost: fc.option(fc.double({ min: 0, max: 30, noNaN: true }), { nil: undefined }),
    saving: fc.boolean(),
    failures: fc.nat(3),
    spoilt: fc.nat(4),
    heat: fc
      .tuple(fc.constantFrom<HeatMode>("watch", "pace", "cool", "stop"), fc.integer({ min: 30, max: 100 }))
      .map(([mode, temperature]) => heatAt(mode, temperature)),
    nextBatches: fc.integer({ min: 1, max: 4 }),
    placeSaved: fc.constant(false),
    emergencySaved: fc.constant(false),
    maxBatches: fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
  });

  it("ends by itself after some saves in a row whose weights are not numbers, and saves no more of them", () => {
    expect(at({ spoilt: 2, savedBatches: 5 }).end).toBeUndefined();
    expect(at({ spoilt: 3, savedBatches: 5, epochEnded: true })).toMatchObject({
      end: "diverged",
      save: undefined,
    });
    expect(at({ spoilt: 3, stopSignal: "SIGINT" }).end).toBe("stopped");
  });

  it("no save comes before the next try that was told, whatever ends by then, but for the end itself", () => {
    const failed = { failures: 5, secondsSinceSave: 59, savedBatches: 0, epochEnded: true, stageEnded: true };
    expect(at(failed).save).toBeUndefined();
    expect(at({ ...failed, secondsSinceSave: 60 }).save).toMatchObject({ kind: "auto" });
    expect(at({ ...failed, planDone: true })).toMatchObject({ end: "finished", save: { kind: "stage" } });
    expect(at({ ...failed, stopSignal: "SIGINT" }).save?.kind).toBe("emergency");
    expect(at({ ...failed, maxBatches: 10 })).toMatchObject({ end: "limit", save: { kind: "stage" } });
  });

  it("a session without a batch saves nothing, whatever else holds", () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        expect(decide({ ...facts, sessionBatches: 0 }).save).toBeUndefined();
      }),
    );
  });

  it("nothing that was trained in this session is left unsaved at the end", () => {
    fc.assert(
      fc.property(anyFacts, (any) => {
        const facts = { ...any, savedBatches: Math.min(any.savedBatches, any.batches) };
        // The plan ends with an epoch, so the two come together.
        const told = facts.planDone ? { ...facts, epochEnded: true, stageEnded: true } : facts;
        const { save, end } = decide(told);
        // Weights that are not numbers are saved often enough by then.
        if (end === undefined || end === "diverged" || told.sessionBatches === 0) return;
        expect(save !== undefined || told.savedBatches === told.batches).toBe(true);
      }),
    );
  });

  it("a signal always ends it as stopped", () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        expect(decide({ ...facts, stopSignal: "SIGHUP" }).end).toBe("stopped");
      }),
    );
  });
});
