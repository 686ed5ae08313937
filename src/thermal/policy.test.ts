import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  firstHeatState,
  hysteresis,
  judge,
  leastCooling,
  paceDwell,
  type HeatMode,
  type HeatState,
} from "./policy.js";
import { readingOf, type Given } from "./reading.js";
import { defaultThresholds as seed, type Thresholds } from "./thresholds.js";

const minute = 60;

/** The state after each of some moments: [seconds, what the card says; undefined when it says nothing]. */
function course(
  moments: readonly (readonly [number, number | Given | undefined])[],
  { thresholds = seed, from = firstHeatState }: { thresholds?: Thresholds; from?: HeatState } = {},
): HeatState[] {
  let state = from;
  return moments.map(([now, said]) => {
    const given = typeof said === "number" ? { temperature: said } : said;
    ({ state } = judge(state, given && readingOf(now, given), thresholds, now));
    return state;
  });
}
const modes = (...args: Parameters<typeof course>): HeatMode[] => course(...args).map(({ mode }) => mode);

describe("the seed page's table", () => {
  it.each([
    [77.9, "watch", "fine", 78],
    [78, "pace", "warm", 78],
    [81.9, "pace", "warm", 78],
    [82, "cool", "hot", 82],
    [84.9, "cool", "hot", 82],
    [85, "stop", "critical", 85],
    [120, "stop", "critical", 85],
  ] as const)("at %f °C: %s", (temperature, mode, code, threshold) => {
    const { state, reason } = judge(firstHeatState, readingOf(0, { temperature }), seed, 0);
    expect(state.mode).toBe(mode);
    expect(reason).toEqual({ code, temperature, threshold });
  });

  it("takes a card that slows itself down for as hot as it says that it is", () => {
    const said = (slowdown: Given["slowdown"], temperature?: number) =>
      judge(firstHeatState, readingOf(0, { temperature, slowdown }), seed, 0);
    expect(said(["hardware-thermal"], 60)).toMatchObject({
      state: { mode: "stop" },
      reason: { code: "hardware-slowdown" },
    });
    expect(said(["hardware-thermal"]).state.mode).toBe("stop");
    expect(said(["software-thermal"], 76)).toMatchObject({
      state: { mode: "cool" },
      reason: { code: "software-slowdown" },
    });
    expect(said(["power-cap", "idle"], 60).state.mode).toBe("watch");
  });

  it("is lowered to the card's own limit", () => {
    expect(modes([[0, { temperature: 80, slowdownAt: 80 }]])).toEqual(["stop"]);
    expect(modes([[0, { temperature: 77, slowdownAt: 80 }]])).toEqual(["cool"]);
  });
});

describe("pacing", () => {
  it("ends some degrees below where it began, and not at once", () => {
    const below = seed.warnAt - hysteresis - 1;
    expect(
      modes([
        [0, 78],
        [10, 76],
        [20, below],
        [paceDwell - 1, below],
        [paceDwell, below + 1],
        [paceDwell + 1, below],
      ]),
    ).toEqual(["pace", "pace", "pace", "pace", "pace", "watch"]);
  });

  it("goes on when nothing is known any more", () => {
    expect(
      modes([
        [0, 79],
        [1000, undefined],
        [100_000, undefined],
      ]),
    ).toEqual(["pace", "pace", "pace"]);
  });
});

describe("a cool-down", () => {
  it("needs both its minutes and a cool card", () => {
    expect(
      modes([
        [0, 83],
        [minute, 40],
        [10 * minute - 1, 40],
        [10 * minute, 71],
        [20 * minute, 71],
        [20 * minute + 1, 70],
      ]),
    ).toEqual(["cool", "cool", "cool", "cool", "cool", "watch"]);
  });

  it("says that it ends because the card is cool", () => {
    const [state] = course([[0, 83]]);
    expect(judge(state!, readingOf(601, { temperature: 60 }), seed, 601).reason).toEqual({
      code: "cooled",
      temperature: 60,
      threshold: 70,
    });
  });

  it("becomes a stop when the card goes on to the critical temperature", () => {
    expect(
      modes([
        [0, 83],
        [1, 85],
      ]),
    ).toEqual(["cool", "stop"]);
  });

  it("lasts the longer time after the critical temperature, where training is to go on", () => {
    const thresholds = { ...seed, afterCritical: "cool" as const };
    const states = course(
      [
        [0, 86],
        [29 * minute, 50],
        [30 * minute, 50],
      ],
      { thresholds },
    );
    expect(states.map(({ mode }) => mode)).toEqual(["cool", "cool", "watch"]);
    expect(states[0]!.severe).toBe(true);
    // Also one that began as a short one.
    expect(
      modes(
        [
          [0, 83],
          [5, 86],
          [29 * minute, 50],
          [30 * minute, 50],
        ],
        { thresholds },
      ),
    ).toEqual(["cool", "cool", "cool", "watch"]);
  });

  it("does not last for ever when the sensor has died: the night is not lost", () => {
    expect(
      modes([
        [0, 83],
        [10 * minute, undefined],
        [30 * minute, undefined],
      ]),
    ).toEqual(["cool", "cool", "watch"]);
  });
});

/** A course of bounded slope: steps of 2 s, at most 2 °C each; a gap now and then. */
const anyCourse = fc
  .tuple(
    fc.integer({ min: 30, max: 90 }),
    fc.array(
      fc.record({
        change: fc.double({ min: -2, max: 2, noNaN: true }),
        known: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 300, maxLength: 1500 },
    ),
    fc.constantFrom("up", "down", "still"),
  )
  .map(([start, steps, trend]) => {
    const push = trend === "up" ? 0.3 : trend === "down" ? -0.3 : 0;
    let temperature = start;
    return steps.map(({ change, known }, i) => {
      temperature = Math.min(100, Math.max(25, temperature + change + push * Math.sin(i / 50)));
      return [i * 2, known === 0 ? undefined : temperature] as const;
    });
  });
const anyThresholds = fc.constantFrom<Thresholds>(
  seed,
  { ...seed, afterCritical: "cool" },
  { ...seed, coolMinutes: 1, criticalMinutes: 2, afterCritical: "cool" },
);

describe("on any course of temperatures", () => {
  it("never flaps", () => {
    fc.assert(
      fc.property(anyCourse, anyThresholds, (moments, thresholds) => {
        const states = course(moments, { thresholds });
        const changes = states.filter(({ mode }, i) => mode !== (states[i - 1]?.mode ?? "watch")).length;
        const seconds = moments.at(-1)![0];
        // A round (watch, pace, cool) takes a minute at least.
        expect(changes).toBeLessThanOrEqual(3 * (1 + seconds / paceDwell));
        const cools = states.filter(
          ({ mode }, i) => mode === "cool" && states[i - 1]?.mode !== "cool",
        ).length;
        expect(cools).toBeLessThanOrEqual(1 + seconds / (minute * thresholds.coolMinutes));
      }),
      { numRuns: 100 },
    );
  });

  it("never trains after a critical reading, and never stops for an unknown one", () => {
    fc.assert(
      fc.property(anyCourse, anyThresholds, (moments, thresholds) => {
        let before: HeatMode = "watch";
        course(moments, { thresholds }).forEach(({ mode }, i) => {
          const [, temperature] = moments[i]!;
          if (temperature !== undefined && temperature >= thresholds.stopAt) {
            expect(["cool", "stop"]).toContain(mode);
          }
          if (temperature === undefined && before !== "stop") expect(mode).not.toBe("stop");
          if (temperature === undefined && before !== "cool") expect(mode).toBe(before);
          before = mode;
        });
      }),
      { numRuns: 100 },
    );
  });

  it("always leaves a cool-down once the card stays cool", () => {
    fc.assert(
      fc.property(anyCourse, anyThresholds, (moments, thresholds) => {
        const states = course(moments, { thresholds });
        const last = states.at(-1)!;
        if (last.mode !== "cool") return;
        const end = moments.at(-1)![0] + leastCooling({ severe: true }, thresholds);
        expect(modes([[end, thresholds.resumeAt]], { thresholds, from: last })).toEqual(["watch"]);
      }),
      { numRuns: 100 },
    );
  });
});
