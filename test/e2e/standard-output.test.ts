/** Where a command's words go: onto a full disk, to a reader that leaves, out of a folder that is gone. Never 0 in silence. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { program, tiny, words } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

/** Runs a line of shell in a folder, where "guardapesos" is the program. */
function shell(folder: string, line: string) {
  const { status, stdout, stderr } = spawnSync(
    "/bin/sh",
    ["-c", line.replaceAll("guardapesos", '"$N" "$P"')],
    {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, N: process.execPath, P: program, LC_ALL: "C.UTF-8" },
    },
  );
  return { code: status, out: stdout, err: stderr };
}
const training = `train ${words({ ...tiny, end: 4, epochs: 1, backups: 0 }).join(" ")}`;

describe.skipIf(!existsSync("/dev/full"))("standard output that takes nothing", { timeout: 60_000 }, () => {
  it("is an error of every command, told where that can be", async () => {
    const folder = await testFolder();
    const trained = shell(folder, `guardapesos ${training} > /dev/full`);
    expect(trained).toMatchObject({ code: 74, err: expect.stringContaining("ENOSPC") as string });
    expect(existsSync(join(folder, "weights", "generator_DRUSEN_local.pth"))).toBe(true);
    for (const typed of ["list", "list --json", "doctor", "--help", "stop"]) {
      const { code, err } = shell(folder, `guardapesos ${typed} > /dev/full`);
      expect([typed, code, err]).toEqual([typed, 74, expect.stringContaining("ENOSPC")]);
    }
    expect(shell(folder, "guardapesos list > /dev/full 2>&1").code).toBe(74);
  });

  it("leaves another error its code, and says it", async () => {
    const folder = await testFolder();
    for (const json of ["", " --json"]) {
      const { code, err } = shell(folder, `guardapesos list --weights none${json} > /dev/full`);
      expect([code, err]).toEqual([66, expect.stringContaining("The folder none does not exist")]);
    }
    expect(shell(folder, "guardapesos list --weights none 2> /dev/full").code).toBe(66);
  });

  it("is no error when it is a reader that has read enough", async () => {
    const folder = await testFolder();
    shell(folder, `guardapesos ${training}`);
    for (const typed of ["list", "stats --json", "train --help", "monitor --sensor simulated:model --json"]) {
      const { out, err } = shell(folder, `{ guardapesos ${typed}; echo $? > code; } | head -n 1`);
      expect(out.split("\n")).toHaveLength(2);
      expect([typed, readFileSync(join(folder, "code"), "utf8").trim(), err]).toEqual([typed, "0", ""]);
    }
  });
});

const canMount = process.platform === "linux" && process.getuid?.() === 0;

it.skipIf(!canMount)("a disk that takes a part of the words is full", async (test) => {
  const disk = join(await testFolder(), "disk");
  mkdirSync(disk);
  // Two pages: one is taken, the other is less than what is to be written.
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8k", "tmpfs", disk]).status !== 0)
    return test.skip("no mount");
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  writeFileSync(join(disk, "other"), "x");
  const { code, err } = shell(disk, "guardapesos train --help > help.txt");
  expect(statSync(join(disk, "help.txt")).size).toBeGreaterThan(0);
  expect([code, err]).toEqual([74, expect.stringContaining("ENOSPC")]);
});

it.skipIf(!canMount)("a log on a full disk ends with a whole line, and monitor with 74", async (test) => {
  const disk = join(await testFolder(), "disk");
  mkdirSync(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8k", "tmpfs", disk]).status !== 0)
    return test.skip("no mount");
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  const log = "guardapesos monitor --sensor simulated:model --time-scale 100 --log night.csv";
  const { code, err } = shell(disk, log);
  expect([code, err]).toEqual([74, expect.stringContaining("night.csv")]);
  const lines = readFileSync(join(disk, "night.csv"), "utf8").split("\n");
  expect(lines.pop()).toBe("");
  const fields = new Set(lines.map((line) => line.split(",").length));
  expect([lines.length > 10, fields.size]).toEqual([true, 1]);

  // Where not even its headings have room, there is none.
  writeFileSync(join(disk, "other"), "");
  const again = shell(disk, log.replace("night", "day"));
  expect(again.code).toBe(74);
  expect(existsSync(join(disk, "day.csv"))).toBe(false);
});

it("a current folder that is gone is said, by every command", async () => {
  const folder = await testFolder();
  for (const typed of [training, "list", "generate", "--version"]) {
    mkdirSync(join(folder, "gone"));
    const told = shell(folder, `cd gone && rmdir ../gone && guardapesos ${typed}`);
    expect(told).toEqual({
      code: 66,
      out: "",
      err: expect.stringMatching(/^Error: The current folder.*\n$/) as string,
    });
  }
});
