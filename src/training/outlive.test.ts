import { describe, expect, it } from "vitest";
import { isSuperseded } from "./outlive.js";

const left = { opened: 4, began: 10, run: "a", step: 20, at: "2026-01-01T10:00:00.000Z" };
const newest = {
  kind: "auto",
  reason: "every 10 batches",
  sequence: 4,
  run: "a",
  step: 10,
  savedAt: "2026-01-01T09:00:00.000Z",
} as const;

describe("what a killed training left in memory", () => {
  it("counts while nothing has been saved since the training began, whatever the newest checkpoint is", () => {
    expect(isSuperseded(left, undefined)).toBe(false);
    expect(isSuperseded(left, newest)).toBe(false);
    // As after --fresh, and after --resume of an older checkpoint.
    expect(isSuperseded(left, { ...newest, run: "b", step: 500 })).toBe(false);
    expect(isSuperseded(left, { ...newest, step: 500 })).toBe(false);
  });

  it("counts when its training has saved less since", () => {
    expect(isSuperseded(left, { ...newest, sequence: 6, step: 19 })).toBe(false);
  });

  it("does not depend on the clock", () => {
    expect(isSuperseded(left, { ...newest, savedAt: "2099-01-01T09:00:00.000Z" })).toBe(false);
    expect(
      isSuperseded({ ...left, at: "2099-01-01T10:00:00.000Z" }, { ...newest, sequence: 5, step: 20 }),
    ).toBe(true);
  });

  it("is superseded when its steps are saved, or a person has gone on from elsewhere since", () => {
    expect(isSuperseded(left, { ...newest, sequence: 5, step: 20 })).toBe(true);
    expect(isSuperseded(left, { ...newest, sequence: 5, run: "b", step: 1 })).toBe(true);
    const restored = { kind: "manual", reason: "restored from 2026-01-01", sequence: 5, step: 1 } as const;
    expect(isSuperseded(left, { ...newest, ...restored })).toBe(true);
  });

  it("is nothing when the training had not made a step", () => {
    expect(isSuperseded({ ...left, began: 20 }, undefined)).toBe(true);
  });

  it("of a version before is judged as that version would, but for what the clock says of one line", () => {
    const older = { ...left, opened: undefined, began: undefined };
    expect(isSuperseded(older, { ...newest, savedAt: "2099-01-01T09:00:00.000Z" })).toBe(false);
    expect(isSuperseded(older, { ...newest, step: 20 })).toBe(true);
    expect(isSuperseded(older, { ...newest, run: "b" })).toBe(false);
    expect(isSuperseded(older, { ...newest, run: "b", savedAt: "2026-01-01T11:00:00.000Z" })).toBe(true);
  });
});
