/**
 * What auto-saving takes from training. The batches beside which a save went on are compared with the others of the same
 * run: two runs differ by more than what a save costs.
 *   1. The c64 net at 32x32 with a save every 20 batches: small and often.
 *   2. The full-size pair at 16x16 with a save every minute: the share of training's time that saves take, in all and beyond the
 *      processor's time that they need; the longest batch beside one; and the peak memory against a run without saves.
 *   3. What retention adds to each save after which an older one goes: one more checkpoint is read from disk, in the writer's
 *      thread, after the save is safe. Part 2 holds it as well.
 *   node bench/saves.mjs [FOLDER] [--quick]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fullSettings, makeFullPair } from "./full-pair.mjs";
import { train, usageOf } from "./processes.mjs";
import { median, row, runAlone, say } from "./rows.mjs";

export const title = "What saving takes from training";

/**
 * The ends of the batches and when saves went on, in milliseconds, and what the process had used by then.
 * @param enough told of what is known so far: whether the training can be ended at once
 */
async function watchTraining(settings, enough = () => false) {
  const run = { ends: [], saves: [], stateBytes: 0 };
  let over = false;
  await train(settings, (event, _, child) => {
    // What the end itself saves is another matter.
    if (over) return;
    const at = Date.parse(event.at);
    if (event.type === "stepped") {
      const used = usageOf(child.pid);
      run.ends.push({ at, seconds: used?.seconds, peakBytes: used?.peakBytes });
      over = enough(run);
      if (over) child.kill("SIGINT");
    }
    if (event.type === "save-started") run.saves.push({ from: at, to: Infinity });
    if (event.type === "saved") {
      run.saves.at(-1).to = at;
      run.stateBytes = event.bytes;
    }
  });
  return run;
}

/** Batches, each beside a save or not. The one that ends when a save begins is beside it: it made the state that is saved. */
function batchesOf({ ends, saves }, warming) {
  return ends.slice(warming).map((end, i) => {
    const before = ends[warming + i - 1];
    const beside = saves.some(({ from, to }) => before.at <= to && end.at >= from - 2);
    return { beside, duration: end.at - before.at, seconds: end.seconds - before.seconds };
  });
}

/**
 * @param warming batches at the beginning that do not count
 * @returns shares of the whole time, and of the usual batch
 */
function costOf(run, warming) {
  const batches = batchesOf(run, warming);
  const [beside, alone] = [true, false].map((which) => batches.filter((batch) => batch.beside === which));
  if (beside.length === 0 || alone.length < 3)
    throw new Error(`${alone.length} batches without and ${beside.length} beside a save are too few`);
  const extra = (key) => {
    const usual = median(alone.map((batch) => batch[key]));
    return beside.reduce((sum, batch) => sum + batch[key] - usual, 0);
  };
  const whole = batches.reduce((sum, { duration }) => sum + duration, 0);
  const usual = median(alone.map(({ duration }) => duration));
  const longest = (list) => Math.max(...list.map(({ duration }) => duration)) / usual;
  const lost = extra("duration");
  return {
    share: lost / whole,
    // What the saves' own work takes of all cores is no waiting.
    beyond: (lost - (1000 * extra("seconds")) / availableParallelism()) / whole,
    longestBeside: longest(beside),
    longestAlone: longest(alone),
  };
}

async function smallAndOften(folder, quick) {
  const [rounds, channels, resolution, saves] = quick ? [1, 8, 8, 3] : [3, 64, 32, 20];
  const between = 20;
  const warming = 10;
  const costs = [];
  for (let round = 0; round < rounds; round++) {
    say(
      `c${channels} at ${resolution}x${resolution}, a save every ${between} batches: run ${round + 1} of ${rounds}`,
    );
    const run = await watchTraining({
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
    costs.push(costOf(run, warming));
  }
  const what = `c${channels} ${resolution}x${resolution}, a save every ${between} batches: takes`;
  return [row({ what, unit: "%", ours: costs.map(({ share }) => 100 * share), goal: 2 })];
}

/** @param saves how many are awaited, one every `interval` */
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
  const run = await watchTraining(
    { ...settings, autosave: interval },
    ({ ends, saves: seen }) =>
      seen.length >= saves && seen.at(-1).to < Infinity && ends.at(-3)?.at > seen.at(-1).to,
  );
  const cost = costOf(run, 3);
  const what = `c${channels} 16x16, a save every ${interval}`;
  const one = (text, unit, value, goal) => row({ what: `${what}: ${text}`, unit, ours: [value], goal });
  const rows = [
    one("takes", "%", 100 * cost.share),
    one("beyond its processor time", "%", 100 * cost.beyond, 1),
    one("longest batch beside a save / median", "", cost.longestBeside, 1.05),
    one("longest other batch / median", "", cost.longestAlone),
  ];
  const [peak, plainPeak] = [run, plain].map(({ ends }) => ends.at(-1).peakBytes);
  if (peak !== undefined)
    rows.push(one("more peak memory, in states", "", (peak - plainPeak) / run.stateBytes, 1));
  return rows.filter(({ ours }) => Number.isFinite(ours));
}

/** Needs the checkpoints that `fullSize` has left. */
async function readOneMore(folder, channels) {
  const { listGenerations, verifyGeneration } = await import("../dist/checkpoint/index.js");
  const [newest] = (await listGenerations(join(folder, "weights"))).whole;
  const seconds = [];
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    const { whole } = await verifyGeneration(newest);
    if (!whole) throw new Error(`${newest.id} is not whole`);
    seconds.push((performance.now() - started) / 1000);
  }
  const size = `${Math.round(newest.bytes / 1e6)} MB`;
  return [
    row({
      what: `c${channels}, ${size}: one more read back before an older one goes`,
      unit: "s",
      ours: seconds,
    }),
  ];
}

export async function measure({ quick, folder: parent = tmpdir() }) {
  const folder = mkdtempSync(join(parent, "guardapesos-saves-"));
  const full = quick
    ? { channels: 32, batchSize: 4, interval: 20, saves: 2, without: 12 }
    : { channels: 512, batchSize: 8, interval: "1m", saves: 3, without: 15 };
  try {
    return [
      ...(await smallAndOften(folder, quick)),
      ...(await fullSize(folder, full)),
      ...(await readOneMore(folder, full.channels)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runAlone(import.meta.url, title, measure);
