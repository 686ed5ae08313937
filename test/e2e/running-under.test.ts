/** The unit in docs/running-under.md is one that systemd takes. */
import { execFile, execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { testFolder } from "../harness/folder.js";

const hasSystemd = (): boolean => {
  try {
    execFileSync("systemd-analyze", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

it.skipIf(!hasSystemd())("systemd finds nothing wrong with the unit", async () => {
  const page = await readFile(new URL("../../docs/running-under.md", import.meta.url), "utf8");
  const [, unit] = /```ini\n([\s\S]*?)```/.exec(page)!;
  const folder = await testFolder();
  const verify = async (text: string) => {
    const file = join(folder, "guardapesos.service");
    await writeFile(file, text.replace("/usr/bin/node", process.execPath).replace(/^User=.*\n/m, ""));
    const { stderr } = await promisify(execFile)("systemd-analyze", ["verify", "--man=no", file]).catch(
      (error: unknown) => error as { stderr: string },
    );
    return stderr.split("\n").filter((line) => line.includes("guardapesos"));
  };
  expect(await verify(unit!)).toEqual([]);
  expect(await verify(unit!.replace("KillMode=mixed", "KillMode=gently"))).not.toEqual([]);
});
