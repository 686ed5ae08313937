/**
 * `node bench/heat.mjs`: eight hours of training on the thermal model of a card, in air of three temperatures, left
 * alone, as the seed page tells a person to do it, in plain stop-and-go, and under the heat policy. Simulation alone: nothing
 * here loads a processor or a card, and the same figures come out every time.
 *
 * Assumed: a batch takes 0.5 s at full speed. Half the batch size draws 8 % less power and takes 10 % more time for an
 * image, and so does each further halving. The person never sleeps, looks once a minute, and waits 15 minutes.
 */
import { buildIfStale } from "../bin/build.mjs";
import { row, runAlone } from "./rows.mjs";

await buildIfStale();
const { likeRtx3070, restingState, speedOf, warmed } = await import("../dist/thermal/model.js");
const { firstHeatState, judge } = await import("../dist/thermal/policy.js");
const { pace, pauseAfter } = await import("../dist/thermal/pacing.js");
const { readingOf } = await import("../dist/thermal/reading.js");
const { defaultThresholds } = await import("../dist/thermal/thresholds.js");

const hours = 8;
const batchSeconds = 0.5;
const readEvery = 2;

/** Each policy: told of every reading, answers how long to rest now, and how often batches have been halved. */
const policies = {
  "no policy": () => ({ read: () => undefined, rest: () => 0, halvings: 0 }),

  "by hand": () => {
    let until = 0;
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
    let pacing;
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
        return state.mode === "pace" ? pauseAfter(busy, pacing.idle) : 0;
      },
    };
    return guard;
  },
};

function night(model, policy) {
  let card = restingState(model);
  let [at, batches, hottest, hotSeconds, nextReading, pacedHigh, pacedLow] = [
    0,
    0,
    0,
    0,
    0,
    -Infinity,
    Infinity,
  ];
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

export const title = "Heat (simulated: eight hours on the model of a card)";

const nights = () =>
  [25, 35, 45].flatMap((ambient) =>
    Object.entries(policies).map(([policy, create]) => ({
      ambient,
      policy,
      ...night({ ...likeRtx3070, ambient }, create()),
    })),
  );

export async function measure() {
  const all = nights();
  return all
    .filter(({ policy }) => policy === "guardapesos")
    .flatMap((ours) => {
      const others = all.filter(({ ambient, policy }) => ambient === ours.ambient && policy !== ours.policy);
      const against = (key, what, unit) => (other) =>
        row({ what: `${ours.ambient} °C air: ${what}`, unit, ours: [ours[key]], peer: [other[key]], against: other.policy }); // prettier-ignore
      return [
        ...others.map(against("batches", "batches", "")),
        ...others.map(against("hottest", "hottest", "°C")),
      ];
    });
}

await runAlone(import.meta.url, title, async () => {
  console.table(
    nights().map(
      ({
        ambient,
        policy,
        batches,
        halvings,
        hottest,
        hotMinutes,
        endedAfter,
        off,
        pacedLow,
        pacedHigh,
      }) => ({
        "air °C": ambient,
        policy,
        batches,
        "cool-downs": halvings,
        "hottest °C": hottest.toFixed(1),
        "minutes at 82 °C or more": Math.round(hotMinutes),
        "after half an hour, °C": `${pacedLow.toFixed(1)} to ${pacedHigh.toFixed(1)}`,
        hours: endedAfter.toFixed(1) + (off ? " (card off)" : ""),
      }),
    ),
  );
  return measure();
});
