import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { measures, readingOf, slowdownReasons } from "./reading.js";
import { parseTrace, traceHeader, traceLine, traceText } from "./trace.js";

const temperatures = (content: string) =>
  parseTrace("heat.csv", content).map(({ at, temperature }) => [at, temperature]);

describe("a trace", () => {
  it.each([
    ["CSV", "seconds,temperature\n0,60\n2.5,61\n5,\n"],
    ["CSV of Windows", "\ufeffseconds, temperature\r\n0, 60\r\n2.5, 61\r\n5, \r\n"],
    [
      "JSON",
      '[{"seconds":0,"temperature":60},{"seconds":2.5,"temperature":61},{"seconds":5,"temperature":null}]',
    ],
    [
      "nvidia-smi's log",
      "timestamp, temperature.gpu\n2025/11/06 23:59:58.000, 60\n2025/11/07 00:00:00.500, 61\ntimestamp, temperature.gpu\n2025/11/07 00:00:03.000, [N/A]\n",
    ],
  ])("in %s is read", (_, content) => {
    expect(temperatures(content)).toEqual([
      [0, 60],
      [2.5, 61],
      [5, undefined],
    ]);
  });

  it.each([
    ["that was cut off in its last line", "seconds,temperature\n0,60\n2.5,61\n5"],
    ["that was cut off in its last word", "seconds,temperature,slowdown\n0,60,\n2.5,61,\n5,62,software-th"],
    [
      "of nvidia-smi that was cut off",
      "timestamp, temperature.gpu\n2025/11/06 23:59:58.000, 60\n2025/11/07 00:00:00.500, 61\n2025/11/07 00:",
    ],
    [
      "of nvidia-smi without spaces",
      "timestamp,temperature.gpu\n2025/11/06 23:59:58.000,60\n2025/11/07 00:00:00.500,61\n",
    ],
    [
      "of two cards, which says the hottest of each moment",
      "timestamp, index, temperature.gpu\n2025/11/06 23:59:58.000, 0, 60\n2025/11/06 23:59:58.400, 1, 40\n2025/11/07 00:00:00.500, 0, 44\n2025/11/07 00:00:00.502, 1, 61\n",
    ],
    [
      "of two cards without their numbers",
      "timestamp, temperature.gpu\n2025/11/06 23:59:58.000, 31\n2025/11/06 23:59:58.003, 60\n2025/11/07 00:00:00.500, 61\n2025/11/07 00:00:00.503, 30\n",
    ],
  ])("%s, is read", (_, content) => {
    expect(temperatures(content)).toEqual([
      [0, 60],
      [2.5, 61],
    ]);
  });

  it("is read in the UTF-16 of PowerShell, too", () => {
    const text = "seconds,temperature\r\n0,60\r\n";
    const little = Buffer.from(text, "utf16le");
    const big = Buffer.from(little).swap16();
    const mark = Buffer.from("\ufeff", "utf16le");
    const all = [little, Buffer.concat([mark, little]), big, Buffer.from(text), Buffer.from(`\ufeff${text}`)];
    for (const bytes of [...all, Buffer.concat([Buffer.from(mark).swap16(), big])]) {
      expect(temperatures(traceText(bytes))).toEqual([[0, 60]]);
    }
    expect(traceText(new Uint8Array())).toBe("");
  });

  it("that was written is read as it was", () => {
    const share = fc.option(fc.double({ min: 0.001, max: 1, noNaN: true }), { nil: undefined });
    const given = fc.record({
      temperature: fc.option(fc.integer({ min: 1, max: 130 }), { nil: undefined }),
      fan: share,
      utilisation: share,
      slowdown: fc.option(fc.subarray([...slowdownReasons], { minLength: 1 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(given, { minLength: 1, maxLength: 20 }), (list) => {
        const readings = list.map((one, i) => readingOf(i, one));
        const lines = readings.map((reading) => traceLine(reading.at, reading));
        expect(parseTrace("x", [traceHeader, ...lines].join("\n"))).toEqual(readings);
      }),
    );
    expect(traceHeader.split(",")).toHaveLength(measures.length + 2);
  });

  it.each([
    ["", 1],
    ["seconds,temperature\n", 1],
    ["hello\nworld", 2],
    ["seconds,temperature\n0,60\n1,warm", 3],
    ["seconds,temperature\n0,60\n\n1\n", 4],
    ["seconds,temperature\n5,60\n4,61", 3],
    ["seconds,degrees\n0,60", 2],
    ["temperature\n60", 2],
    ["seconds,slowdown\n0,lazy", 2],
    ["timestamp, temperature.gpu\nyesterday, 60", 2],
    ["[1,2]", 1],
    ['[{"seconds":true}]', 1],
    ['[{"seconds":0,"slowdown":["idle"]}]', 1],
    ["[", 1],
  ])("that is none is refused with its line: %j", (content, line) => {
    expect(() => parseTrace("heat.csv", content)).toThrow(
      expect.objectContaining({
        code: "TRACE_INVALID",
        data: expect.objectContaining({ file: "heat.csv", line }) as object,
      }) as Error,
    );
  });
});
