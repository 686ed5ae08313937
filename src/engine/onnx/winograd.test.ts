/** The matrices against the definition of a convolution, in float64. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { f2, f4, formFor, transposed, wholeTransform, type Form, type Matrix } from "./winograd.js";

const product = (one: Matrix, other: Matrix): number[][] =>
  one.map((row) => transposed(other).map((column) => row.reduce((sum, x, i) => sum + x * column[i]!, 0)));
/** A x A^T. */
const around = (a: Matrix, x: Matrix): number[][] => product(product(a, x), transposed(a));
const elementwise = (one: Matrix, other: Matrix): number[][] =>
  one.map((row, i) => row.map((x, j) => x * other[i]![j]!));
const close = (one: Matrix, other: Matrix): void =>
  one.forEach((row, i) => row.forEach((x, j) => expect(Math.abs(x - other[i]![j]!)).toBeLessThan(1e-11)));

const square = (side: number): fc.Arbitrary<number[][]> => {
  const row = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: side, maxLength: side });
  return fc.array(row, { minLength: side, maxLength: side });
};

/** The 3x3 convolution of the part that has all its neighbours. */
const valid = (x: Matrix, kernel: Matrix): number[][] =>
  x.slice(2).map((_, i) =>
    x.slice(2).map((_row, j) => {
      const terms = kernel.flatMap((row, k) => row.map((g, l) => g * x[i + k]![j + l]!));
      return terms.reduce((sum, term) => sum + term, 0);
    }),
  );

const forms = [
  ["F(2x2)", f2],
  ["F(4x4)", f4],
] as const;

const tile = (form: Form, d: Matrix, g: Matrix): number[][] =>
  around(form.output, elementwise(around(form.kernel, g), around(form.input, d)));

it.each(forms)("%s convolves a tile", (_name, form) => {
  expect(form.a).toBe(form.m + 2);
  const cases = fc.property(square(form.a), square(3), (d, g) => close(tile(form, d, g), valid(d, g)));
  fc.assert(cases, { numRuns: 50 });
});

it.each(forms)("%s is wrong with any one of its numbers changed", (_name, form) => {
  const d = Array.from({ length: form.a }, (_, i) =>
    Array.from({ length: form.a }, (_x, j) => Math.sin(7 * i + j)),
  );
  const g = [0, 1, 2].map((i) => [0, 1, 2].map((j) => Math.cos(5 * i + j)));
  const expected = valid(d, g);
  const worst = (other: Form): number =>
    Math.max(...tile(other, d, g).flatMap((row, i) => row.map((x, j) => Math.abs(x - expected[i]![j]!))));
  expect(worst(form)).toBeLessThan(1e-12);
  for (const part of ["input", "kernel", "output"] as const) {
    form[part].forEach((row, i) =>
      row.forEach((_, j) => {
        const changed = form[part].map((r, k) => r.map((x, l) => (k === i && l === j ? x + 0.25 : x)));
        expect(worst({ ...form, [part]: changed })).toBeGreaterThan(1e-6);
      }),
    );
  }
});

it.each(forms)("%s has transforms of x and y that are exact in float32", (_name, { input, output }) => {
  for (const value of [...input, ...output].flat()) expect(Math.fround(value)).toBe(value);
});

it.each([
  [f2, 4],
  [f2, 8],
  [f4, 8],
])("one matrix transforms a whole image tile by tile, with zeros around: %#", (form, side) => {
  const { m, a } = form;
  const tiles = side / m;
  const pixels = Array.from({ length: side * side }, (_, i) => Math.sin(i));
  const at = (y: number, x: number): number =>
    Math.min(y, x) < 0 || Math.max(y, x) >= side ? 0 : pixels[y * side + x]!;
  const cut = (ty: number, tx: number, size: number, before: number): number[][] =>
    Array.from({ length: size }, (_, i) =>
      Array.from({ length: size }, (_x, j) => at(ty * m + i - before, tx * m + j - before)),
    );
  const apply = (kind: "input" | "output"): number[] =>
    wholeTransform(form, kind, side).map((row) => row.reduce((sum, x, i) => sum + x * pixels[i]!, 0));
  const [ofX, ofSlope] = [apply("input"), apply("output")];
  for (let ty = 0; ty < tiles; ty++) {
    for (let tx = 0; tx < tiles; tx++) {
      const x = around(form.input, cut(ty, tx, a, 1));
      const slope = around(transposed(form.output), cut(ty, tx, m, 0));
      const place = (i: number, j: number): number => ((i * a + j) * tiles + ty) * tiles + tx;
      close(
        x.map((row, i) => row.map((_, j) => ofX[place(i, j)]!)),
        x,
      );
      close(
        slope.map((row, i) => row.map((_, j) => ofSlope[place(i, j)]!)),
        slope,
      );
    }
  }
});

it("takes F(4x4) for large images, F(2x2) for small ones, and neither where tiles do not fit", () => {
  const named = new Map<Form | undefined, string>([[f2, "f2"], [f4, "f4"]]); // prettier-ignore
  const sides = [4, 5, 6, 8, 12, 16, 18, 20, 31, 32, 1024];
  expect(sides.map((side) => named.get(formFor(side, side)) ?? "direct").join(" ")).toBe(
    "f2 direct f2 f2 f2 f4 f2 f4 direct f4 f4",
  );
  expect(formFor(8, 16)).toBeUndefined();
});
