import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { table } from "./table.js";

const rows = [
  ["tensor", "type", "shape", ""],
  ["state_dict.a.weight", "float32", "512x512x4x4", "shares the data of b"],
  ["b", "int64", "-", ""],
];

describe("a table", () => {
  it("has columns of equal width where nothing bounds it", () => {
    expect(table(rows)).toEqual([
      "tensor               type     shape",
      "state_dict.a.weight  float32  512x512x4x4  shares the data of b",
      "b                    int64    -",
    ]);
  });

  it("puts below what does not fit beside, without losing any of it", () => {
    expect(table(rows, 41)).toEqual([
      "tensor               type     shape",
      "state_dict.a.weight  float32  512x512x4x4",
      "    shares the data of b",
      "b                    int64    -",
    ]); // prettier-ignore
  });

  it("is never wider than it may be, whatever stands in it", () => {
    const cell = fc.string({ maxLength: 120 });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), fc.integer({ min: 20, max: 130 }), (cells, width) => {
        for (const line of table(cells, width)) expect(line.length).toBeLessThanOrEqual(width);
      }),
    ); // prettier-ignore
  });
});
