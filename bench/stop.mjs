/**
 * `node bench/stop.mjs [FOLDER]`: how long it takes from a key to safe weights, for the full-size pair (582 MB), beside
 * what the disk of FOLDER alone needs to write, sync and read back as many bytes; how soon the key is answered; the longest
 * gap of the event loop while training; and what copies of that state cost. Writes bench/results/stop.json.
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildIfStale } from "../bin/build.mjs";

await buildIfStale();
const { createMirror } = await import("../dist/training/mirror.js");

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "guardapesos-stop-"));
const rounds = 2;
const block = Buffer.alloc(2 ** 22, 7);

/** Records the longest gap of the main thread's event loop in each quarter of a second, as the training tells it. */
const gaps = `import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";
import { appendFileSync } from "node:fs";
if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  setInterval(() => {
    appendFileSync(process.env.GAPS, Date.now() + " " + delay.max / 1e6 + "\\n");
    delay.reset();
  }, 250).unref();
}`;

const seconds = (since) => (performance.now() - since) / 1000;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Writes, syncs, reads back: what no save can do without. */
function diskAlone(bytes, synced) {
  const path = join(folder, "bytes");
  const started = performance.now();
  const file = openSync(path, "w+");
  for (let done = 0; done < bytes; done += block.length)
    writeSync(file, block, 0, Math.min(block.length, bytes - done));
  if (synced) fsyncSync(file);
  const written = seconds(started);
  for (let done = 0; done < bytes; done += block.length) readSync(file, block, 0, block.length, done);
  const all = seconds(started);
  closeSync(file);
  rmSync(path);
  return { written, all };
}

/**
 * Trains the full-size pair, stops it in the middle of its third batch. Times are from the first key on, in seconds.
 * @param impatient whether the key is pressed again
 */
async function stopOnce(resolution, batchSize, impatient) {
  const weights = join(folder, "weights");
  const gapFile = join(folder, "gaps");
  writeFileSync(gapFile, "");
  const plan = {
    preset: "full",
    start: resolution,
    end: resolution,
    "batch-sizes": batchSize,
    accumulate: 1,
    phantoms: 4 * batchSize,
  };
  const rest = { epochs: 100, autosave: 1000000, backups: 0, device: "cpu", threads: cpus().length, weights };
  const options = Object.entries({ ...plan, ...rest }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const child = spawn(
    process.execPath,
    [join(here, "../bin/guardapesos.mjs"), "train", ...options, "--json"],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        GAPS: gapFile,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(gaps)}`,
      },
    },
  );
  const exited = new Promise((resolve) => child.on("exit", resolve));
  const steps = [];
  const result = { presses: [] };
  let pressed;
  const press = () => {
    pressed ??= performance.now();
    child.kill("SIGINT");
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.type === "stepped") steps.push({ at: Date.now(), now: performance.now() });
    if (event.type === "stepped" && steps.length === 2) {
      result.batch = (steps[1].now - steps[0].now) / 1000;
      await wait(Math.min(300, 250 * result.batch));
      press();
      if (impatient) setTimeout(press, 150);
    }
    if (event.type === "stop-requested") result.presses.push(seconds(pressed));
    if (event.type === "save-started" && pressed) result.saveBegins = seconds(pressed);
    if (event.type === "saved") result.safe = seconds(pressed);
    if (event.type === "saved") result.bytes = event.bytes;
    if (event.type === "stop-requested" && event.leaving) result.leaving = true;
  }
  await exited;
  result.gone = seconds(pressed);
  const told = readFileSync(gapFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
  const training = told.filter(([at]) => at > steps[0].at + 250);
  result.longestGap = Math.max(...training.map(([, gap]) => gap)) / 1000;
  rmSync(weights, { recursive: true });
  return result;
}

/** Copies of a state of that size: into shared memory, and into a file without a sync, as a helper process would keep it. */
async function copies(bytes) {
  const arrays = new Map();
  const one = 2 ** 20;
  for (let i = 0; i < bytes / (4 * one); i++)
    arrays.set(`array ${i}`, { shape: [one], data: new Float32Array(one).fill(i) });
  const mirror = createMirror();
  mirror.stepped(1e9);
  const state = { arrays, counters: new Map() };
  const times = [];
  for (let round = 0; round < 4; round++) {
    const started = performance.now();
    await mirror.refresh(bytes, () => Promise.resolve(state));
    times.push(seconds(started));
  }
  const unsynced = [1, 2, 3].map(() => diskAlone(bytes, false).written);
  return { first: times[0], later: median(times.slice(1)), unsynced: median(unsynced) };
}

try {
  const runs = { once: [], twice: [] };
  const disk = [];
  for (let round = 0; round < rounds; round++) {
    runs.once.push(await stopOnce(32, 1, false));
    disk.push(diskAlone(runs.once[0].bytes, true));
    runs.twice.push(await stopOnce(32, 16, true));
    disk.push(diskAlone(runs.once[0].bytes, true));
  }
  const { bytes } = runs.once[0];
  const of = (list, key) => median(list.map((run) => run[key]));
  const summary = {
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      node: process.version,
      date: new Date().toISOString(),
    },
    bytes,
    disk: { written: of(disk, "written"), writtenAndReadBack: of(disk, "all") },
    once: { batch: of(runs.once, "batch"), answered: median(runs.once.map(({ presses }) => presses[0])), saveBegins: of(runs.once, "saveBegins"), safe: of(runs.once, "safe"), gone: of(runs.once, "gone"), longestGap: of(runs.once, "longestGap") }, // prettier-ignore
    twice: { batch: of(runs.twice, "batch"), leaving: runs.twice.every(({ leaving }) => leaving), saveBegins: of(runs.twice, "saveBegins"), safe: of(runs.twice, "safe"), gone: of(runs.twice, "gone"), longestGap: of(runs.twice, "longestGap") }, // prettier-ignore
    copies: await copies(bytes),
  };
  summary.once.ratio = (summary.once.safe - summary.once.saveBegins) / summary.disk.writtenAndReadBack;
  summary.twice.ratio = (summary.twice.safe - summary.twice.saveBegins) / summary.disk.writtenAndReadBack;
  console.log(JSON.stringify(summary, null, 2));
  mkdirSync(join(here, "results"), { recursive: true });
  writeFileSync(join(here, "results", "stop.json"), `${JSON.stringify({ ...summary, runs }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
