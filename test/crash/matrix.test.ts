import { describe, expect, it } from "vitest";
import { faultsOfPage, mode, readPage } from "./matrix.js";

describe("docs/crash-matrix.md", () => {
  it.skipIf(mode !== "compare")("has the row of every test, and nothing that no test has written", () => {
    expect(faultsOfPage()).toEqual({ missing: [], isRendered: true });
    const ours = readPage()
      .split("\n")
      .filter((line) => /\| \d+ \|$/.test(line) && !line.includes("for comparison"));
    expect(ours.length).toBeGreaterThan(20);
    for (const line of ours) expect(line).toMatch(/\| 0 \| 0 \| 0 \|$/);
  });
});
