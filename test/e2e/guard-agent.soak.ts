/** 300 random endings of a guarded training: whatever they leave loads, and is to the bit what the networks were. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentFolder } from "../../src/guard/agent-folder.js";

const python = process.env["GUARDAPESOS_PYTHON"] ?? "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

describe.skipIf(!hasTorch)(
  `a guarded training ended at random${hasTorch ? "" : ` (skipped: ${python} has no torch)`}`,
  () => {
    it("leaves whole files, and pairs of one batch", () => {
      const program = join(agentFolder, "endings_for_tests.py");
      const { status, stdout, stderr } = spawnSync(python, [program, "300", String(Date.now() % 1e6)], {
        encoding: "utf8",
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
      });
      expect(status, stdout + stderr).toBe(0);
      expect(stdout).toContain("300 endings, 0 wrong");
    });
  },
);
