import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numberTypes } from "../base/image-note.js";
import { rangeOf } from "./pixel-range.js";

describe("rangeOf", () => {
  it.each([
    ["8 bits in 16", "uint16", 0, 255, 0, 255],
    ["10 bits in 16", "uint16", 44, 1020, 0, 1023],
    ["11 bits in 16", "uint16", 0, 2047, 0, 2047],
    ["12 bits in 16", "uint16", 176, 4080, 0, 4095],
    ["one more than 12 bits hold", "uint16", 0, 4096, 0, 8191],
    ["all 16 bits", "uint16", 0, 65_535, 0, 65_535],
    ["nothing but black", "uint16", 0, 0, 0, 255],
    ["16 bits in signed 32", "int32", 2827, 65_535, 0, 65_535],
    ["all of 32 bits", "uint32", 11, 2 ** 32 - 1, 0, 2 ** 32 - 1],
    ["signed bytes", "int8", -117, 127, -128, 127],
    ["11 bits with a sign", "int16", -936, 1016, -1024, 1023],
    ["Hounsfield units, which no usual range fits", "int16", -1024, 3071, -1024, 3071],
    ["floats from 0 to 1", "float32", 0.043, 1, 0, 1],
    ["floats of bytes", "float32", 11, 255, 0, 255],
    ["floats of 16 bits", "float32", 2827, 65_535, 0, 65_535],
    ["floats from -1 to 1", "float16", -0.9, 1, -1, 1],
    ["decibels", "float32", -60, 0, -60, 0],
    ["standard deviations", "float32", -1.2, 3.8, -1.2, 3.8],
    ["a little beyond 1, from resampling", "float32", -0.02, 1.03, -0.02, 1.03],
    ["very dim", "float32", 0, 0.01, 0, 0.01],
    ["far from zero", "float32", 1000, 1100, 1000, 1100],
    ["beyond whole numbers", "float32", -1e30, 3e30, -1e30, 3e30],
  ] as const)("%s", (_, numbers, min, max, black, white) => {
    expect(rangeOf(numbers, { min, max })).toEqual({ black, white });
  });

  it("holds every value, and leaves less than half of the brightness unused above 7 bits", () => {
    const values = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.constantFrom(...numberTypes), values, values, (numbers, one, other) => {
        const signless = numbers.startsWith("uint");
        const [a, b] = signless ? [Math.abs(one), Math.abs(other)] : [one, other];
        const extent = { min: Math.min(a, b), max: Math.max(a, b) };
        const { black, white } = rangeOf(numbers, extent);
        expect(black).toBeLessThanOrEqual(extent.min);
        expect(white).toBeGreaterThanOrEqual(extent.max);
        expect(white).toBeGreaterThan(black);
        if (extent.max >= 128)
          expect(2 * (extent.max - Math.min(0, extent.min))).toBeGreaterThanOrEqual(white - black - 1);
      }),
    );
  });
});
