import { describe, expect, it } from "vitest";
import { readingOf } from "../../thermal/reading.js";
import { defaultThresholds } from "../../thermal/thresholds.js";
import { textsOf } from "../../texts/index.js";
import { monitorSentence, monitorTable } from "./monitor-lines.js";
import { sparkline } from "./sparkline.js";

const es = textsOf("es");

describe("a card's reading", () => {
  it("is a table in which what is not known is said to be unknown, never 0", () => {
    const reading = readingOf(0, {
      temperature: 83,
      memoryUsed: 4e9,
      memoryTotal: 8e9,
      slowdown: ["power-cap"],
    });
    expect(monitorTable(es, reading, defaultThresholds, [60, 83])).toEqual([
      "Temperatura     83 °C  ▅█",
      "Consumo         desconocido",
      "Carga           desconocido",
      "Memoria         4 GB / 8 GB (50 %)",
      "Ventilador      desconocido",
      "Reloj           desconocido",
      "La frena        su límite de consumo",
      "Entrenar haría  guardar, enfriar y seguir con batches más pequeños",
    ]);
    expect(monitorTable(es, readingOf(0, {}), defaultThresholds, undefined)[0]).toBe(
      "Temperatura     desconocido",
    );
  });

  it("is one sentence of what is known elsewhere", () => {
    const reading = readingOf(0, { temperature: 60, fan: 0, slowdown: [] });
    expect(monitorSentence(textsOf("en"), reading, defaultThresholds)).toBe(
      "Temperature: 60 °C · Fan: 0% · Slowed down by: nothing · Training would: go on as it is",
    );
    expect(monitorSentence(textsOf("en"), readingOf(0, {}), defaultThresholds)).toBe(
      "Temperature: unknown · Training would: go on as it is",
    );
  });
});

describe("a sparkline", () => {
  it("has a block for each number, and a scale on which noise stays small", () => {
    expect(sparkline([30, 45, 60], 30, 30)).toBe("▁▅█");
    expect(sparkline([20, 31, 30], 30, 30)).toBe("▁▁▁");
    expect(sparkline([30, 60, 90], 30, 30)).toBe("▁▅█");
    expect(sparkline([], 30, 30)).toBe("");
  });
});
