/**
 * Leaves the engine in the middle of a long step and closes it, as a second Ctrl+C does, and stays until the step is over:
 * prints "alive" then.
 */
import { setTimeout as wait } from "node:timers/promises";
import { startEngine } from "../../dist/training/engine.js";
import { freshState } from "../../dist/trainer/state.js";

const architecture = { latent: 16, channels: 64, imageChannels: 1 };
const resolution = 8;
const size = 8;
const engine = await startEngine(
  { architecture, seed: 1, engine: { provider: "cpu", threads: 1 }, learningRate: 1e-3 },
  freshState(architecture, 1),
);
const batch = (index) => ({
  index,
  start: 0,
  size,
  weight: 1 / 8,
  images: new Float32Array(size * resolution ** 2),
});
const step = (first) =>
  engine.step({
    resolution,
    alpha: 0.5,
    batches: Array.from({ length: 8 }, (_, i) => batch(first + i)),
    handOver: false,
  });
await step(0);
const started = performance.now();
await step(8);
const seconds = (performance.now() - started) / 1000;
const left = step(16).catch(() => undefined);
await wait((seconds * 1000) / 3);
engine.leave();
await engine.close();
await left;
await wait(seconds * 3000 + 200);
console.log("alive");
process.kill(process.pid, "SIGKILL");
