import { describe, expect, it } from "vitest";
import { isNewest } from "./outlive.js";

const left = { folder: "1:2:3", run: "a", step: 20, at: "2026-01-01T10:00:00.000Z" };
const newest = { run: "a", step: 10, savedAt: "2026-01-01T09:00:00.000Z" };

describe("what a killed training left in memory", () => {
  it("counts when no checkpoint is newer", () => {
    expect(isNewest(left, left.folder, newest)).toBe(true);
    expect(isNewest(left, left.folder, undefined)).toBe(true);
  });

  it("does not count when its steps are saved, or an older checkpoint was restored since", () => {
    expect(isNewest(left, left.folder, { ...newest, step: 20 })).toBe(false);
    expect(isNewest(left, left.folder, { ...newest, savedAt: "2026-01-01T11:00:00.000Z" })).toBe(false);
  });

  it("does not count in another folder at the same path, or beside another line of descent", () => {
    expect(isNewest(left, "1:2:4", undefined)).toBe(false);
    expect(isNewest(left, left.folder, { ...newest, run: "b" })).toBe(false);
  });
});
