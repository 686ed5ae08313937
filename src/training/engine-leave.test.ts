/** Leaving an engine that computes, in a process of its own: when that goes wrong, the process is gone. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("an engine that is left in the middle of a step and closed ends no process", () => {
  const program = fileURLToPath(new URL("../../test/harness/left-engine.mjs", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe("alive\n");
});
