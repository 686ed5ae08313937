/**
 * How long it takes from a key to safe weights, for the full-size pair, beside what the disk of FOLDER alone needs to write,
 * sync and read back as many bytes; how soon the key is answered; the longest gap of the event loop while training, also
 * beside saves; and what copies of that state cost. At 32x32 the pair is 526 MB: the 582 MB of the whole one need a training at 1024x1024.
 *   node bench/cases/stop.mjs [FOLDER] [--quick] [--rounds=N]
 */
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAlone } from "../harness/options.mjs";
import { train } from "../harness/processes.mjs";
import { product } from "../harness/product.mjs";
import { median, row, say } from "../harness/rows.mjs";

/** Tells the longest gap between two instants, in milliseconds; NaN where none was recorded. @typedef {(from: number, to: number) => number} GapBetween */

/**
 * A stop. Times are from the first key on, in seconds.
 * @typedef {object} Stopped
 * @property {number} batch that was stopped: how long one takes
 * @property {number} answered
 * @property {number} saveBegins
 * @property {number} safe
 * @property {number} bytes of the save
 * @property {number} longestGap of the event loop until the key, in milliseconds; NaN where none was recorded
 */

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

const seconds = (/** @type {number} */ since) => (performance.now() - since) / 1000;

/**
 * Writes, syncs, reads back: what no save can do without. The file stays: the pages of one that is removed would be there at
 * once for the next, while a save finds other ones.
 * @param {string} folder
 * @param {number} bytes
 * @param {boolean} synced
 */
function diskAlone(folder, bytes, synced) {
  const path = join(mkdtempSync(join(folder, "alone-")), "bytes");
  const started = performance.now();
  const file = openSync(path, "w+");
  for (let done = 0; done < bytes; done += block.length)
    writeSync(file, block, 0, Math.min(block.length, bytes - done));
  if (synced) fsyncSync(file);
  const written = seconds(started);
  for (let done = 0; done < bytes; done += block.length)
    readSync(file, block, 0, Math.min(block.length, bytes - done), done);
  const all = seconds(started);
  closeSync(file);
  return { written, all };
}

/**
 * Trains the pair while the gaps of the event loop are recorded.
 * @param {string} folder
 * @param {number} channels
 * @param {number} batchSize
 * @param {Readonly<Record<string, string | number>>} more settings
 * @param {Parameters<typeof train>[1]} onEvent
 * @returns {Promise<GapBetween>}
 */
async function trainWatched(folder, channels, batchSize, more, onEvent) {
  const weights = join(folder, "weights");
  const gapFile = join(folder, "gaps");
  writeFileSync(gapFile, "");
  const settings = {
    preset: "full", channels, latent: channels, start: 32, end: 32, "batch-sizes": batchSize, accumulate: 1,
    epochs: 100, backups: 0, device: "cpu", sensor: "none", weights, ...more,
  }; // prettier-ignore
  const watcher = `--import=data:text/javascript,${encodeURIComponent(gaps)}`;
  await train(settings, onEvent, { cwd: folder, env: { GAPS: gapFile, NODE_OPTIONS: watcher } });
  rmSync(weights, { recursive: true });
  const recorded = readFileSync(gapFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [at = NaN, gap = NaN] = line.split(" ").map(Number);
      return { at, gap };
    });
  return (from, to) => {
    // In the first quarter of a second the record still holds gaps from before.
    const between = recorded.filter(({ at }) => at > from + 250 && at < to + 250).map(({ gap }) => gap);
    return between.length > 0 ? Math.max(...between) : NaN;
  };
}

/**
 * The longest gap while the state is handed over to one save after the other.
 * @param {string} folder
 * @param {number} channels
 * @param {number} saves
 */
async function gapBesideSaves(folder, channels, saves) {
  let [begun, done, stoppedAt] = [NaN, 0, NaN];
  const settings = { phantoms: 400, autosave: 3 };
  const gapBetween = await trainWatched(folder, channels, 1, settings, ({ type }, _, training) => {
    if (type === "stepped" && Number.isNaN(begun)) begun = Date.now();
    if (type === "saved" && ++done === saves) {
      stoppedAt = Date.now();
      training.kill("SIGINT");
    }
  });
  return gapBetween(begun, stoppedAt);
}

/**
 * Stops a training in the middle of its third batch.
 * @param {string} folder
 * @param {number} channels
 * @param {number} batchSize
 * @param {boolean} impatient whether the key is pressed again
 * @returns {Promise<Stopped>}
 */
async function stopOnce(folder, channels, batchSize, impatient) {
  /** @type {{ at: number, now: number }[]} */
  const steps = [];
  /** @type {{ at: number, now: number } | undefined} */
  let pressed;
  const found = { batch: NaN, answered: NaN, saveBegins: NaN, safe: NaN, bytes: NaN };
  const instant = () => ({ at: Date.now(), now: performance.now() });
  /** @type {Parameters<typeof train>[1]} */
  const onEvent = (event, _, training) => {
    const press = () => {
      pressed ??= instant();
      training.kill("SIGINT");
    };
    if (event.type === "stepped") {
      steps.push(instant());
      const [first, second] = steps;
      if (first && second && steps.length === 2) {
        found.batch = (second.now - first.now) / 1000;
        const pressTwice = () => {
          press();
          if (impatient) setTimeout(press, 150);
        };
        setTimeout(pressTwice, Math.min(300, 250 * found.batch));
      }
    }
    if (pressed === undefined) return;
    if (event.type === "stop-requested" && Number.isNaN(found.answered))
      found.answered = seconds(pressed.now);
    if (event.type === "save-started") found.saveBegins = seconds(pressed.now);
    if (event.type === "saved") Object.assign(found, { safe: seconds(pressed.now), bytes: event.bytes });
  };
  const settings = { phantoms: 4 * batchSize, autosave: 1000000 };
  const gapBetween = await trainWatched(folder, channels, batchSize, settings, onEvent);
  return { ...found, longestGap: gapBetween(steps[0]?.at ?? NaN, pressed?.at ?? NaN) };
}

/**
 * Copies of a state of that size: into shared memory, and into a file without a sync, as a helper process would keep it.
 * @param {string} folder
 * @param {number} bytes
 */
async function copies(folder, bytes) {
  const arrays = new Map();
  const length = 2 ** 20;
  for (let i = 0; i < bytes / (4 * length); i++)
    arrays.set(`array ${i}`, { shape: [length], data: new Float32Array(length).fill(i) });
  const { createMirror } = await product("training/mirror.js");
  const mirror = createMirror(undefined);
  mirror.stepped(1e9);
  const state = { arrays, counters: new Map() };
  /** @type {number[]} */
  const times = [];
  for (let round = 0; round < 4; round++) {
    const started = performance.now();
    await mirror.refresh(bytes, () => Promise.resolve(state));
    times.push(seconds(started));
  }
  const unsynced = [1, 2, 3].map(() => diskAlone(folder, bytes, false).written);
  return { first: times[0] ?? NaN, later: median(times.slice(1)), unsynced: median(unsynced) };
}

/**
 * The rows of one way to stop.
 * @param {"once" | "twice"} way
 * @param {readonly Stopped[]} runs
 * @param {readonly number[]} disk seconds that the disk alone takes for as many bytes
 */
function rowsOf(way, runs, disk) {
  const size = `${Math.round(median(runs.map(({ bytes }) => bytes)) / 1e6)} MB`;
  const batch = median(runs.map((stopped) => stopped.batch)).toPrecision(2);
  return [
    ...rowIfAny(`Ctrl+C ${way}, batch of ${batch} s: until the save begins`, runs.map(({ saveBegins }) => saveBegins)),
    ...rowIfAny(`Ctrl+C ${way}: until all is safe (${size})`, runs.map(({ safe }) => safe)),
    row({
      what: `Ctrl+C ${way}: the save, against write, sync and read`,
      unit: "s",
      ours: runs.map(({ safe, saveBegins }) => safe - saveBegins),
      peer: disk,
      against: "disk alone",
      goal: 1.3,
    }),
    ...rowIfAny(`Ctrl+C ${way}: longest gap of the event loop`, runs.map(({ longestGap }) => longestGap), "ms", 50),
  ]; // prettier-ignore
}

/**
 * A row of what was measured; none where nothing was.
 * @param {string} what
 * @param {readonly number[]} measured
 * @param {string} [unit]
 * @param {number} [goal]
 */
function rowIfAny(what, measured, unit = "s", goal) {
  const ours = measured.filter(Number.isFinite);
  return ours.length === 0 ? [] : [row({ what, unit, ours, ...(goal === undefined ? {} : { goal }) })];
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, folder: parent = tmpdir(), rounds: asked }) {
  const folder = mkdtempSync(join(parent, "guardapesos-stop-"));
  const [channels, long, rounds] = quick ? [16, 2, asked ?? 1] : [512, 16, asked ?? 3];
  try {
    /** @type {Stopped[]} */
    const once = [];
    /** @type {Stopped[]} */
    const twice = [];
    const disk = [];
    const { bytes } = await stopOnce(folder, channels, 1, false);
    for (let round = 0; round < rounds; round++) {
      say(`round ${round + 1} of ${rounds}: once`);
      disk.push(diskAlone(folder, bytes, true).all);
      once.push(await stopOnce(folder, channels, 1, false));
      say(`round ${round + 1} of ${rounds}: twice`);
      disk.push(diskAlone(folder, bytes, true).all);
      twice.push(await stopOnce(folder, channels, long, true));
    }
    say("the event loop beside saves");
    const gap = await gapBesideSaves(folder, channels, 4);
    const copied = await copies(folder, bytes);
    const answers = [...once, ...twice].map(({ answered }) => 1000 * answered);
    return [
      ...rowIfAny("Ctrl+C: until the answer", answers, "ms"),
      ...rowsOf("once", once, disk),
      ...rowsOf("twice", twice, disk),
      ...rowIfAny("longest gap of the event loop beside four saves, one every 3 batches", [gap], "ms", 50),
      ...rowIfAny("copy into shared memory, the first time", [copied.first]),
      ...rowIfAny("copy into shared memory, later", [copied.later]),
      ...rowIfAny("copy into a file, not synced", [copied.unsynced]),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @type {import("../harness/types.js").Case} */
const stop = {
  name: "stop",
  title: "Stopping",
  measures: "from a key to safe weights, and the gaps of the event loop",
  peer: "the disk alone, for as many bytes",
  run,
};
export default stop;

await runAlone(import.meta.url, stop);
