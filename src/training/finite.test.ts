import { describe, expect, it } from "vitest";
import { sample, spoilt } from "../../test/crash/numbers.js";
import { requireFinite } from "./finite.js";

describe("weights that a person has chosen", () => {
  it("are refused with the number of values that are not numbers", () => {
    const { networks } = spoilt(sample(1));
    expect(() => requireFinite("x.pth", networks.values(), false)).toThrow(
      expect.objectContaining({ code: "WEIGHTS_NOT_FINITE", data: { id: "x.pth", values: 2, chosen: true } }),
    );
  });

  it("may have a spoilt optimizer where they are only drawn, and not where they are trained on", () => {
    const { networks } = sample(1);
    for (const { adam } of networks.values()) [...adam!.entries.values()][0]!.expAvg.data[0] = Infinity;
    requireFinite("x.pth", networks.values(), false);
    expect(() => requireFinite("x.pth", networks.values(), true)).toThrow(
      expect.objectContaining({ code: "WEIGHTS_NOT_FINITE" }),
    );
  });

  it("are taken when they are numbers", () => {
    requireFinite("x.pth", sample(1).networks.values(), true);
  });
});
