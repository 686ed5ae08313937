/** The processes that are measured: trainings of ours, told by their events, and PyTorch's side. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Debian's Python, with the oldest PyTorch that is supported. */
export const debianPython = "/usr/bin/python3";
/** PyTorch's Python: GUARDAPESOS_PYTHON, or Debian's. */
export const python = process.env.GUARDAPESOS_PYTHON ?? debianPython;
const program = fileURLToPath(new URL("../../bin/guardapesos.mjs", import.meta.url));

/** @type {Map<string, string | undefined>} */
const versions = new Map();

/** The version of PyTorch that a Python has; undefined where there is none. */
export function torchVersion(interpreter = python) {
  if (!versions.has(interpreter)) {
    try {
      const words = ["-c", "import torch; print(torch.__version__)"];
      const output = execFileSync(interpreter, words, {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      versions.set(interpreter, output.trim());
    } catch {
      versions.set(interpreter, undefined);
    }
  }
  return versions.get(interpreter);
}

/**
 * Runs a script beside this one, which measures steps, to its end.
 * @param {string} program that runs it
 * @param {string} script its name
 * @param {readonly (string | number)[]} words
 * @returns {{ milliseconds: number[], peakBytes: number }} of each step but the first; the JSON of its last line
 */
export function stepsOf(program, script, words) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const output = execFileSync(program, [path, ...words.map(String)], { encoding: "utf8" });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "");
}

/**
 * PyTorch's side of the files, waiting for commands; undefined where there is no PyTorch.
 * @param {number} channels
 */
export async function startTorch(channels) {
  if (torchVersion() === undefined) return undefined;
  const script = fileURLToPath(new URL("./torch-files.py", import.meta.url));
  const child = spawn(python, [script, String(channels)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("PyTorch's side has ended");
    return JSON.parse(value);
  };
  await answer();
  return {
    /**
     * @param {string[]} command
     * @returns {Promise<number>} milliseconds
     */
    async run(...command) {
      child.stdin.write(`${command.join(" ")}\n`);
      const seconds = await answer();
      return seconds * 1000;
    },
    stop: () => child.stdin.end(),
  };
}

/**
 * Processor seconds and peak memory of a process so far; undefined where the system does not tell (not Linux).
 * @param {number} pid
 * @returns {{ seconds: number, peakBytes: number } | undefined}
 */
export function usageOf(pid) {
  try {
    // Fields 14 and 15: user and system time in ticks of 10 ms. The second, a name, may hold blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    if (kilobytes === undefined) return undefined;
    return { seconds: (Number(fields[11]) + Number(fields[12])) / 100, peakBytes: 1024 * Number(kilobytes) };
  } catch {
    return undefined;
  }
}

/**
 * An event as `--json` prints it.
 * @typedef {import("../../src/events/event.js").RunEvent & { at: string }} PrintedEvent
 */

/**
 * `guardapesos train` in a process of its own, with these settings.
 * @param {Readonly<Record<string, string | number>>} settings by the name of their option
 * @param {(event: PrintedEvent, milliseconds: number, training: { pid: number, kill(signal: NodeJS.Signals): void }) => void} onEvent
 *   told of each event, the milliseconds since the process was started, and the process
 * @param {{ cwd?: string, env?: Record<string, string> }} [where]
 * @returns {Promise<number | string | null>} its exit code, or the signal that ended it
 */
export async function train(settings, onEvent, { cwd, env } = {}) {
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const started = performance.now();
  const child = spawn(process.execPath, [program, "train", "--json", ...flags], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  /** @type {Promise<number | string | null>} */
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? signal));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    /** @type {PrintedEvent | { type: "error", message: string }} */
    const event = JSON.parse(line);
    if (event.type === "error") throw new Error(`training failed: ${event.message}`);
    const kill = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
    // A process that has printed something was started.
    onEvent(event, performance.now() - started, { pid: child.pid ?? 0, kill });
  }
  return ended;
}
