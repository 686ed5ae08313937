import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normal, permutation, philox, truncatedNormal, uniform } from "./random.js";

describe("random", () => {
  it("agrees with the known answers of Philox4x32-10", () => {
    const hex = (block: readonly number[]) =>
      block.map((word) => word.toString(16).padStart(8, "0")).join(" ");
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    const ones = 0xffffffff;
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toBe(
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    );
  });

  it("gives the same numbers for the same position, and others for any other", () => {
    expect(normal(42, "latent", 7, 9)).toEqual(normal(42, "latent", 7, 9));
    const others = [normal(43, "latent", 7, 9), normal(42, "beta", 7, 9), normal(42, "latent", 8, 9)];
    for (const other of others) expect(other).not.toEqual(normal(42, "latent", 7, 9));
  });

  it("draws a longer row that begins with the shorter one", () => {
    expect(uniform(1, "beta", 2, 10).subarray(0, 4)).toEqual(uniform(1, "beta", 2, 4));
  });

  it("has the mean and spread of its distributions", () => {
    const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const flat = uniform(1, "beta", 0, 100_000);
    expect(mean(flat)).toBeCloseTo(0.5, 2);
    const bell = normal(1, "latent", 0, 100_000);
    expect(mean(bell)).toBeCloseTo(0, 1);
    expect(mean(bell.map((v) => v * v))).toBeCloseTo(1, 1);
  });

  it("keeps truncated numbers within the limit", () => {
    expect(truncatedNormal(3, "preview", 0, 1000, 0.7).every((v) => Math.abs(v) <= Math.fround(0.7))).toBe(
      true,
    );
  });

  it.each([0.09, 1e-3, 1e-10, 1e-300])("truncates at %d as soon as at any limit", (limit) => {
    const drawn = truncatedNormal(3, "preview", 0, 20_000, limit);
    expect(drawn).toEqual(truncatedNormal(3, "preview", 0, 20_000, limit));
    // As even as the top of the bell is: the parts on either side, inside and outside of the middle.
    const scaled = [...drawn].map((value) => value / Math.fround(limit) || 0);
    expect(scaled.every((value) => Math.abs(value) <= 1)).toBe(true);
    if (limit < 1e-40) return;
    for (const [low, high] of [
      [-1, -0.5],
      [-0.5, 0],
      [0, 0.5],
      [0.5, 1],
    ] as const) {
      const share = scaled.filter((value) => value >= low && value < high).length / scaled.length;
      expect(share).toBeCloseTo(0.25, 1);
    }
  });

  it("permutes: every index once", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(300), (position, count) => {
        const order = [...permutation(42, "order", position, count)].sort((a, b) => a - b);
        expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });
});
