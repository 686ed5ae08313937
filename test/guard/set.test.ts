/** `guardapesos run --set ...` with a real Python: what the script sees, what is told, and what ends before it runs. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { program } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

const script = `from pathlib import Path
LR = 1e-3
CLASS = "DRUSEN"
DATE = "2020-01-01"
WEIGHTS = Path("weights")
open("ran", "w").write(repr((LR, CLASS, DATE, WEIGHTS.as_posix())))
`;

/** A folder with that script, and what `run` answers in it. */
async function withScript() {
  const folder = await testFolder();
  const file = join(folder, "a folder", "train.py");
  await mkdir(join(folder, "a folder"));
  await writeFile(file, script);
  const run = async (options: readonly string[], ...python: string[]) => {
    const words = ["run", "--json", ...options, "--", "python3", ...python, join("a folder", "train.py")];
    const env = { ...process.env, LC_ALL: "C" };
    const answer = await promisify(execFile)(process.execPath, [program, ...words], {
      cwd: folder,
      env,
    }).then(
      (output) => ({ ...output, code: 0 }),
      (error: unknown) => error as { stdout: string; stderr: string; code: number },
    );
    const lines = answer.stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { code: answer.code, of: (type: string) => lines.filter((line) => line["type"] === type) };
  };
  const ran = async () => {
    const path = join(folder, "ran");
    return existsSync(path) ? readFile(path, "utf8") : undefined;
  };
  return { folder, file, run, ran };
}

describe.skipIf(process.platform === "win32")("run --set", { timeout: 60_000 }, () => {
  it("gives the script other constants, says which, and leaves its file as it was", async () => {
    const { file, run, ran } = await withScript();
    const date = ["--set", "DATE=2026-11-30"];
    const { code, of } = await run([
      "--set",
      "LR=LR / 10",
      "--set",
      "CLASS=CNV",
      ...date,
      "--set",
      'WEIGHTS=WEIGHTS / "x"',
    ]);
    expect(code).toBe(0);
    expect(await ran()).toBe("(0.0001, 'CNV', 1985, 'weights/x')");
    expect(await readFile(file, "utf8")).toBe(script);
    expect(
      of("set-replaced").map(({ name, line, value, as, doubt }) => [name, line, value, as, doubt]),
    ).toEqual([
      ["LR", 2, "LR / 10", "expression", undefined],
      ["CLASS", 3, "'CNV'", "string", undefined],
      ["DATE", 4, "2026-11-30", "expression", true],
      ["WEIGHTS", 5, 'WEIGHTS / "x"', "expression", undefined],
    ]);
  });

  it("ends with 64 before the script runs where a name is not there, with the one that was meant", async () => {
    const { run, ran } = await withScript();
    const { code, of } = await run(["--set", "CLAS=CNV"]);
    expect(code).toBe(64);
    expect(of("error")).toMatchObject([
      { code: "SETTING_MISSING", data: { name: "CLAS", suggestion: "CLASS" } },
    ]);
    expect(of("agent-missing")).toEqual([]);
    expect(await ran()).toBeUndefined();
  });

  it("starts nothing where the options make no sense", async () => {
    const { run, ran } = await withScript();
    const cases = [
      [["--set", "LR"], "SETTING_INVALID"],
      [["--recipe", "progan-locl"], "RECIPE_UNKNOWN"],
      [["--resume-args", "'x"], "QUOTE_NOT_CLOSED"],
      [["--resume-set", "A={generater}"], "PLACEHOLDER_UNKNOWN"],
      [["--set", "LR=1", "--no-agent"], "OPTIONS_CONFLICT"],
      [["--cool-by", "restart"], "OPTION_NEEDS"],
    ] as const;
    for (const [options, error] of cases) {
      const { code, of } = await run(options);
      expect([code, of("error")[0]?.["code"]], options.join(" ")).toEqual([64, error]);
    }
    expect(await ran()).toBeUndefined();
  });

  it("takes recipes from the config file; train's keys do not disturb; the command line wins", async () => {
    const { folder, run, ran } = await withScript();
    const mine = { set: ["LR=1", "CLASS=CNV"], "resume-set": "DATE={dir}", "heat-set": ["LR=2"] };
    await writeFile(
      join(folder, "guardapesos.config.json"),
      JSON.stringify({ preset: "demo", epochs: 3, set: ["DATE:=2021"], recipes: { mine } }),
    );
    expect((await run(["--recipe", "mine", "--set", "CLASS=DME"])).code).toBe(0);
    expect(await ran()).toBe("(1, 'DME', '2021', 'weights')");
    await writeFile(
      join(folder, "guardapesos.config.json"),
      JSON.stringify({ recipes: { mine: { sett: 1 } } }),
    );
    const { code, of } = await run(["--recipe", "mine"]);
    expect([code, of("error")[0]?.["code"]]).toEqual([78, "CONFIG_INVALID"]);
  });

  it("says so where Python lets no agent in", async () => {
    const { run, ran } = await withScript();
    const { code, of } = await run(["--set", "LR=1"], "-I");
    expect([code, await ran()]).toEqual([0, "(0.001, 'DRUSEN', '2020-01-01', 'weights')"]);
    expect(of("agent-notice")).toMatchObject([{ what: "set-unmet", detail: "LR" }]);
  });
});
