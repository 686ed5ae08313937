/**
 * The agent's own tests, which are in Python beside it: each file runs on each Python that is here. Those that need no torch
 * run on every Python from 3.8; the others run on those that have torch (GUARDAPESOS_PYTHON names one more).
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentFolder } from "../../src/guard/agent-folder.js";

const isWithoutTorch = (file: string) => /^(bootstrap|settings|numbers)_/.test(file);
const files = readdirSync(agentFolder).filter((file) => file.endsWith("_test.py"));
const system = "/usr/bin/python3";
const own = process.env["GUARDAPESOS_PYTHON"];

/** Version and torch's version (or none) of a Python; nothing where it does not run. */
function look(python: string): { python: string; version: string; torch: string | null } | undefined {
  const program = `
import json, sys
try:
    import torch
    version = torch.__version__
except ImportError:
    version = None
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "torch": version}))`;
  const { stdout, status } = spawnSync(python, ["-c", program], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const found = JSON.parse(stdout) as { version: string; torch: string | null };
  return Number(found.version.split(".")[1]) >= 8 ? { python, ...found } : undefined;
}

/** Every Python of pyenv, where that is installed. */
function ofPyenv(): string[] {
  const versions = join(homedir(), ".pyenv", "versions");
  if (!existsSync(versions)) return [];
  return readdirSync(versions).map((version) => join(versions, version, "bin", "python3"));
}

/** What a Python says about its tests. Not waited for in place: the processes of a test run beside each other. */
async function run(python: string, file: string): Promise<{ status: number | null; output: string }> {
  const child = spawn(python, [join(agentFolder, file)], {
    // Python would write its compiled files beside the agent, where a package is packed from.
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => (output += text));
  }
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, output };
}

const pythons = [...new Set([system, ...(own ? [own] : []), ...ofPyenv()])]
  .map(look)
  .filter((found) => found !== undefined);

// Beside each other: most of their time they wait.
describe.concurrent("the agent", () => {
  it.skipIf(pythons.length === 0)(
    `has a Python to be tested on${pythons.length === 0 ? " (skipped: none is here)" : ""}`,
    () => {
      expect(files).toContain("bootstrap_test.py");
    },
  );

  for (const { python, version, torch } of pythons) {
    const here = files.filter((file) => torch !== null || isWithoutTorch(file));
    it.each(here)(
      `%s on Python ${version}${torch === null ? "" : ` with PyTorch ${torch}`} (${python})`,
      async (file) => {
        const { status, output } = await run(python, file);
        expect(status, output).toBe(0);
        expect(output).toMatch(/^OK/m);
      },
      600_000,
    );
  }
  if (!pythons.some((found) => found.torch !== null))
    it.skip("with PyTorch (skipped: no Python here has torch)");
});
