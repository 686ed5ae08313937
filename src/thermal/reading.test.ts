import { describe, expect, it } from "vitest";
import { hottest, readingOf, slowdownOf } from "./reading.js";

describe("a reading", () => {
  it("knows what it was given, and nothing else", () => {
    const reading = readingOf(3, { temperature: 65, fan: 0 });
    expect(reading).toMatchObject({ at: 3, temperature: 65, fan: 0 });
    expect(reading.power).toBeUndefined();
    expect(reading.slowdown).toBeUndefined();
  });

  it.each([
    ["temperature", 0],
    ["temperature", 255],
    ["temperature", NaN],
    ["temperature", -40],
    ["utilisation", 1.5],
    ["slowdownAt", 0],
    ["memoryTotal", 0],
  ] as const)("takes %s %f for unknown", (measure, value) => {
    expect(readingOf(0, { [measure]: value })[measure]).toBeUndefined();
  });
});

describe("slowdown reasons", () => {
  it("are the bits of NVML's mask, and bits of later versions are no harm", () => {
    expect(slowdownOf(0n)).toEqual([]);
    expect(slowdownOf(0x64n)).toEqual(["power-cap", "software-thermal", "hardware-thermal"]);
    expect(slowdownOf(0x8000000000000001n)).toEqual(["idle"]);
  });
});

describe("the hottest card", () => {
  it("is the one in danger, and one that says nothing never hides it", () => {
    const cards = [{ temperature: undefined }, { temperature: 60 }, { temperature: 84 }];
    expect(hottest(cards)).toBe(cards[2]);
    expect(hottest([cards[0]!])).toBe(cards[0]);
    expect(hottest([{}].slice(1))).toBeUndefined();
  });
});
