import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fileLabel, formerLabel } from "./image-source.js";

const long = "x".repeat(64);
const lookalikes = [
  ["HER2+", "HER2-", "HER2", "HER2 ", " HER2", "HER2_", "_HER2", "HER2/", "HER2~", "HER2."],
  ["Edema (OD)", "Edema [OD]", "Edema_OD", "Edema OD", "Edema  OD"],
  [long, `${long}_left`, `${long}_right`, `${long}x`],
  ["🙂", "🙃", "images", "", "+", "..."],
  // Vowel signs are no letters; letters beyond the 16 bits must not be cut in half.
  ["कि", "की", "क"],
  [`${"x".repeat(63)}𝒜`, `${"x".repeat(63)}𝒞`],
] as const;

describe("the label of a class", () => {
  it.each(["DRUSEN", "Edema_OD", "HER2", "niño.2", "a-b", "images", "CON", long, "x".repeat(63) + "é"])(
    "of plain letters and digits is the class itself: %s",
    (name) => expect(fileLabel(name)).toBe(name),
  );

  it.each(lookalikes)("is nobody else's: %s %s %s", (...names) => {
    const labels = (names as readonly string[]).map(fileLabel);
    expect(new Set(labels).size).toBe(names.length);
    // Not even where case does not count, and not if a class is called like another's label.
    expect(new Set(labels.map((label) => label.toLowerCase())).size).toBe(names.length);
    const again = labels.filter((label, i) => label !== names[i]).map(fileLabel);
    expect(new Set([...labels, ...again]).size).toBe(labels.length + again.length);
  });

  it("is the same for composed and decomposed letters", () => {
    expect(fileLabel("nin\u0303o")).toBe(fileLabel("ni\u00f1o"));
    expect(fileLabel("nin\u0303o +")).toBe(fileLabel("ni\u00f1o +"));
  });

  it("is safe in a file name and one for each name, whatever that is", () => {
    const anything = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
    const names = fc.tuple(anything, anything, fc.constantFrom("", "+", "-", " ", "_", ".", "\u0301"));
    fc.assert(
      fc.property(names, ([one, other, ending]) => {
        for (const [a, b] of [
          [one, other],
          [one, one + ending],
          [one, fileLabel(one)],
        ] as const) {
          const same = a.normalize() === b.normalize();
          expect(fileLabel(a) === fileLabel(b)).toBe(same);
        }
        const label = fileLabel(one);
        expect(label).toMatch(/^[\p{L}\p{N}][\p{L}\p{N}._~-]*$/u);
        expect(label.length).toBeLessThanOrEqual(75);
        expect(label.startsWith(formerLabel(one).replace(/[\uD800-\uDBFF]$/, ""))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
