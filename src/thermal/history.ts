/** What heat did to a training: minutes in each band, the maximum, pauses and cool-downs, and the course of the temperature. */
import type { HeatBand } from "./bands.js";
import type { HeatMode } from "./policy.js";

/** Over all sessions; part of every checkpoint. Times in seconds. */
export interface HeatSummary {
  /** Seconds in each band of the policy, and without a known temperature. */
  readonly seconds: Readonly<Record<HeatBand, number>>;
  /** °C; absent while no temperature was ever known. */
  readonly hottest?: number | undefined;
  readonly pauses: number;
  readonly pausedSeconds: number;
  readonly coolDowns: number;
  readonly cooledSeconds: number;
  /** Times that training ended for heat. */
  readonly stops: number;
  /** The hottest °C of each of the last minutes of this session, oldest first. */
  readonly minutes: readonly number[];
}

export const noHeat: HeatSummary = {
  seconds: { fine: 0, warm: 0, hot: 0, critical: 0, unknown: 0 },
  pauses: 0,
  pausedSeconds: 0,
  coolDowns: 0,
  cooledSeconds: 0,
  stops: 0,
  minutes: [],
};

/** Minutes of the course that are kept. */
export const keptMinutes = 120;

/** Adds the time since the last reading, spent at that reading's temperature. */
export function withTime(summary: HeatSummary, band: HeatBand, seconds: number): HeatSummary {
  return { ...summary, seconds: { ...summary.seconds, [band]: summary.seconds[band] + seconds } };
}

/** @param newMinute whether a minute has begun since the reading before */
export function withReading(summary: HeatSummary, temperature: number, newMinute: boolean): HeatSummary {
  const { hottest = temperature, minutes } = summary;
  const last = minutes.at(-1);
  const course =
    newMinute || last === undefined
      ? [...minutes, temperature].slice(-keptMinutes)
      : [...minutes.slice(0, -1), Math.max(last, temperature)];
  return { ...summary, hottest: Math.max(hottest, temperature), minutes: course };
}

export function withPause(summary: HeatSummary, seconds: number): HeatSummary {
  return { ...summary, pauses: summary.pauses + 1, pausedSeconds: summary.pausedSeconds + seconds };
}

export function withMode(summary: HeatSummary, from: HeatMode, to: HeatMode, seconds: number): HeatSummary {
  const cooled = from === "cool" ? summary.cooledSeconds + seconds : summary.cooledSeconds;
  const coolDowns = summary.coolDowns + (to === "cool" ? 1 : 0);
  const stops = summary.stops + (to === "stop" ? 1 : 0);
  return { ...summary, cooledSeconds: cooled, coolDowns, stops };
}
