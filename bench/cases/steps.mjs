/**
 * The training step beside PyTorch's, in time and in peak memory: each run in a process of its own, ours and theirs in turn,
 * so that a noisy machine disturbs all. The peers: PyTorch as one would write it; the better of two faster forms (Adam fused,
 * and that with channels_last), chosen in the first round; and, where GUARDAPESOS_PYTHON is another, Debian's older PyTorch.
 *   node bench/cases/steps.mjs [--quick] [--rounds=N]
 */
import { loadavg } from "node:os";
import { runAlone } from "../harness/options.mjs";
import { debianPython, python, stepsOf, torchVersion } from "../harness/processes.mjs";
import { median, row, say } from "../harness/rows.mjs";

/** @typedef {[number, number, number, number, number]} Configuration channels, resolution, batch size, steps in a process, threads */
/** @typedef {{ milliseconds: number, megabytes: number }} Run medians of one process */
/** @typedef {"plain" | "fused" | "channels_last"} Form */

/** @type {readonly Configuration[]} */
const full = [
  [64, 32, 16, 10, 2],
  [128, 64, 8, 4, 2],
  [512, 16, 12, 3, 2],
  [512, 4, 16, 6, 2],
  [256, 128, 4, 2, 2],
  [64, 32, 16, 6, 1],
];

const isNew = () => !torchVersion()?.startsWith("1.");

/**
 * @param {string} program
 * @param {string} script
 * @param {readonly (string | number)[]} words
 * @returns {Run}
 */
function runOnce(program, script, words) {
  const { milliseconds, peakBytes } = stepsOf(program, script, words);
  return { milliseconds: median(milliseconds), megabytes: peakBytes / 1e6 };
}

/**
 * What runs in turn: by name, a function that runs once.
 * @param {Configuration} configuration
 * @returns {Map<"ours" | "old" | Form, () => Run>}
 */
function contenders(configuration) {
  /** @type {ReturnType<typeof contenders>} */
  const all = new Map([["ours", () => runOnce(process.execPath, "step-process.mjs", configuration)]]);
  /** @type {(program: string, form: Form) => () => Run} */
  const torch = (program, form) => () => runOnce(program, "pytorch_step.py", [...configuration, form]);
  if (torchVersion() !== undefined) all.set("plain", torch(python, "plain"));
  if (torchVersion() !== undefined && isNew()) {
    all.set("fused", torch(python, "fused"));
    all.set("channels_last", torch(python, "channels_last"));
  }
  const isOther = python !== debianPython && torchVersion(debianPython) !== undefined;
  if (isOther) all.set("old", torch(debianPython, "plain"));
  return all;
}

/**
 * @param {Configuration} configuration
 * @param {number} rounds
 * @returns each contender's runs; of the faster forms only the better one has more than the first
 */
function inTurn(configuration, rounds) {
  const all = contenders(configuration);
  const runs = new Map([...all.keys()].map((name) => [name, /** @type {Run[]} */ ([])]));
  const time = (/** @type {Form} */ name) => runs.get(name)?.[0]?.milliseconds ?? Infinity;
  const fusedIsBest = () => time("fused") <= time("channels_last");
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of all) runs.get(name)?.push(run());
    if (round === 0) all.delete(fusedIsBest() ? "channels_last" : "fused");
  }
  const best = fusedIsBest() ? "fused" : "channels_last";
  return {
    ours: runs.get("ours") ?? [],
    plain: runs.get("plain"),
    best,
    fast: runs.get(best),
    old: runs.get("old"),
  };
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, rounds: asked }) {
  const tiny = /** @type {Configuration} */ ([16, 8, 4, 3, 2]);
  const [configurations, rounds] = quick ? [[tiny], asked ?? 1] : [full, asked ?? 5];
  /** @type {Record<"times" | "fastest" | "memory" | "older", import("../harness/types.js").Row[]>} */
  const { times, fastest, memory, older } = { times: [], fastest: [], memory: [], older: [] };
  for (const configuration of configurations) {
    const [channels, resolution, batch, , threads] = configuration;
    const what = `c${channels} ${resolution}x${resolution} b${batch}${threads === 1 ? ", 1 thread" : ""}`;
    say(`${what} (load ${loadavg()[0]?.toFixed(1)})`);
    const { ours, plain, best, fast, old } = inTurn(configuration, rounds);
    /** @type {(key: keyof Run, peer: Run[] | undefined, against: string, goal?: number) => import("../harness/types.js").Row} */
    const rowOf = (key, peer, against, goal) =>
      row({
        what: `${what}, ${key === "milliseconds" ? "time" : "peak memory"}`,
        unit: key === "milliseconds" ? "ms" : "MB",
        ours: ours.map((measured) => measured[key]),
        peer: peer?.map((measured) => measured[key]),
        against,
        ...(goal === undefined ? {} : { goal }),
      });
    times.push(rowOf("milliseconds", plain, "PyTorch", 0.6));
    memory.push(rowOf("megabytes", plain, "PyTorch", 0.85));
    if (fast) fastest.push(rowOf("milliseconds", fast, `PyTorch, ${best}`, 0.75));
    if (old) older.push(rowOf("milliseconds", old, `PyTorch ${torchVersion(debianPython)}`));
  }
  return [...times, ...fastest, ...memory, ...older];
}

/** @type {import("../harness/types.js").Case} */
const steps = {
  name: "steps",
  title: "The training step",
  measures: "time and peak memory of the whole training step, at six shapes",
  peer: "PyTorch, plain and in its faster forms",
  run,
};
export default steps;

await runAlone(import.meta.url, steps);
