import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../base/errors.js";
import { textsOf } from "../texts/index.js";
import { exitCodeOf, exitCodeOfStop, stopSignals } from "./exit-codes.js";

const page = (name: string) => readFile(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const codes = Object.keys(textsOf("en").errors) as ErrorCode[];

describe("docs/exit-codes.md", () => {
  it("has every error in the line of its exit code, and no other", async () => {
    const rows = (await page("exit-codes.md")).split("\n").filter((line) => /^\| \d+ +\|/.test(line));
    const documented = rows.flatMap((row) => {
      const [, code, , names] = row.split("|");
      return [...names!.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => `${name!} ${Number(code)}`);
    });
    expect(documented.sort()).toEqual(codes.map((code) => `${code} ${exitCodeOf(code)}`).sort());
    for (const signal of stopSignals) {
      expect(rows.find((row) => Number(row.split("|")[1]) === exitCodeOfStop(signal))).toContain(signal);
    }
  });
});

describe("docs/events.md", () => {
  it("has every event and warning", async () => {
    const text = await page("events.md");
    for (const type of [...Object.keys(textsOf("en").events), "stepped"])
      expect(text).toMatch(new RegExp(`^\\| \`${type}\` +\\|`, "m"));
    const source = await readFile(new URL("../events/event.ts", import.meta.url), "utf8");
    const warnings = [...source.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code]) => code!);
    expect(warnings.length).toBeGreaterThan(5);
    for (const code of warnings) expect(text).toContain(`\`${code}\``);
  });
});
