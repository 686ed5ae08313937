import { describe, expect, it } from "vitest";
import { acceptedValue, acceptedWord, type OptionExpected } from "./option-kinds.js";
import { monitorOptions, runOptions, trainingOptions } from "./options.js";

/** A word, and the value of a config file that says the same. */
const same: readonly (readonly [OptionExpected, word: string, inFile: unknown])[] = [
  [{ kind: "text" }, "scans", "scans"],
  [{ kind: "name" }, " night ", "night"],
  [{ kind: "texts" }, "LR=1", "LR=1"],
  [{ kind: "integer", min: 1 }, " 8", 8],
  [{ kind: "number", above: 0 }, "1e-3", 0.001],
  [{ kind: "number-from", min: 0, max: 10, example: 1 }, "2.5", 2.5],
  [{ kind: "sensor" }, "none", "none"],
  [{ kind: "interval" }, "500", 500],
  [{ kind: "interval" }, "10m", "10m"],
  [{ kind: "duration" }, "1h30m", "1h30m"],
  [{ kind: "time-of-day" }, "07:00", "07:00"],
  [{ kind: "integers", min: 1, max: 9, count: 3 }, "2", 2],
  [{ kind: "integers", min: 1, max: 9, count: 3 }, "1, 2,3", [1, 2, 3]],
  [{ kind: "one-of", values: [1, 3] }, "3", 3],
  [{ kind: "one-of", values: ["auto", "cpu"] }, "cpu", "cpu"],
];

describe("an option's value", () => {
  it.each(same)("%j: %j is what a file says as %j", (expected, word, inFile) => {
    const value = acceptedWord(word, expected);
    expect(value).toBeDefined();
    expect(acceptedValue(inFile, expected)).toEqual(value);
  });

  it.each<readonly [OptionExpected, word: string, inFile: unknown]>([
    [{ kind: "text" }, " ", ""],
    [{ kind: "text" }, "a\0b", ["a"]],
    [{ kind: "name" }, "../x", 5],
    [{ kind: "texts" }, "", ["a", 5]],
    [{ kind: "boolean" }, "true", "true"],
    [{ kind: "integer", min: 1, max: 10 }, "11", 1.5],
    [{ kind: "integer", min: 0 }, "-1", "1"],
    [{ kind: "integer", min: 0 }, "9007199254740993", 2 ** 53],
    [{ kind: "number", above: 0 }, "", 0],
    [{ kind: "number", above: 0 }, "Infinity", NaN],
    [{ kind: "number-from", min: 0, max: 10, example: 1 }, "ten", "1"],
    [{ kind: "sensor" }, "thermometer", 1],
    [{ kind: "interval" }, "0", 1.5],
    [{ kind: "duration" }, "8", 8],
    [{ kind: "time-of-day" }, "25:00", 700],
    [{ kind: "integers", min: 1, max: 9, count: 3 }, "1,2", [1]],
    [{ kind: "integers", min: 1, max: 9, count: 3 }, "1,,3", [1, 2, 10]],
    [{ kind: "one-of", values: [1, 3] }, "2", "3"],
    [{ kind: "one-of", values: ["auto"] }, "AUTO", 0],
  ])("%j: neither the word %j nor %j in a file", (expected, word, inFile) => {
    expect(acceptedWord(word, expected)).toBeUndefined();
    expect(acceptedValue(inFile, expected)).toBeUndefined();
  });

  it("is tried above for every kind that options have", () => {
    const used = new Set(
      [trainingOptions, runOptions, monitorOptions].flatMap(
        (table: Readonly<Record<string, OptionExpected>>) => Object.values(table).map(({ kind }) => kind),
      ),
    );
    used.delete("boolean");
    expect(new Set(same.map(([{ kind }]) => kind))).toEqual(used);
  });
});
