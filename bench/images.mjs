/**
 * How fast images are prepared, how long the main thread is deaf meanwhile, and how long a training step waits for its
 * batch. Usage: node bench/images.mjs [FOLDER [CLASS]]; without a folder, on phantoms alone.
 */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { buildIfStale } from "../bin/build.mjs";

await buildIfStale();
const { createBatches } = await import("../dist/progan/batches.js");
const { openImageFolder } = await import("../dist/progan/image-folder.js");
const { openPhantoms } = await import("../dist/progan/phantom.js");

const [folder, className] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const seed = 42;

/** A source with the given share of its decoded images in memory. */
function open(channels, cacheBytes) {
  const cache = cacheBytes === undefined ? {} : { cacheBytes };
  if (folder === undefined) return openPhantoms({ count: 128, seed, channels, ...cache });
  const onSkipped = (path, reason) => console.log(`skipped ${path}: ${reason}`);
  return openImageFolder({ folder, className, channels, onSkipped, ...cache });
}

const round = (value, digits = 1) => value.toFixed(digits).padStart(8);

async function preparing(what, source, resolution) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const set = await source.prepare(resolution, { onProgress: () => undefined });
  const seconds = (performance.now() - started) / 1000;
  delay.disable();
  console.log(
    `prepare ${what.padEnd(8)} ${String(resolution).padStart(4)} px ${round(set.count / seconds)} images/s` +
      ` ${round(seconds * 1000)} ms for ${set.count}; longest deaf moment ${round(delay.max / 1e6)} ms`,
  );
}

/** Mean and longest wait for a batch, with a step of `stepMs` between, batches prefetched one ahead or not. */
async function waiting(set, size, stepMs, ahead) {
  const batches = createBatches(set, seed);
  const places = [];
  for (let epochKey = 0; places.length < 40; epochKey++) {
    for (let start = 0; start + size <= set.count; start += size) places.push({ epochKey, start, size });
  }
  const waits = [];
  if (ahead) batches.prefetch(places[0]);
  for (let i = 0; i < 40; i++) {
    const started = performance.now();
    await batches.at(places[i]);
    waits.push(performance.now() - started);
    if (ahead) batches.prefetch(places[i + 1] ?? places[0]);
    // The engine's thread is at work; this one is free.
    await sleep(stepMs);
  }
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  return `mean ${round(mean, 2)} ms, longest ${round(Math.max(...waits), 2)} ms`;
}

for (const resolution of [4, 32, 256, 1024]) {
  await preparing("phantoms", openPhantoms({ count: 128, seed, channels: 1 }), resolution);
}
if (folder !== undefined) {
  const source = await open(1);
  for (const resolution of [4, 32, 256, 1024]) await preparing("files", source, resolution);
  await preparing("RGB", await open(3), 256);
}

for (const [resolution, size, stepMs] of [
  [32, 16, 100],
  [256, 4, 100],
]) {
  for (const [what, cacheBytes] of [
    ["in memory", undefined],
    ["decoded", 0],
  ]) {
    const source = await open(3, cacheBytes);
    const set = await source.prepare(resolution, { onProgress: () => undefined });
    for (const ahead of [false, true]) {
      console.log(
        `wait ${what.padEnd(9)} ${String(resolution).padStart(4)} px, batch ${String(size).padStart(2)}, ` +
          `${ahead ? "prefetched" : "on demand "}: ${await waiting(set, size, stepMs, ahead)}`,
      );
    }
  }
}
