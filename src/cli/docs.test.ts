import { access, readFile, readdir } from "node:fs/promises";
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

describe("docs/decisions", () => {
  it("lists each decision once, by its number and under its title", async () => {
    const names = await readdir(new URL("../../docs/decisions/", import.meta.url));
    const files = names.filter((name) => name !== "README.md").sort();
    const lines = await Promise.all(
      files.map(async (name) => {
        expect(name).toMatch(/^\d{4}(-[a-z0-9]+)+\.md$/);
        const [first] = (await page(`decisions/${name}`)).split("\n");
        const [, number, title] = /^# (\d{4})\. (.+)$/.exec(first!) ?? [];
        expect(number).toBe(name.slice(0, 4));
        return `- ${number!} [${title!}](${name})`;
      }),
    );
    const index = (await page("decisions/README.md")).split("\n").filter((line) => line.startsWith("- "));
    expect(index.sort()).toEqual(lines);
    // Two people who add one at the same time take the same number.
    expect(new Set(files.map((name) => name.slice(0, 4))).size).toBe(files.length);
  });

  it("says why in each", async () => {
    const folder = new URL("../../docs/decisions/", import.meta.url);
    for (const name of await readdir(folder))
      if (name !== "README.md") expect(await page(`decisions/${name}`), name).toMatch(/^## Why\n\n\S/m);
  });
});

describe("docs/glossary.md", () => {
  it("explains ten to thirty words, each once, and names files that are there", async () => {
    const rows = (await page("glossary.md")).split("\n").filter((line) => line.startsWith("| **"));
    const words = rows.map((row) => row.split("|")[1]!.trim());
    expect(words.length).toBeGreaterThanOrEqual(10);
    expect(words.length).toBeLessThanOrEqual(30);
    expect(new Set(words).size).toBe(words.length);
    const source = new URL("../", import.meta.url);
    for (const row of rows) {
      const [, , spanish, meaning, code] = row.split("|").map((cell) => cell.trim());
      expect(`${spanish!} / ${meaning!}`, row).toMatch(/\S+ \/ .{20}/);
      const files = [...code!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!);
      expect(files.length, row).toBeGreaterThan(0);
      for (const file of files)
        await expect(access(new URL(file, source)), `${words.join()}: ${file}`).resolves.toBeUndefined();
    }
  });
});

describe("the links of the pages", () => {
  it("lead to files that are there", async () => {
    const root = new URL("../../", import.meta.url);
    const below = async (folder: string) =>
      (await readdir(new URL(folder, root)))
        .filter((name) => name.endsWith(".md"))
        .map((name) => folder + name);
    const pages = [
      "README.md",
      "README.es.md",
      ...(await below("docs/")),
      ...(await below("docs/decisions/")),
    ];
    for (const name of pages) {
      const text = await readFile(new URL(name, root), "utf8");
      for (const [, target] of text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g))
        await expect(
          access(new URL(target!, new URL(name, root))),
          `${name}: ${target!}`,
        ).resolves.toBeUndefined();
    }
  });
});

describe("docs/events.md", () => {
  it("has every event and warning", async () => {
    const text = await page("events.md");
    for (const type of [...Object.keys(textsOf("en").events), "stepped"])
      expect(text).toMatch(new RegExp(`^\\| \`${type}\` +\\|`, "m"));
    const source = await readFile(new URL("../events/warning.ts", import.meta.url), "utf8");
    const declared = source.slice(
      source.indexOf("interface WarningData"),
      source.indexOf("type WarningCode"),
    );
    const warnings = [...declared.matchAll(/^ {2}([A-Z_]+): (?:\{([^}]*)\})?/gm)];
    expect(warnings.length).toBeGreaterThan(5);
    for (const [, code, fields = ""] of warnings) {
      const [row] = new RegExp(`^\\| \`${code}\` +\\|.*$`, "m").exec(text) ?? [];
      expect(row, code).toBeDefined();
      for (const [, field] of fields.matchAll(/readonly (\w+):/g))
        expect(row, code).toMatch(new RegExp(`\\b${field}\\b`));
    }
  });
});
