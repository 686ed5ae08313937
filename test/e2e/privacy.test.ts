/**
 * Nothing leaves the machine, and nothing is left below the home folder: every command's system calls, watched. The user's
 * environment asks for ONNX Runtime's telemetry as loudly as it can.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { program, tiny, words } from "../harness/cli.js";

/** Not every container that has strace lets it look. */
const strace = spawnSync("strace", ["true"]).status === 0;

interface Watched {
  readonly code: number | null;
  readonly words: string;
  /** Below the home folder. */
  readonly left: readonly string[];
  /** System calls about networks and names of files; empty without strace. */
  readonly calls: readonly string[];
}

/** Runs one command in `folder`, whose home folder is an empty one. */
function watched(folder: string, typed: readonly string[]): Watched {
  const home = join(folder, `home-${typed[0]!}`);
  mkdirSync(home);
  const calls = join(folder, `calls-${typed[0]!}`);
  const node = [process.execPath, program, ...typed];
  const [command, ...rest] = strace
    ? ["strace", "-f", "-o", calls, "-e", "trace=network,openat,mkdir,mkdirat", ...node]
    : node;
  // In CI, as its variables say, ONNX Runtime's telemetry keeps still by itself.
  const { CI: _ci, GITHUB_ACTIONS: _actions, XDG_CACHE_HOME: _cache, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync(command!, rest, {
    cwd: folder,
    env: { ...environment, HOME: home, ORT_DISABLE_TELEMETRY: "0", ORT_ENABLE_TELEMETRY: "1" },
    encoding: "utf8",
  });
  return {
    code: status,
    words: stdout + stderr,
    left: readdirSync(home, { recursive: true, encoding: "utf8" }),
    calls: existsSync(calls) ? readFileSync(calls, "utf8").split("\n") : [],
  };
}

/** With the processor, which needs no hardware; "auto" looks for a card in a process of its own. */
const { device: _device, ...anyDevice } = tiny;
const computing: readonly (readonly string[])[] = [
  ["train", ...words({ ...anyDevice, end: 4, epochs: 1, backups: 0 })],
  ["generate", "--device", "cpu", "--count", "1"],
  ["plan", ...words({ preset: "demo", channels: 8, end: 4, device: "cpu" })],
];
const others: readonly (readonly string[])[] = [
  ["doctor"],
  ["list"],
  ["stats"],
  ["verify", "--all"],
  ["backup", "copies"],
  ["inspect", "weights/generator_DRUSEN_local.pth"],
  ["monitor", "--sensor", "nvidia-smi"],
];

describe("a command", () => {
  const seen = new Map<string, Watched>();
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => {
    for (const typed of [...computing, ...others]) seen.set(typed[0]!, watched(folder, typed));
  }, 240_000);

  it.each([...computing, ...others])("leaves nothing below the home folder: %s", (name) => {
    const { code, left, words: told } = seen.get(name)!;
    // There is no card here to be watched.
    expect(code, told).toBe(name === "monitor" ? 69 : 0);
    expect(left).toEqual([]);
  });

  it.skipIf(!strace).each([...computing, ...others])("asks nobody on a network: %s", (name) => {
    const { calls } = seen.get(name)!;
    expect(calls.length).toBeGreaterThan(10);
    expect(calls.filter((call) => /AF_INET|nscd|resolv\.conf|microsoft/i.test(call))).toEqual([]);
  });

  it.skipIf(!strace).each(computing)("is watched while it loads ONNX Runtime: %s", (name) => {
    expect(seen.get(name)!.calls.some((call) => call.includes("libonnxruntime"))).toBe(true);
  });
});
