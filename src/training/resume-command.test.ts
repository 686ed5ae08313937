import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resumeCommand } from "./resume-command.js";

describe("the command to go on", () => {
  it.each([
    [["train"], "train"],
    [["entrenar", "--preset", "demo"], "entrenar --preset demo"],
    [["train", "--fresh", "--name", "a"], "train --name a"],
    [["train", "--resume", "latest", "--name", "a"], "train --name a"],
    [["train", "--resume=latest", "--name=a"], "train --name=a"],
    [["train", "--max-batches", "500"], "train"],
    [["train", "--max-batches=500", "--lr", "1e-3"], "train --lr 1e-3"],
  ])("for %j is npx guardapesos %s", (command, expected) => {
    for (const system of ["linux", "win32"])
      expect(resumeCommand(command, system)).toBe(`npx guardapesos ${expected}`);
  });

  it.each([
    ["my scans", '"my scans"', '"my scans"'],
    ["niños", '"niños"', '"niños"'],
    ["", '""', '""'],
    ["a&b", '"a&b"', '"a&b"'],
    ["16,8,4", "16,8,4", '"16,8,4"'],
    ["C:\\OCT\\test", "'C:\\OCT\\test'", "C:\\OCT\\test"],
    ["C:\\my scans\\", "'C:\\my scans\\'", '"C:\\my scans\\\\"'],
    ["$it's", "'$it'\\''s'", '"$it\'s"'],
  ])("quotes %s for a shell as %s, and on Windows as %s", (word, forShell, forWindows) => {
    expect(resumeCommand(["train", "--data", word], "linux")).toBe(
      `npx guardapesos train --data ${forShell}`,
    );
    expect(resumeCommand(["train", "--data", word], "win32")).toBe(
      `npx guardapesos train --data ${forWindows}`,
    );
  });

  it.skipIf(process.platform === "win32")("means the same words to a shell, whatever they are", () => {
    const word = fc.string({ unit: fc.constantFrom(...Array.from("ab $`\\\"'!*?&|;<>(){}[]~#=%,ñ/.-\t")) });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (words) => {
        const plain = words.filter((one) => !one.startsWith("--"));
        const command = resumeCommand(["train", ...plain]).replace(/^npx guardapesos/, "printf '%s\\0'");
        const seen = execFileSync("sh", ["-c", command], { encoding: "utf8" }).split("\0").slice(0, -1);
        expect(seen).toEqual(["train", ...plain]);
      }),
      { numRuns: 40 },
    );
  });
});
