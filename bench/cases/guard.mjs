/**
 * What the guard's agent costs a PyTorch training: a step of 50 ms with and without it, and the start of Python. A server
 * here stands where the guard would, and reads what the agent says.
 *   node bench/cases/guard.mjs [--quick] [--rounds=N]
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runAlone } from "../harness/options.mjs";
import { python, torchVersion } from "../harness/processes.mjs";
import { median, row, say } from "../harness/rows.mjs";

const script = fileURLToPath(new URL("../harness/guarded.py", import.meta.url));
const agent = fileURLToPath(new URL("../../src/guard/agent", import.meta.url));
const execute = promisify(execFile);

/**
 * @param {readonly string[]} words of Python's command line
 * @param {Record<string, string>} more of the environment
 */
async function timed(words, more) {
  const started = performance.now();
  const env = { ...process.env, PYTHONPATH: undefined, ...more };
  const { stdout } = await execute(python, [...words], { env });
  return { milliseconds: performance.now() - started, stdout };
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, folder = tmpdir(), rounds: asked }) {
  if (torchVersion() === undefined) return [];
  const [steps, rounds] = quick ? [5, asked ?? 1] : [100, asked ?? 5];
  const work = mkdtempSync(join(folder, "guardapesos-guard-"));
  const server = createServer((socket) => void socket.resume().on("error", () => undefined));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  const guarded = {
    PYTHONPATH: agent,
    GUARDAPESOS_AGENT_PORT: String(typeof address === "object" && address !== null ? address.port : 0),
    GUARDAPESOS_AGENT_TOKEN: "0".repeat(32),
    GUARDAPESOS_AGENT_FOLDER: work,
  };
  /** @type {Record<"ours" | "theirs" | "start" | "plain", number[]>} */
  const { ours, theirs, start, plain } = { ours: [], theirs: [], start: [], plain: [] };
  try {
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      for (const [times, more] of /** @type {const} */ ([
        [ours, guarded],
        [theirs, {}],
      ]))
        times.push(median(JSON.parse((await timed([script, String(steps)], more)).stdout)));
      start.push((await timed(["-c", "pass"], guarded)).milliseconds);
      plain.push((await timed(["-c", "pass"], {})).milliseconds);
    }
  } finally {
    server.close();
    rmSync(work, { recursive: true, force: true });
  }
  const beyond = start.map((milliseconds, i) => milliseconds - (plain[i] ?? 0));
  return [
    row({
      what: "a step of 50 ms, guarded",
      unit: "ms",
      ours,
      peer: theirs,
      against: "PyTorch alone",
      goal: 1.01,
    }),
    row({ what: "Python's start, beyond its own", unit: "ms", ours: beyond, goal: 300 }),
  ];
}

/** @type {import("../harness/types.js").Case} */
const guard = {
  name: "guard",
  title: "Guarding another training",
  measures: "what the agent costs each step of a PyTorch training, and its start",
  peer: "the same script without it",
  run,
};
export default guard;

await runAlone(import.meta.url, guard);
