/**
 * One resolution of the case `images`, in this process: `node bench/harness/images-process.mjs FOLDER RESOLUTION [OPTIONS]`.
 * The engine is simulated: a thread that sleeps for as long as a fast card is assumed to take for a batch, and that measures
 * how long it lies idle in between. The peak memory is that of the process, the engine aside. Prints one JSON line.
 */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { resolutionOf } from "./configuration.mjs";
import { batchTime, imageOptions } from "./image-options.mjs";
import { product } from "./product.mjs";

const { createBatches } = await product("progan/batches.js");
const { presets } = await product("progan/config.js");
const { openImageFolder } = await product("progan/image-folder.js");
const { openPhantoms } = await product("progan/phantom.js");
const { advance, epochKey, firstPlace, planStep } = await product("progan/schedule.js");

/** @typedef {import("../../src/progan/batches.js").BatchPlace} BatchPlace */
/** @typedef {import("../../src/progan/batches.js").Batches} Batches */
/** @typedef {import("../../src/progan/config.js").Resolution} Resolution */
/** Seconds that the engine had lain idle, and the arrays again. @typedef {{ idle: number, data: Float32Array<ArrayBuffer>[] }} Answer */

/** Sleeps as long as a step is assumed to take; answers each message with how long it had waited for it. */
const engine = `
  const { parentPort } = require("node:worker_threads");
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let answered;
  parentPort.on("message", ({ data, milliseconds }) => {
    const idle = answered === undefined ? 0 : (performance.now() - answered) / 1000;
    Atomics.wait(pause, 0, 0, milliseconds);
    answered = performance.now();
    parentPort.postMessage({ idle, data }, data.map(({ buffer }) => buffer));
  });
`;

const secondsSince = (/** @type {number} */ start) => (performance.now() - start) / 1000;

/**
 * @param {string} folder
 * @param {import("./image-options.mjs").ImageOptions} options
 */
function openSource(folder, { count, cacheBytes, noDisk, phantoms }) {
  const more = {
    channels: /** @type {const} */ (3),
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(noDisk ? { spillFolders: [] } : {}),
    onUncached: (/** @type {unknown} */ detail) => console.error(`not cached: ${detail}`),
    onSkipped: (/** @type {string} */ path, /** @type {unknown} */ reason) =>
      console.error(`skipped ${path}: ${reason}`),
  };
  if (phantoms) return openPhantoms({ count, seed: 42, ...more });
  return openImageFolder({ folder, className: undefined, ...more });
}

/**
 * The steps of an epoch, as the trainer plans them, as far as they are measured.
 * @param {Resolution} resolution
 * @param {number} epoch
 * @param {number} images
 * @param {number} most
 * @returns {BatchPlace[][]}
 */
function stepsOf(resolution, epoch, images, most) {
  const config = { ...presets.rtx3070, start: resolution };
  const steps = [];
  let place = { ...firstPlace(config), epoch };
  while (place.epoch === epoch && steps.length < most) {
    const plan = planStep(place, config, images);
    steps.push(plan.map(({ start, size }) => ({ epochKey: epochKey(place), start, size })));
    place = advance(place, plan, config, images);
  }
  return steps;
}

/**
 * Trains through the epochs.
 * @param {Batches} batches
 * @param {readonly BatchPlace[][][]} epochs
 * @param {(data: Answer["data"]) => Promise<Answer>} compute
 */
async function sharesOf(batches, epochs, compute) {
  const steps = epochs.flat();
  const shares = [];
  let next = 0;
  for (const epoch of epochs) {
    const begun = performance.now();
    let [waited, idle] = [0, 0];
    for (const places of epoch) {
      const asked = performance.now();
      const data = await Promise.all(places.map((place) => batches.at(place)));
      waited += secondsSince(asked);
      batches.prefetch(steps[++next] ?? []);
      const answer = await compute(data);
      batches.reuse(answer.data);
      idle += answer.idle;
    }
    const seconds = secondsSince(begun);
    shares.push({ waited: waited / seconds, idle: idle / seconds });
  }
  return shares;
}

/**
 * The same with the same arrays again and again: the share that the messages take.
 * @param {Answer["data"]} first
 * @param {number} rounds
 * @param {(data: Answer["data"]) => Promise<Answer>} compute
 */
async function shareOfMessages(first, rounds, compute) {
  const begun = performance.now();
  let [data, idle] = [first, 0];
  for (let i = 0; i < rounds; i++) {
    const answer = await compute(data);
    data = answer.data;
    if (i > 0) idle += answer.idle;
  }
  return idle / secondsSince(begun);
}

/**
 * How many images a second the loader gives when nobody holds it up.
 * @param {Batches} batches
 * @param {readonly BatchPlace[][]} epoch
 */
async function supplyOf(batches, epoch) {
  const free = performance.now();
  let images = 0;
  for (const places of epoch) {
    for (const place of places) {
      batches.reuse([await batches.at(place)]);
      images += place.size;
    }
    if (secondsSince(free) > 3) break;
  }
  return images / secondsSince(free);
}

/**
 * @param {string} folder
 * @param {Resolution} resolution
 * @param {import("./image-options.mjs").ImageOptions} options
 */
async function measure(folder, resolution, options) {
  const source = await openSource(folder, options);
  const deafness = monitorEventLoopDelay({ resolution: 1 });
  const started = performance.now();
  const signal = new AbortController().signal;
  const images = await source.prepare(resolution, { onProgress: () => undefined, signal });
  const loading = secondsSince(started);
  const batches = createBatches(images, 42);
  const [first, later] = [0, 1].map((epoch) => stepsOf(resolution, epoch, images.count, options.steps));
  if (first?.[0] === undefined || later === undefined) throw new Error("An epoch without steps");
  const worker = new Worker(engine, { eval: true });
  /** @type {(data: Answer["data"]) => Promise<Answer>} */
  const compute = (data) => {
    const milliseconds = data.length * batchTime(resolution);
    worker.postMessage(
      { data, milliseconds },
      data.map(({ buffer }) => buffer),
    );
    return new Promise((resolve) => worker.once("message", resolve));
  };

  deafness.enable();
  const shares = await sharesOf(batches, [first, later], compute);
  deafness.disable();
  const again = await Promise.all(first[0].map((place) => batches.at(place)));
  const messages = await shareOfMessages(again, first.length / 2, compute);
  await worker.terminate();
  const rate = await supplyOf(batches, later);
  await source.releaseDisk();
  const { maxRSS } = process.resourceUsage();
  return {
    resolution,
    loading,
    images: images.count,
    shares,
    messages,
    rate,
    maxRSS,
    deaf: deafness.max / 1e6,
  };
}

const [folder = "-", side = "4", ...words] = process.argv.slice(2);
console.log(JSON.stringify(await measure(folder, await resolutionOf(Number(side)), imageOptions(words))));
