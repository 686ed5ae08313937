import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textsOf } from "../texts/index.js";
import { endedOf } from "./ended.js";

const ended = {
  type: "ended",
  how: "stopped",
  signal: "stop",
  position: { step: 5, batches: 5, resolution: 8, epoch: 0, batch: 5, alpha: 0.5 },
  seconds: 1.5,
  files: [{ path: "weights/generator_DRUSEN_local.pth", bytes: 10 }],
  nonFinite: 0,
  resumeCommand: "guardapesos train",
  batchesLost: 0,
};

describe("the end of a run as it was written down", () => {
  it("is what was told, with what a newer version adds", () => {
    expect(endedOf(JSON.parse(JSON.stringify(ended)))).toEqual(ended);
    expect(endedOf({ ...ended, more: 1 })).toMatchObject({ how: "stopped" });
  });

  it("is nothing else, and whatever passes for one can be said", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.constantFrom(...Object.keys(ended)), fc.jsonValue()).map(([key, value]) => ({
        ...ended,
        [key]: value,
      })),
    );
    fc.assert(
      fc.property(anything, (value) => {
        const read = endedOf(value);
        if (read) for (const language of ["es", "en"] as const) textsOf(language).events.ended(read);
      }),
      { numRuns: 500 },
    );
    for (const value of [null, [], "ended", { ...ended, how: "else" }, { ...ended, files: [null] }])
      expect(endedOf(value)).toBeUndefined();
  });
});
