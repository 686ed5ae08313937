/**
 * `node bench/cases/heat.mjs`: eight hours of training on the thermal model of a card, in air of three temperatures, left
 * alone, as the seed page tells a person to do it, in plain stop-and-go, and under the heat policy. Simulation alone: nothing
 * here loads a processor or a card, and the same figures come out every time.
 *
 * Assumed: a batch takes 0.5 s at full speed. Half the batch size draws 8 % less power and takes 10 % more time for an
 * image, and so does each further halving. The person never sleeps, looks once a minute, and waits 15 minutes.
 */
import { runAlone } from "../harness/options.mjs";
import { product } from "../harness/product.mjs";
import { row } from "../harness/rows.mjs";

const { likeRtx3070, restingState, speedOf, warmed } = await product("thermal/model.js");
const { firstHeatState, judge } = await product("thermal/policy.js");
const { pace, pauseAfter } = await product("thermal/pacing.js");
const { readingOf } = await product("thermal/reading.js");
const { defaultThresholds } = await product("thermal/thresholds.js");

const hours = 8;
const batchSeconds = 0.5;
const readEvery = 2;

/**
 * What looks after the card, or nobody. Times in seconds, temperatures in °C.
 * @typedef {object} Policy
 * @property {number} halvings how often batches have been halved
 * @property {(at: number, temperature: number) => void} read told of every reading
 * @property {(at: number, busy: number) => number} rest how long to rest now, after so long a batch
 */

/** @type {Readonly<Record<string, () => Policy>>} */
const policies = {
  "no policy": () => ({ read: () => {}, rest: () => 0, halvings: 0 }),

  "by hand": () => {
    let until = 0;
    /** @type {Policy} */
    const person = {
      halvings: 0,
      read(at, temperature) {
        if (at % 60 >= readEvery || at < until || temperature < 82) return;
        until = at + (temperature >= 85 ? 30 : 15) * 60;
        person.halvings += 1;
      },
      rest: (at) => Math.max(0, until - at),
    };
    return person;
  },

  /** Rests at the target, goes on ten degrees below: the same peak as pacing, without its loop. */
  "stop and go at 79": () => {
    let resting = false;
    return {
      halvings: 0,
      read(_, temperature) {
        resting = resting
          ? temperature > defaultThresholds.target - 10
          : temperature >= defaultThresholds.target;
      },
      rest: () => (resting ? readEvery : 0),
    };
  },

  guardapesos: () => {
    let state = firstHeatState;
    /** @type {import("../../src/thermal/pacing.js").Pacing | undefined} */
    let pacing;
    /** @type {Policy} */
    const guard = {
      halvings: 0,
      read(at, temperature) {
        const before = state.mode;
        const verdict = judge(state, readingOf(at, { temperature }), defaultThresholds, at);
        state = verdict.state;
        pacing = pace(pacing, temperature, verdict.thresholds.target, at);
        if (state.mode === "cool" && before !== "cool") guard.halvings += 1;
      },
      rest(_, busy) {
        if (state.mode === "stop") return Infinity;
        if (state.mode === "cool") return readEvery;
        return state.mode === "pace" && pacing ? pauseAfter(busy, pacing.idle) : 0;
      },
    };
    return guard;
  },
};

/**
 * @param {import("../../src/thermal/model.js").CardModel} model
 * @param {Policy} policy
 */
function night(model, policy) {
  let card = restingState(model);
  let [at, batches, hottest, hotSeconds, nextReading] = [0, 0, 0, 0, 0];
  let [pacedHigh, pacedLow] = [-Infinity, Infinity];
  /** @type {(load: number, seconds: number) => void} */
  const pass = (load, seconds) => {
    for (let left = seconds; left > 1e-9;) {
      const step = Math.min(left, readEvery);
      card = warmed(model, card, load, step);
      at += step;
      left -= step;
      hottest = Math.max(hottest, card.chip);
      if (card.chip >= 82) hotSeconds += step;
      if (at > 1800) [pacedHigh, pacedLow] = [Math.max(pacedHigh, card.chip), Math.min(pacedLow, card.chip)];
      if (at >= nextReading) {
        nextReading += readEvery;
        policy.read(at, Math.round(card.chip));
      }
    }
  };
  while (at < hours * 3600 && !card.off) {
    const { halvings } = policy;
    const seconds = (batchSeconds * 1.1 ** halvings) / speedOf(model, card);
    if (policy.rest(at, 0) === Infinity) break;
    const before = policy.rest(at, 0);
    if (before > 0) {
      pass(0, before);
      continue;
    }
    pass(0.92 ** halvings, seconds);
    batches += 1;
    pass(0, Math.min(policy.rest(at, seconds), hours * 3600 - at));
  }
  return {
    batches,
    hottest,
    hotMinutes: hotSeconds / 60,
    halvings: policy.halvings,
    endedAfter: at / 3600,
    off: card.off,
    pacedLow,
    pacedHigh,
  };
}

const nights = () =>
  [25, 35, 45].flatMap((ambient) =>
    Object.entries(policies).map(([policy, create]) => ({
      ambient,
      policy,
      ...night({ ...likeRtx3070, ambient }, create()),
    })),
  );

/** @typedef {ReturnType<typeof nights>[number]} Night */

/**
 * @param {Night} ours
 * @param {Night} other
 * @param {"batches" | "hottest"} key
 */
const compared = (ours, other, key) =>
  row({
    what: `${ours.ambient} °C air: ${key}`,
    unit: key === "batches" ? "" : "°C",
    ours: [ours[key]],
    peer: [other[key]],
    against: other.policy,
  });

/** The whole table, which is more than the rows. @param {readonly Night[]} all */
function show(all) {
  console.table(
    all.map((night) => ({
      "air °C": night.ambient,
      policy: night.policy,
      batches: night.batches,
      "cool-downs": night.halvings,
      "hottest °C": night.hottest.toFixed(1),
      "minutes at 82 °C or more": Math.round(night.hotMinutes),
      "after half an hour, °C": `${night.pacedLow.toFixed(1)} to ${night.pacedHigh.toFixed(1)}`,
      hours: night.endedAfter.toFixed(1) + (night.off ? " (card off)" : ""),
    })),
  );
}

/** @param {readonly Night[]} all */
function rowsOf(all) {
  return all
    .filter(({ policy }) => policy === "guardapesos")
    .flatMap((ours) => {
      const others = all.filter(({ ambient, policy }) => ambient === ours.ambient && policy !== ours.policy);
      return [
        ...others.map((other) => compared(ours, other, "batches")),
        ...others.map((other) => compared(ours, other, "hottest")),
      ];
    });
}

/** @type {import("../harness/types.js").Case} */
const heat = {
  name: "heat",
  title: "Heat (simulated: eight hours on the model of a card)",
  measures: "batches and temperatures of a night under the heat policy, simulated",
  peer: "no policy, a person, and plain stop-and-go",
  run: async () => rowsOf(nights()),
};
export default heat;

await runAlone(import.meta.url, {
  ...heat,
  run: async () => {
    const all = nights();
    show(all);
    return rowsOf(all);
  },
});
