/**
 * `npm run bench -- steps [--quick]`: the training step beside PyTorch's, each run in a process of its own, ours and theirs in
 * turn, so that a noisy machine disturbs both. Prints a table and writes bench/results/DATE.json.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 5;

/** channels, resolution, batch size, steps in a process */
const configurations = quick
  ? [[16, 8, 4, 3]]
  : [
      [64, 32, 16, 10],
      [128, 64, 8, 4],
      [512, 16, 12, 3],
      [512, 4, 16, 6],
      [256, 128, 4, 2],
    ];

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function runOnce(program, script, configuration) {
  const output = execFileSync(program, [join(here, script), ...configuration.map(String)], {
    encoding: "utf8",
  });
  return JSON.parse(output.trim().split("\n").at(-1));
}

function hasPyTorch() {
  try {
    execFileSync("/usr/bin/python3", ["-c", "import torch"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function summary(runs) {
  const medians = runs.map((run) => median(run.milliseconds));
  return {
    milliseconds: median(medians),
    fastest: Math.min(...runs.flatMap((run) => run.milliseconds)),
    slowest: Math.max(...medians),
    peakMegabytes: Math.round(median(runs.map((run) => run.peakBytes)) / 1e6),
  };
}

const peer = hasPyTorch();
if (!peer) console.log("PyTorch is not installed (Debian: python3-torch): only our own side is measured.");
const results = [];
for (const configuration of configurations) {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(runOnce(process.execPath, "step.mjs", configuration));
    if (peer) theirs.push(runOnce("/usr/bin/python3", "pytorch_step.py", configuration));
  }
  const [channels, resolution, batch] = configuration;
  const row = { name: `c${channels} ${resolution}x${resolution} b${batch}`, ours: summary(ours) };
  if (peer) {
    row.pytorch = summary(theirs);
    row.ratio = row.ours.milliseconds / row.pytorch.milliseconds;
    row.fastestRatio = row.ours.fastest / row.pytorch.fastest;
    row.memoryRatio = row.ours.peakMegabytes / row.pytorch.peakMegabytes;
  }
  results.push(row);
}

const side = (one) =>
  one ? `${one.milliseconds.toFixed(0)} ms (best ${one.fastest.toFixed(0)}), ${one.peakMegabytes} MB` : "-";
console.table(
  results.map(({ name, ours, pytorch, ratio, fastestRatio, memoryRatio }) => ({
    step: name,
    ours: side(ours),
    PyTorch: side(pytorch),
    "time ratio": ratio?.toFixed(2),
    "best ratio": fastestRatio?.toFixed(2),
    "memory ratio": memoryRatio?.toFixed(2),
  })),
);
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  node: process.version,
  date: new Date().toISOString(),
};
mkdirSync(join(here, "results"), { recursive: true });
const file = join(here, "results", `${machine.date.slice(0, 10)}${quick ? "-quick" : ""}.json`);
writeFileSync(file, `${JSON.stringify({ machine, rounds, results }, null, 2)}\n`);
console.log(`written: ${file}`);
