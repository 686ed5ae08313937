/**
 * The training step beside PyTorch's, in time and in peak memory: each run in a process of its own, ours and theirs in turn,
 * so that a noisy machine disturbs both.
 *   node bench/steps.mjs [--quick]
 */
import { answerOf, python, torchVersion } from "./processes.mjs";
import { median, row, runAlone, say } from "./rows.mjs";

export const title = "The training step";

/** channels, resolution, batch size, steps in a process */
const full = [
  [64, 32, 16, 10],
  [128, 64, 8, 4],
  [512, 16, 12, 3],
  [512, 4, 16, 6],
  [256, 128, 4, 2],
];

function runOnce(program, script, configuration) {
  const { milliseconds, peakBytes } = answerOf(program, script, configuration);
  return { milliseconds: median(milliseconds), megabytes: peakBytes / 1e6 };
}

export async function measure({ quick }) {
  const [configurations, rounds] = quick ? [[[16, 8, 4, 3]], 1] : [full, 5];
  const [times, memory] = [[], []];
  for (const configuration of configurations) {
    const [ours, theirs] = [[], []];
    const [channels, resolution, batch] = configuration;
    const what = `c${channels} ${resolution}x${resolution} b${batch}`;
    say(what);
    for (let round = 0; round < rounds; round++) {
      ours.push(runOnce(process.execPath, "./step.mjs", configuration));
      if (torchVersion() !== undefined) theirs.push(runOnce(python, "./pytorch_step.py", configuration));
    }
    const rowOf = (key, name, unit) =>
      row({
        what: `${what}, ${name}`,
        unit,
        ours: ours.map((run) => run[key]),
        peer: theirs.map((run) => run[key]),
        against: "PyTorch",
        goal: 1,
      });
    times.push(rowOf("milliseconds", "time", "ms"));
    memory.push(rowOf("megabytes", "peak memory", "MB"));
  }
  return [...times, ...memory];
}

await runAlone(import.meta.url, title, measure);
