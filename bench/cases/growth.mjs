/**
 * How the cost of a step grows with resolution, channels and batch size: counted from the graphs, and measured where a
 * step is short enough; and what a save of such a pair takes, without training beside it. Prints a Markdown table.
 *   npm run bench -- growth [--quick] [--rounds=N]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolutionOf } from "../harness/configuration.mjs";
import { runAlone } from "../harness/options.mjs";
import { stepsOf } from "../harness/processes.mjs";
import { product } from "../harness/product.mjs";
import { median } from "../harness/rows.mjs";

const { presets, resolutions } = await product("progan/config.js");
const { planTraining } = await product("training/plan.js");
const { openStore } = await product("checkpoint/index.js");

/** A step that would take longer, in seconds, is computed only. */
const atMost = 4;
/** What nothing is expected to exceed, so that the first guess at a width is no trap: FLOP in a second. */
const carefully = 20e9;

/**
 * @param {number} channels
 * @param {number} side
 * @param {number} batch
 */
async function counted(channels, side, batch) {
  const config = {
    ...presets.full,
    latent: channels,
    channels,
    start: resolutions[0],
    end: await resolutionOf(side),
    batchSizes: resolutions.map(() => batch),
    accumulate: 1,
  };
  const stage = planTraining(config, batch).stages.at(-1);
  if (stage === undefined) throw new Error("A plan without stages");
  return stage;
}

/**
 * @param {number} channels
 * @param {number} resolution
 * @param {number} batch
 * @param {number} steps
 */
function measured(channels, resolution, batch, steps) {
  const words = [channels, resolution, batch, steps, 2];
  const { milliseconds, peakBytes } = stepsOf(process.execPath, "step-process.mjs", words);
  return { seconds: Math.min(...milliseconds) / 1000, peakBytes };
}

/**
 * Seconds that a verified save of two networks takes which are so large together: the median of some.
 * @param {number} bytes
 * @param {number} rounds
 */
async function saved(bytes, rounds) {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-growth-"));
  try {
    const store = await openStore({ folder, label: "growth", name: "local", ballast: false });
    // As many arrays as the networks have with their moments, about.
    const each = Math.ceil(bytes / 4 / 400);
    const arrays = (/** @type {number} */ network) =>
      new Map(Array.from({ length: 200 }, (_, i) => [`${i}`, { shape: [each], data: new Float32Array(each).fill(i + network) }])); // prettier-ignore
    const networks = new Map(
      ["generator", "critic"].map((name, i) => [
        name,
        { stateDict: arrays(i), parameters: [], adam: undefined },
      ]),
    );
    const times = [];
    for (let step = 1; step <= rounds; step++) {
      const { seconds } = await store.save({ kind: "auto", reason: "growth", step, networks, progress: {} });
      times.push(seconds);
    }
    await store.close();
    return median(times);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const inSeconds = (/** @type {number} */ value) =>
  value < 1 ? `${Math.round(1000 * value)} ms` : `${value.toFixed(1)} s`;
const inMegabytes = (/** @type {number} */ bytes) => `${Math.round(bytes / 1e6)} MB`;

const heads = ["channels", "batch", "resolution", "GFLOP", "step", "rate", "memory counted", "memory measured", "checkpoint", "save"]; // prettier-ignore

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, rounds = 3 }) {
  const widths = quick ? [8] : [64, 128, 256, 512];
  const sizes = quick ? [4] : [4, 16];
  const shown = quick ? [4, 8] : resolutions;
  console.log(`| ${heads.join(" | ")} |`);
  console.log(`| ${heads.map(() => "---").join(" | ")} |`);
  /** Seconds, by the bytes of the checkpoint. @type {Map<number, number>} */
  const saves = new Map();
  for (const channels of widths) {
    for (const batch of sizes) {
      let rate = carefully;
      for (const resolution of shown) {
        const { stepFlops, memory, checkpoint } = await counted(channels, resolution, batch);
        const isShort = stepFlops / rate <= atMost;
        const found = isShort ? measured(channels, resolution, batch, quick ? 1 : rounds) : undefined;
        if (found) rate = stepFlops / found.seconds;
        const save = saves.get(checkpoint) ?? (await saved(checkpoint, rounds));
        saves.set(checkpoint, save);
        const cells = [
          channels,
          batch,
          `${resolution}x${resolution}`,
          (stepFlops / 1e9).toFixed(1),
          found ? inSeconds(found.seconds) : `(${inSeconds(stepFlops / rate)})`,
          found ? `${Math.round(rate / 1e9)} GFLOP/s` : "",
          inMegabytes(memory),
          found ? inMegabytes(found.peakBytes) : "",
          inMegabytes(checkpoint),
          inSeconds(save),
        ];
        console.log(`| ${cells.join(" | ")} |`);
      }
    }
  }
  return [];
}

/** @type {import("../harness/types.js").Case} */
const growth = {
  name: "growth",
  title: "How the cost of a step grows",
  measures: "a step and a save by resolution, channels and batch size, counted and measured",
  peer: undefined,
  run,
};
export default growth;

await runAlone(import.meta.url, growth);
