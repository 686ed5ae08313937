/**
 * What auto-saving takes from training. The batches beside which a save went on are compared with the others of the same
 * run: two runs differ by more than what a save costs.
 *   1. The c64 net at 32x32 with a save every 20 batches: small and often.
 *   2. The full-size pair at 16x16 with a save every minute: the share of training's time that saves take, in all and beyond the
 *      processor's time that they need; the longest batch beside one; and the peak memory against a run without saves.
 *   3. What retention adds to each save after which an older one goes: one more checkpoint is read from disk, in the writer's
 *      thread, after the save is safe. Part 2 holds it as well.
 *   node bench/cases/saves.mjs [FOLDER] [--quick] [--rounds=N]      rounds: of part 1
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fullSettings, makeFullPair } from "../harness/full-pair.mjs";
import { runAlone } from "../harness/options.mjs";
import { train, usageOf } from "../harness/processes.mjs";
import { product } from "../harness/product.mjs";
import { median, row, say } from "../harness/rows.mjs";

/**
 * The end of a batch, and what the process had used by then; where the system does not tell, NaN.
 * @typedef {{ at: number, seconds: number, peakBytes: number }} BatchEnd
 */
/**
 * What is known of a training: times in milliseconds since 1970.
 * @typedef {{ ends: BatchEnd[], saves: { from: number, to: number }[], stateBytes: number }} Watched
 */
/** @typedef {{ beside: boolean, duration: number, seconds: number }} Batch duration in milliseconds, seconds of processor */

/**
 * @param {Readonly<Record<string, string | number>>} settings
 * @param {(run: Watched) => boolean} [enough] told of what is known so far: whether the training can be ended at once
 * @returns {Promise<Watched>}
 */
async function watchTraining(settings, enough = () => false) {
  /** @type {Watched} */
  const watched = { ends: [], saves: [], stateBytes: 0 };
  let over = false;
  await train(settings, (event, _, training) => {
    // What the end itself saves is another matter.
    if (over) return;
    const at = Date.parse(event.at);
    if (event.type === "stepped") {
      watched.ends.push({ at, ...(usageOf(training.pid) ?? { seconds: NaN, peakBytes: NaN }) });
      over = enough(watched);
      if (over) training.kill("SIGINT");
    }
    if (event.type === "save-started") watched.saves.push({ from: at, to: Infinity });
    if (event.type === "saved") {
      const save = watched.saves.at(-1);
      if (save) save.to = at;
      watched.stateBytes = event.bytes;
    }
  });
  return watched;
}

/**
 * Batches, each beside a save or not. The one that ends when a save begins is beside it: it made the state that is saved.
 * @param {Watched} watched
 * @param {number} warming batches at the beginning that do not count
 * @returns {Batch[]}
 */
function batchesOf({ ends, saves }, warming) {
  return ends.slice(warming).flatMap((end, i) => {
    const before = ends[warming + i - 1];
    if (before === undefined) return [];
    const beside = saves.some(({ from, to }) => before.at <= to && end.at >= from - 2);
    return [{ beside, duration: end.at - before.at, seconds: end.seconds - before.seconds }];
  });
}

/**
 * @param {Watched} watched
 * @param {number} warming batches at the beginning that do not count
 * @returns shares of the whole time, and of the usual batch
 */
function costOf(watched, warming) {
  const batches = batchesOf(watched, warming);
  const beside = batches.filter((batch) => batch.beside);
  const alone = batches.filter((batch) => !batch.beside);
  if (beside.length === 0 || alone.length < 3)
    throw new Error(`${alone.length} batches without and ${beside.length} beside a save are too few`);
  const extra = (/** @type {"duration" | "seconds"} */ key) => {
    const usual = median(alone.map((batch) => batch[key]));
    return beside.reduce((sum, batch) => sum + batch[key] - usual, 0);
  };
  const whole = batches.reduce((sum, { duration }) => sum + duration, 0);
  const usual = median(alone.map(({ duration }) => duration));
  const longest = (/** @type {Batch[]} */ list) => Math.max(...list.map(({ duration }) => duration)) / usual;
  const lost = extra("duration");
  return {
    share: lost / whole,
    // What the saves' own work takes of all cores is no waiting.
    beyond: (lost - (1000 * extra("seconds")) / availableParallelism()) / whole,
    longestBeside: longest(beside),
    longestAlone: longest(alone),
  };
}

/**
 * @param {string} folder
 * @param {{ rounds: number, channels: number, resolution: number, saves: number }} size
 */
async function smallAndOften(folder, { rounds, channels, resolution, saves }) {
  const between = 20;
  const warming = 10;
  const named = `c${channels} ${resolution}x${resolution}, a save every ${between} batches`;
  const costs = [];
  for (let round = 0; round < rounds; round++) {
    say(`${named}: run ${round + 1} of ${rounds}`);
    const watched = await watchTraining({
      channels,
      latent: channels,
      start: resolution,
      end: resolution,
      "batch-sizes": 16,
      accumulate: 1,
      epochs: 1,
      phantoms: 16 * (warming + saves * between),
      threads: 2,
      sensor: "none",
      autosave: between,
      weights: join(folder, `weights-${round}`),
      samples: join(folder, "samples"),
    });
    costs.push(costOf(watched, warming));
  }
  return [row({ what: `${named}: takes`, unit: "%", ours: costs.map(({ share }) => 100 * share), goal: 2 })];
}

/**
 * @param {string} folder
 * @param {object} size
 * @param {number} size.channels
 * @param {number} size.batchSize
 * @param {string | number} size.interval between two saves
 * @param {number} size.saves how many are awaited
 * @param {number} size.without batches that are trained without saves
 */
async function fullSize(folder, { channels, batchSize, interval, saves, without }) {
  const made = fullSettings(folder, channels, batchSize);
  await makeFullPair(folder, made);
  // No epoch ends meanwhile: its picture and its own save would be taken for the cost of these.
  const settings = { ...made, phantoms: 500 * batchSize };
  say(`c${channels} at 16x16, ${without} batches without saves`);
  const plain = await watchTraining(
    { ...settings, autosave: 1000000 },
    ({ ends }) => ends.length === without,
  );
  say(`c${channels} at 16x16, until ${saves} saves are done, one every ${interval}`);
  // Two batches after the last save: none of the saves is left out, and none cut.
  const watched = await watchTraining({ ...settings, autosave: interval }, ({ ends, saves: seen }) => {
    const ended = seen.at(-1)?.to ?? Infinity;
    return seen.length >= saves && (ends.at(-3)?.at ?? 0) > ended;
  });
  const cost = costOf(watched, 3);
  const more = (watched.ends.at(-1)?.peakBytes ?? NaN) - (plain.ends.at(-1)?.peakBytes ?? NaN);
  /** @type {readonly (readonly [string, string, number, number?])[]} */
  const found = [
    ["takes", "%", 100 * cost.share],
    ["beyond its processor time", "%", 100 * cost.beyond, 1],
    ["longest batch beside a save / median", "", cost.longestBeside, 1.05],
    ["longest other batch / median", "", cost.longestAlone],
    ["more peak memory, in states", "", more / watched.stateBytes, 1],
  ];
  return found
    .filter(([, , value]) => Number.isFinite(value))
    .map(([text, unit, value, goal]) =>
      row({
        what: `c${channels} 16x16, a save every ${interval}: ${text}`,
        unit,
        ours: [value],
        ...(goal === undefined ? {} : { goal }),
      }),
    );
}

/**
 * Needs the checkpoints that `fullSize` has left.
 * @param {string} folder
 * @param {number} channels
 */
async function readOneMore(folder, channels) {
  const { listGenerations, verifyGeneration } = await product("checkpoint/index.js");
  const [newest] = (await listGenerations(join(folder, "weights"))).whole;
  if (newest === undefined) throw new Error("No checkpoint has been left");
  const seconds = [];
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    const { whole } = await verifyGeneration(newest);
    if (!whole) throw new Error(`${newest.id} is not whole`);
    seconds.push((performance.now() - started) / 1000);
  }
  const size = `${Math.round(newest.bytes / 1e6)} MB`;
  const what = `c${channels}, ${size}: one more read back before an older one goes`;
  return [row({ what, unit: "s", ours: seconds })];
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, folder: parent = tmpdir(), rounds }) {
  const folder = mkdtempSync(join(parent, "guardapesos-saves-"));
  const small = quick
    ? { rounds: rounds ?? 1, channels: 8, resolution: 8, saves: 3 }
    : { rounds: rounds ?? 3, channels: 64, resolution: 32, saves: 20 };
  const full = quick
    ? { channels: 32, batchSize: 4, interval: 20, saves: 2, without: 12 }
    : { channels: 512, batchSize: 8, interval: "1m", saves: 3, without: 15 };
  try {
    return [
      ...(await smallAndOften(folder, small)),
      ...(await fullSize(folder, full)),
      ...(await readOneMore(folder, full.channels)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @type {import("../harness/types.js").Case} */
const saves = {
  name: "saves",
  title: "What saving takes from training",
  measures: "the share of training's time that saves take, their longest batch and their memory",
  peer: "the batches of the same run beside which nothing is saved",
  run,
};
export default saves;

await runAlone(import.meta.url, saves);
