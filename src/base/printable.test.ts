import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeControls, escapeOutput, printable } from "./printable.js";

const anything = fc.string({ unit: "binary", maxLength: 200 });
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\u001b]0;PWNED\u0007",
        "\u001b[31m",
        "\u009b31m",
        "\r",
        "\n",
        "\u202e",
        "\u2066",
        "\u2028",
      ),
      fc.string({ unit: "grapheme", maxLength: 5 }),
    ),
  )
  .map((parts) => parts.join(""));
const bad = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

describe("text for people", () => {
  it("has nothing in it that a terminal obeys, and all else stays as it was", () => {
    fc.assert(
      fc.property(fc.oneof(anything, hostile), (text) => {
        const shown = escapeControls(text);
        expect(shown).not.toMatch(bad);
        expect(printable(text)).not.toMatch(bad);
        expect(escapeControls(shown)).toBe(shown);
        if (!bad.test(text) && !/[\u180e\u200b\u2060-\u206f\ufeff\ufff9-\ufffb]/.test(text))
          expect(shown).toBe(text);
      }),
    );
    expect(escapeControls("a\u001b[1m\n\u202eb")).toBe("a\\u001b[1m\\u000a\\u202eb");
    expect(escapeControls("señal 👩‍🔬 한국 ñandú")).toBe("señal 👩‍🔬 한국 ñandú");
  });

  it("keeps the ends of lines, and colours only where there are some", () => {
    const line = "\u001b[1mbold\u001b[22m\u001b]0;x\u0007\n";
    expect(escapeOutput(line, true)).toBe("\u001b[1mbold\u001b[22m\\u001b]0;x\\u0007\n");
    expect(escapeOutput(line, false)).toBe("\\u001b[1mbold\\u001b[22m\\u001b]0;x\\u0007\n");
  });

  it("leaves JSON what it says", () => {
    fc.assert(
      fc.property(fc.oneof(hostile, anything), (text) => {
        const line = escapeOutput(`${JSON.stringify({ text })}\n`, false);
        expect(line.slice(0, -1)).not.toMatch(bad);
        expect(JSON.parse(line)).toEqual({ text });
      }),
    );
  });
});
