/**
 * One configuration of the training step in this process: `node bench/harness/step-process.mjs CHANNELS RESOLUTION BATCH STEPS THREADS`.
 * Prints one JSON line: milliseconds of each step but the first, and the peak memory of the process.
 */
import { architectureOf, resolutionOf } from "./configuration.mjs";
import { product } from "./product.mjs";

const { createTrainer } = await product("trainer/trainer.js");
const { freshState } = await product("trainer/state.js");
const { uniform } = await product("base/random.js");

const [channels = 64, side = 32, size = 16, steps = 4, threads = 2] = process.argv.slice(2).map(Number);
const architecture = architectureOf(channels);
const resolution = await resolutionOf(side);
/** @type {{ provider: "cpu", threads: number }} */
const engine = { provider: "cpu", threads };
const trainer = createTrainer(
  { architecture, seed: 1, engine, learningRate: 1e-3 },
  freshState(architecture, 1),
);
const milliseconds = [];
for (let index = 0; index <= steps; index++) {
  const images = uniform(1, "phantom", index, size * 3 * resolution ** 2).map((u) => 2 * u - 1);
  const started = performance.now();
  await trainer.step({
    resolution,
    alpha: 0.5,
    batches: [{ index, start: 0, size, weight: 1, images }],
    handOver: false,
  });
  if (index > 0) milliseconds.push(performance.now() - started);
}
console.log(JSON.stringify({ milliseconds, peakBytes: process.resourceUsage().maxRSS * 1024 }));
