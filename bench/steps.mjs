/**
 * The training step beside PyTorch's, in time and in peak memory: each run in a process of its own, ours and theirs in turn,
 * so that a noisy machine disturbs all. The peers: PyTorch as one would write it; the better of two faster forms (Adam fused,
 * and that with channels_last), chosen in the first round; and, where GUARDAPESOS_PYTHON is another, Debian's older PyTorch.
 *   node bench/steps.mjs [--quick] [--rounds=N]
 */
import { loadavg } from "node:os";
import { answerOf, debianPython, python, torchVersion } from "./processes.mjs";
import { median, row, runAlone, say } from "./rows.mjs";

export const title = "The training step";

/** channels, resolution, batch size, steps in a process, threads */
const full = [
  [64, 32, 16, 10, 2],
  [128, 64, 8, 4, 2],
  [512, 16, 12, 3, 2],
  [512, 4, 16, 6, 2],
  [256, 128, 4, 2, 2],
  [64, 32, 16, 6, 1],
];

const isNew = () => !torchVersion()?.startsWith("1.");

function runOnce(program, script, words) {
  const { milliseconds, peakBytes } = answerOf(program, script, words);
  return { milliseconds: median(milliseconds), megabytes: peakBytes / 1e6 };
}

/** What runs in turn: by name, a function that runs once. */
function contenders(configuration) {
  const torch = (program, form) => () => runOnce(program, "./pytorch_step.py", [...configuration, form]);
  const peers = {};
  if (torchVersion() !== undefined) peers.plain = torch(python, "plain");
  if (torchVersion() !== undefined && isNew()) {
    peers.fused = torch(python, "fused");
    peers.channels_last = torch(python, "channels_last");
  }
  const isOther = python !== debianPython && torchVersion(debianPython) !== undefined;
  if (isOther) peers.old = torch(debianPython, "plain");
  return { ours: () => runOnce(process.execPath, "./step.mjs", configuration), ...peers };
}

/** @returns each contender's runs; of the faster forms only the better one has more than the first */
function inTurn(configuration, rounds) {
  const all = contenders(configuration);
  const runs = Object.fromEntries(Object.keys(all).map((name) => [name, []]));
  const time = (name) => runs[name]?.[0]?.milliseconds ?? Infinity;
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(all)) runs[name].push(run());
    if (round === 0) delete all[time("fused") <= time("channels_last") ? "channels_last" : "fused"];
  }
  const best = time("fused") <= time("channels_last") ? "fused" : "channels_last";
  return { ...runs, best, fast: runs[best] };
}

/** @param rounds of each contender; a row says how many there were */
export async function measure({ quick, rounds: asked }) {
  const [configurations, rounds] = quick ? [[[16, 8, 4, 3, 2]], 1] : [full, asked ?? 5];
  const [times, best, memory, old] = [[], [], [], []];
  for (const configuration of configurations) {
    const [channels, resolution, batch, , threads] = configuration;
    const what = `c${channels} ${resolution}x${resolution} b${batch}${threads === 1 ? ", 1 thread" : ""}`;
    say(`${what} (load ${loadavg()[0].toFixed(1)})`);
    const runs = inTurn(configuration, rounds);
    const rowOf = (key, name, peer, against, goal) =>
      row({
        what: `${what}, ${name}`,
        unit: key === "milliseconds" ? "ms" : "MB",
        ours: runs.ours.map((run) => run[key]),
        peer: peer?.map((run) => run[key]),
        against,
        goal,
      });
    times.push(rowOf("milliseconds", "time", runs.plain, "PyTorch", 0.6));
    memory.push(rowOf("megabytes", "peak memory", runs.plain, "PyTorch", 0.85));
    if (runs.fast) best.push(rowOf("milliseconds", "time", runs.fast, `PyTorch, ${runs.best}`, 0.75));
    if (runs.old) old.push(rowOf("milliseconds", "time", runs.old, `PyTorch ${torchVersion(debianPython)}`));
  }
  return [...times, ...best, ...memory, ...old];
}

await runAlone(import.meta.url, title, measure);
