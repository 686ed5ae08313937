/**
 * How the cost of a step grows with resolution, channels and batch size: counted from the graphs, and measured where a
 * step is short enough; and what a save of such a pair takes, without training beside it. Prints a Markdown table.
 *   node bench/growth.mjs [--quick]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildIfStale } from "../bin/build.mjs";
import { answerOf } from "./processes.mjs";
import { median } from "./rows.mjs";

await buildIfStale();
const { presets, resolutions } = await import("../dist/progan/config.js");
const { planTraining } = await import("../dist/training/plan.js");
const { openStore } = await import("../dist/checkpoint/index.js");

const quick = process.argv.includes("--quick");
const widths = quick ? [8] : [64, 128, 256, 512];
const sizes = quick ? [4] : [4, 16];
const shown = quick ? [4, 8] : resolutions;
/** A step that would take longer is computed only. */
const atMost = 4;
/** What nothing is expected to exceed, so that the first guess at a width is no trap: FLOP in a second. */
const carefully = 20e9;

const everywhere = (value) => resolutions.map(() => value);

function counted(channels, resolution, batch) {
  const config = {
    ...presets.full,
    latent: channels,
    channels,
    start: resolutions[0],
    end: resolution,
    batchSizes: everywhere(batch),
    accumulate: 1,
  };
  return planTraining(config, batch).stages.at(-1);
}

function measured(channels, resolution, batch) {
  const words = [channels, resolution, batch, quick ? 1 : 3, 2];
  const { milliseconds, peakBytes } = answerOf(process.execPath, "./step.mjs", words);
  return { seconds: Math.min(...milliseconds) / 1000, peakBytes };
}

/** Seconds that a verified save of two networks takes which are so large together: the median of three. */
async function saved(bytes) {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-growth-"));
  const store = await openStore({ folder, label: "growth", name: "local", ballast: false });
  // As many arrays as the networks have with their moments, about.
  const each = Math.ceil(bytes / 4 / 400);
  const arrays = (network) =>
    new Map(Array.from({ length: 200 }, (_, i) => [`${i}`, { shape: [each], data: new Float32Array(each).fill(i + network) }])); // prettier-ignore
  const networks = new Map(
    ["generator", "critic"].map((name, i) => [
      name,
      { stateDict: arrays(i), parameters: [], adam: undefined },
    ]),
  );
  const times = [];
  for (let step = 1; step <= 3; step++) {
    const { seconds: taken } = await store.save({
      kind: "auto",
      reason: "growth",
      step,
      networks,
      progress: {},
    });
    times.push(taken);
  }
  await store.close();
  rmSync(folder, { recursive: true });
  return median(times);
}

const seconds = (value) => (value < 1 ? `${Math.round(1000 * value)} ms` : `${value.toFixed(1)} s`);
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

console.log(
  "| channels | batch | resolution | GFLOP | step | rate | memory counted | memory measured | checkpoint | save |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
/** By the bytes of the checkpoint. */
const saves = new Map();
for (const channels of widths) {
  for (const batch of sizes) {
    let rate = carefully;
    for (const resolution of shown) {
      const { stepFlops, memory, checkpoint } = counted(channels, resolution, batch);
      const found = stepFlops / rate <= atMost ? measured(channels, resolution, batch) : undefined;
      if (found) rate = stepFlops / found.seconds;
      if (!saves.has(checkpoint)) saves.set(checkpoint, await saved(checkpoint));
      const cells = [
        channels,
        batch,
        `${resolution}x${resolution}`,
        (stepFlops / 1e9).toFixed(1),
        found ? seconds(found.seconds) : `(${seconds(stepFlops / rate)})`,
        found ? `${Math.round(rate / 1e9)} GFLOP/s` : "",
        megabytes(memory),
        found ? megabytes(found.peakBytes) : "",
        megabytes(checkpoint),
        seconds(saves.get(checkpoint)),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}
