/**
 * How long the engine waits for its images: 8,000 files and the batches of preset rtx3070 at each resolution, through the
 * trainer's own loader. The engine is simulated: a thread that sleeps for as long as a fast card is assumed to take for a
 * batch, and that measures how long it lies idle in between. The peak memory is that of the process, the engine aside.
 *   node bench/images.mjs [FOLDER [CLASS]] [--count=8000] [--steps=300] [--resolutions=4,1024] [--memory=MB]
 *     [--no-disk] [--phantoms] [--quick]
 * The images of FOLDER are copied until there are enough; without one, drawn scans are written as JPEG. `--no-disk`: what
 * does not fit in memory is decoded each time. `--phantoms`: drawn images, no files.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { buildIfStale } from "../bin/build.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    steps: { type: "string" },
    resolutions: { type: "string" },
    memory: { type: "string" },
    "no-disk": { type: "boolean", default: false },
    phantoms: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    one: { type: "string" },
  },
});
const count = Number(flags.count ?? (flags.quick ? 200 : 8000));
const mostSteps = Number(flags.steps ?? (flags.quick ? 10 : 300));
const wanted = (flags.resolutions ?? (flags.quick ? "4,64,256" : "4,8,16,32,64,128,256,512,1024"))
  .split(",")
  .map(Number);
/** Megabytes of decoded images in memory; in quick runs so few that the disk is needed. */
const memory = flags.memory ?? (flags.quick ? "1" : undefined);
const cacheBytes = memory === undefined ? undefined : Number(memory) * 1e6;

/** Assumed, in milliseconds: no card was measured. */
const batchTime = (resolution) => (resolution <= 32 ? 10 : 30);

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

const secondsSince = (start) => (performance.now() - start) / 1000;

async function open(folder) {
  const { openImageFolder } = await import("../dist/progan/image-folder.js");
  const { openPhantoms } = await import("../dist/progan/phantom.js");
  const options = {
    channels: 3,
    cacheBytes,
    spillFolders: flags["no-disk"] ? [] : undefined,
    onUncached: (detail) => console.error(`not cached: ${detail}`),
    onSkipped: (path, reason) => console.error(`skipped ${path}: ${reason}`),
  };
  if (flags.phantoms) return openPhantoms({ count, seed: 42, ...options });
  return openImageFolder({ folder, className: undefined, ...options });
}

/** The steps of an epoch, as the trainer plans them, as far as they are measured. */
async function stepsOf(resolution, epoch, images) {
  const { presets } = await import("../dist/progan/config.js");
  const { advance, epochKey, firstPlace, planStep } = await import("../dist/progan/schedule.js");
  const config = { ...presets.rtx3070, start: resolution };
  const steps = [];
  let place = { ...firstPlace(config), epoch };
  while (place.epoch === epoch && steps.length < mostSteps) {
    const plan = planStep(place, config, images);
    steps.push(plan.map(({ start, size }) => ({ epochKey: epochKey(place), start, size })));
    place = advance(place, plan, config, images);
  }
  return steps;
}

/** One resolution, in a process of its own. @returns a row of the table */
async function measure(resolution, folder) {
  const { createBatches } = await import("../dist/progan/batches.js");
  const source = await open(folder);
  const deafness = monitorEventLoopDelay({ resolution: 1 });
  const started = performance.now();
  const images = await source.prepare(resolution, { onProgress: () => undefined });
  const loading = secondsSince(started);
  const batches = createBatches(images, 42);
  const epochs = [await stepsOf(resolution, 0, images.count), await stepsOf(resolution, 1, images.count)];
  const steps = epochs.flat();
  const worker = new Worker(engine, { eval: true });

  /** One step of the engine. @returns the arrays, and the seconds it had waited for them */
  const compute = async (data) => {
    worker.postMessage(
      { data, milliseconds: data.length * batchTime(resolution) },
      data.map(({ buffer }) => buffer),
    );
    return new Promise((resolve) => worker.once("message", resolve));
  };

  deafness.enable();
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
  deafness.disable();

  // The same with the same arrays again and again: what the messages take.
  let data = await Promise.all(epochs[0][0].map((place) => batches.at(place)));
  const begun = performance.now();
  let idle = 0;
  for (let i = 0; i < epochs[0].length / 2; i++) {
    const answer = await compute(data);
    data = answer.data;
    if (i > 0) idle += answer.idle;
  }
  const messages = idle / secondsSince(begun);
  await worker.terminate();

  // How many images a second the loader gives when nobody holds it up.
  const free = performance.now();
  let given = 0;
  for (const places of epochs[1]) {
    for (const place of places) {
      batches.reuse([await batches.at(place)]);
      given += place.size;
    }
    if (secondsSince(free) > 3) break;
  }
  const rate = given / secondsSince(free);
  await source.releaseDisk();
  const { maxRSS } = process.resourceUsage();
  return { loading, images: images.count, shares, messages, rate, maxRSS, deaf: deafness.max / 1e6 };
}

/** `count` files under names of their own. */
async function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-bench-images-"));
  let files;
  if (positionals.length > 0) {
    const from = join(...positionals);
    files = readdirSync(from, { recursive: true }).map((name) => join(from, name));
    files = files.filter((path) => /\.(jpe?g|png|webp|tiff?)$/i.test(path) && statSync(path).isFile()).sort();
  } else {
    const { drawPhantom } = await import("../dist/progan/phantom.js");
    const { default: sharp } = await import("sharp");
    mkdirSync(join(folder, ".drawn"));
    files = [];
    for (let i = 0; i < 32; i++) {
      const path = join(folder, ".drawn", `${i}.jpg`);
      const raw = { width: 512, height: 512, channels: 1 };
      await sharp(drawPhantom(42, i, 512), { raw })
        .jpeg({ quality: 90 })
        .toFile(path);
      files.push(path);
    }
  }
  for (let i = 0; i < count; i++) {
    const path = files[i % files.length];
    copyFileSync(path, join(folder, `${String(i).padStart(6, "0")}${path.slice(path.lastIndexOf("."))}`));
  }
  return folder;
}

if (flags.one !== undefined) {
  process.stdout.write(JSON.stringify(await measure(Number(flags.one), positionals[0])));
} else {
  await buildIfStale();
  const folder = flags.phantoms ? "-" : await makeFolder();
  const percent = (share) => `${(100 * share).toFixed(2)} %`.padStart(8);
  console.log(
    `${count} ${flags.phantoms ? "phantoms" : "files"}; assumed: a batch takes ${batchTime(4)} ms up to 32x32, ${batchTime(64)} ms beyond.\n` +
      "Wait: the trainer's own measure, first epoch / later epoch. Idle: the engine's, the same, / with nothing to load.\n" +
      "resolution     loading     images/s                  wait                             idle             supply        deaf   peak memory",
  );
  try {
    for (const resolution of wanted) {
      const passed = process.argv.slice(2).filter((word) => word.startsWith("--"));
      const child = spawnSync(
        process.execPath,
        [fileURLToPath(import.meta.url), folder, ...passed, `--one=${resolution}`],
        { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
      );
      if (child.status !== 0) throw new Error(`${resolution}: ended with ${child.status ?? child.signal}`);
      const { loading, images, shares, messages, rate, maxRSS, deaf } = JSON.parse(child.stdout);
      console.log(
        [
          String(resolution).padStart(10),
          `${loading.toFixed(1)} s`.padStart(9),
          (images / loading).toFixed(0).padStart(10),
          shares.map(({ waited }) => percent(waited)).join(" / "),
          [...shares.map(({ idle }) => idle), messages].map(percent).join(" / "),
          `${rate.toFixed(0)} images/s`.padStart(15),
          `${deaf.toFixed(0)} ms`.padStart(6),
          `${(maxRSS / 1024).toFixed(0)} MB`.padStart(8),
        ].join("   "),
      );
    }
  } finally {
    if (!flags.phantoms) rmSync(folder, { recursive: true, force: true });
  }
}
