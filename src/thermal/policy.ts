/**
 * What heat asks for, as a table: (mode, band of the temperature) -> what to do and why. Pure: state in, state out.
 *
 * It never flaps: pacing lasts at least `paceDwell` and ends only `hysteresis` below where it began, a cool-down lasts
 * its minutes. A temperature that is not known changes nothing, but ends a cool-down that has lasted long enough.
 */
import { bandOf, type HeatBand, type HeatReason } from "./bands.js";
import type { Reading } from "./reading.js";
import { lowered, type Thresholds } from "./thresholds.js";

/** watch: nothing to do. pace: pauses between batches. cool: no training until cooler. stop: training ends. */
export type HeatMode = "watch" | "pace" | "cool" | "stop";

export interface HeatState {
  readonly mode: HeatMode;
  /** When the mode began. */
  readonly since: number;
  /** Whether this cool-down is for the critical temperature: longer, and smaller batches after it. */
  readonly severe: boolean;
}

export interface Verdict {
  readonly state: HeatState;
  readonly reason: HeatReason;
  readonly band: HeatBand;
  /** The thresholds that held, lowered to the card's own. */
  readonly thresholds: Thresholds;
}

/** °C below `warnAt` at which pacing ends; seconds that it lasts at least. */
export const hysteresis = 3;
export const paceDwell = 60;

export const firstHeatState: HeatState = { mode: "watch", since: 0, severe: false };

interface Situation {
  readonly state: HeatState;
  readonly now: number;
  readonly temperature: number | undefined;
  readonly thresholds: Thresholds;
}

/** The next mode; `code` where the band alone does not say why. */
interface Move {
  readonly mode: HeatMode;
  readonly severe?: boolean;
  readonly code?: HeatReason["code"];
}
type Rule = (situation: Situation) => Move;

const stay: Rule = ({ state }) => state;
const begin =
  (mode: HeatMode): Rule =>
  () => ({ mode });

const critical: Rule = ({ thresholds }) =>
  thresholds.afterCritical === "stop" ? { mode: "stop" } : { mode: "cool", severe: true };

const endOfPacing: Rule = ({ state, now, temperature, thresholds }) =>
  temperature! < thresholds.warnAt - hysteresis && now - state.since >= paceDwell ? { mode: "watch" } : state;

/** Seconds that a cool-down lasts at least. */
export function leastCooling({ severe }: Pick<HeatState, "severe">, thresholds: Thresholds): number {
  const { coolMinutes, criticalMinutes } = thresholds;
  return 60 * (severe ? Math.max(coolMinutes, criticalMinutes) : coolMinutes);
}

const endOfCooling: Rule = ({ state, now, temperature, thresholds }) =>
  temperature! <= thresholds.resumeAt && now - state.since >= leastCooling(state, thresholds)
    ? { mode: "watch", code: "cooled" }
    : state;

/** A sensor that has died must not end the night: after the longest of the waits, training goes on. */
const endOfWaiting: Rule = ({ state, now, thresholds }) =>
  now - state.since >= leastCooling({ severe: true }, thresholds)
    ? { mode: "watch", code: "unknown-for-long" }
    : state;

const rules: Readonly<Record<HeatMode, Readonly<Record<HeatBand, Rule>>>> = {
  watch: { unknown: stay, fine: stay, warm: begin("pace"), hot: begin("cool"), critical },
  pace: { unknown: stay, fine: endOfPacing, warm: stay, hot: begin("cool"), critical },
  cool: { unknown: endOfWaiting, fine: endOfCooling, warm: stay, hot: stay, critical },
  stop: { unknown: stay, fine: stay, warm: stay, hot: stay, critical: stay },
};

/**
 * Judges the newest reading.
 * @param reading undefined when there is none that is fresh
 */
export function judge(
  state: HeatState,
  reading: Reading | undefined,
  config: Thresholds,
  now: number,
): Verdict {
  const thresholds = lowered(config, reading?.slowdownAt);
  const { band, reason } = bandOf(reading, thresholds);
  const move = rules[state.mode][band]({ state, now, temperature: reading?.temperature, thresholds });
  const severe = move.severe ?? false;
  const changed = move.mode !== state.mode;
  // A cool-down that turns critical is the longer one, counted from its own begin.
  const next = changed
    ? { mode: move.mode, since: now, severe }
    : { ...state, severe: state.severe || severe };
  const { code } = move;
  return {
    state: next,
    reason:
      code === undefined
        ? reason
        : { ...reason, code, threshold: code === "cooled" ? thresholds.resumeAt : undefined },
    band,
    thresholds,
  };
}

/** What training would do at such a reading, if nothing had been before. */
export function modeAt(reading: Reading, thresholds: Thresholds): HeatMode {
  return judge(firstHeatState, reading, thresholds, reading.at).state.mode;
}
