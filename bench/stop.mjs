/**
 * How long it takes from a key to safe weights, for the full-size pair, beside what the disk of FOLDER alone needs to write,
 * sync and read back as many bytes; how soon the key is answered; the longest gap of the event loop while training, also
 * beside saves; and what copies of that state cost. At 32x32 the pair is 526 MB: the 582 MB of the whole one need a training at 1024x1024.
 *   node bench/stop.mjs [FOLDER] [--quick]
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
import { buildIfStale } from "../bin/build.mjs";
import { train } from "./processes.mjs";
import { median, row, runAlone, say } from "./rows.mjs";

export const title = "Stopping";

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

/**
 * Writes, syncs, reads back: what no save can do without. The file stays: the pages of one that is removed would be there at
 * once for the next, while a save finds other ones.
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
 * @returns the longest gap between two instants, in milliseconds; undefined where none was recorded
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
  const told = readFileSync(gapFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number));
  return (from, to) => {
    // In the first quarter of a second the record still holds gaps from before.
    const between = told.filter(([at]) => at > from + 250 && at < to + 250).map(([, gap]) => gap);
    return between.length > 0 ? Math.max(...between) : undefined;
  };
}

/** The longest gap while the state is handed over to one save after the other. */
async function gapBesideSaves(folder, channels, saves) {
  const seen = { steps: [], saves: 0 };
  const gapBetween = await trainWatched(folder, channels, 1, { phantoms: 400, autosave: 3 }, ({ type }, _, child) => {
    if (type === "stepped") seen.steps.push(Date.now());
    if (type === "saved" && ++seen.saves === saves) {
      seen.stoppedAt = Date.now();
      child.kill("SIGINT");
    }
  }); // prettier-ignore
  return gapBetween(seen.steps[0], seen.stoppedAt);
}

/**
 * Stops a training in the middle of its third batch. Times are from the first key on, in seconds.
 * @param impatient whether the key is pressed again
 */
async function stopOnce(folder, channels, batchSize, impatient) {
  const steps = [];
  const result = { presses: [] };
  let pressed;
  const onEvent = ({ type, bytes }, _, child) => {
    const press = () => {
      pressed ??= performance.now();
      result.pressedAt ??= Date.now();
      child.kill("SIGINT");
    };
    if (type === "stepped") steps.push({ at: Date.now(), now: performance.now() });
    if (type === "stepped" && steps.length === 2) {
      result.batch = (steps[1].now - steps[0].now) / 1000;
      setTimeout(
        () => {
          press();
          if (impatient) setTimeout(press, 150);
        },
        Math.min(300, 250 * result.batch),
      );
    }
    if (type === "stop-requested") result.presses.push(seconds(pressed));
    if (type === "save-started" && pressed) result.saveBegins = seconds(pressed);
    if (type === "saved") Object.assign(result, { safe: seconds(pressed), bytes });
  };
  const settings = { phantoms: 4 * batchSize, autosave: 1000000 };
  const gapBetween = await trainWatched(folder, channels, batchSize, settings, onEvent);
  result.longestGap = gapBetween(steps[0].at, result.pressedAt);
  return result;
}

/** Copies of a state of that size: into shared memory, and into a file without a sync, as a helper process would keep it. */
async function copies(folder, bytes) {
  const arrays = new Map();
  const one = 2 ** 20;
  for (let i = 0; i < bytes / (4 * one); i++)
    arrays.set(`array ${i}`, { shape: [one], data: new Float32Array(one).fill(i) });
  const { createMirror } = await import("../dist/training/mirror.js");
  const mirror = createMirror();
  mirror.stepped(1e9);
  const state = { arrays, counters: new Map() };
  const times = [];
  for (let round = 0; round < 4; round++) {
    const started = performance.now();
    await mirror.refresh(bytes, () => Promise.resolve(state));
    times.push(seconds(started));
  }
  const unsynced = [1, 2, 3].map(() => diskAlone(folder, bytes, false).written);
  return { first: times[0], later: median(times.slice(1)), unsynced: median(unsynced) };
}

export async function measure({ quick, folder: parent = tmpdir() }) {
  await buildIfStale();
  const folder = mkdtempSync(join(parent, "guardapesos-stop-"));
  const [channels, long, rounds] = quick ? [16, 2, 1] : [512, 16, 3];
  try {
    const [once, twice, disk] = [[], [], []];
    const { bytes } = await stopOnce(folder, channels, 1, false);
    for (let round = 0; round < rounds; round++) {
      for (const [way, runs, batchSize] of [["once", once, 1], ["twice", twice, long]]) {
        say(`round ${round + 1} of ${rounds}: ${way}`);
        disk.push(diskAlone(folder, bytes, true).all);
        runs.push(await stopOnce(folder, channels, batchSize, way === "twice"));
      }
    } // prettier-ignore
    say("the event loop beside saves");
    const gap = await gapBesideSaves(folder, channels, 4);
    const copied = await copies(folder, bytes);
    const size = `${Math.round(bytes / 1e6)} MB`;
    const saving = ({ safe, saveBegins }) => safe - saveBegins;
    const of = (what, ours, unit = "s", goal) =>
      row({ what, unit, ours: ours.filter(Number.isFinite), goal });
    const against = (what, ours) =>
      row({ what, unit: "s", ours, peer: disk, against: "disk alone", goal: 1.3 });
    const ways = [
      ["once", once],
      ["twice", twice],
    ].flatMap(([way, runs]) => [
      of(`Ctrl+C ${way}, batch of ${runs[0].batch.toPrecision(2)} s: until the save begins`, runs.map(({ saveBegins }) => saveBegins)),
      of(`Ctrl+C ${way}: until all is safe (${size})`, runs.map(({ safe }) => safe)),
      against(`Ctrl+C ${way}: the save, against write, sync and read`, runs.map(saving)),
      of(`Ctrl+C ${way}: longest gap of the event loop`, runs.map(({ longestGap }) => longestGap), "ms", 50),
    ]); // prettier-ignore
    return [
      of("Ctrl+C: until the answer", [...once, ...twice].map(({ presses }) => 1000 * presses[0]), "ms"),
      ...ways,
      of("longest gap of the event loop beside four saves, one every 3 batches", [gap], "ms", 50),
      of("copy into shared memory, the first time", [copied.first]),
      of("copy into shared memory, later", [copied.later]),
      of("copy into a file, not synced", [copied.unsynced]),
    ].filter(({ runs }) => runs > 0); // prettier-ignore
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runAlone(import.meta.url, title, measure);
