/**
 * Watches a card while training runs: reads its sensor, asks the policy, counts, and tells. Owns the sensor's stream; the loop
 * asks it between two steps, and never waits for it but to rest.
 */
import { bandName, noHeat, withMode, withPause, withReading, withTime, type HeatSummary } from "./history.js";
import { pace, pauseAfter, type Pacing } from "./pacing.js";
import {
  firstHeatState,
  judge,
  leastCooling,
  type HeatMode,
  type HeatReason,
  type Verdict,
} from "./policy.js";
import { createLosses } from "./cards.js";
import { type Reading } from "./reading.js";
import type { Clock } from "./clock.js";
import type { Sensor } from "./sensors/sensor.js";
import type { Thresholds } from "./thresholds.js";

/** What a guard tells, as events of a run (docs/events.md). */
export type HeatNews =
  | ({ readonly type: "temperature" } & Omit<Reading, "at" | "lostCards">)
  | { readonly type: "heat"; readonly from: HeatMode; readonly to: HeatMode; readonly reason: HeatReason }
  | { readonly type: "sensor-lost"; readonly sensor: string; readonly reason: string }
  | { readonly type: "sensor-back"; readonly sensor: string }
  | {
      readonly type: "cooling";
      readonly temperature: number | undefined;
      /** °C that ends it, once its time is over. */
      readonly resumeAt: number;
      /** Seconds that it still lasts at least. */
      readonly secondsLeft: number;
    };

export interface Advice {
  readonly mode: HeatMode;
  /** Why it began. */
  readonly reason: HeatReason;
  /** Whether the cool-down is for the critical temperature. */
  readonly severe: boolean;
}

export interface Guard {
  /** What to do now. */
  advice(): Advice;
  /** °C; undefined when it is not known. */
  temperature(): number | undefined;
  /** Whether the sensor has fallen silent. */
  isLost(): boolean;
  /** Tells when training computes and when it does not: simulated cards warm up by it. */
  busy(computes: boolean): void;
  /**
   * Rests as long as pacing asks for after a step of so many real seconds; a wish to stop wakes it.
   * @returns real seconds rested
   */
  rest(seconds: number, signal: AbortSignal): Promise<number>;
  /**
   * Waits until the policy ends the cool-down, or `signal`; tells about once a real second how long it still takes.
   * @returns whether it has become one for the critical temperature
   */
  coolDown(signal: AbortSignal): Promise<{ worse: boolean }>;
  /** Undefined when nothing was ever watched. */
  summary(): HeatSummary | undefined;
  close(): Promise<void>;
}

/** Where there is no sensor: nothing is known, and nothing is asked for. @param before what earlier sessions have counted */
export function unwatched(before: HeatSummary | undefined): Guard {
  const reason = { code: "unknown", temperature: undefined, threshold: undefined } as const;
  return {
    advice: () => ({ mode: "watch", severe: false, reason }),
    temperature: () => undefined,
    isLost: () => false,
    busy: () => undefined,
    rest: () => Promise.resolve(0),
    coolDown: () => Promise.resolve({ worse: false }),
    summary: () => before,
    close: () => Promise.resolve(),
  };
}

export interface GuardOptions {
  readonly sensor: Sensor;
  readonly thresholds: Thresholds;
  readonly clock: Clock;
  readonly tell: (news: HeatNews) => void;
  /** Of the sessions before. */
  readonly before?: HeatSummary | undefined;
}

/**
 * Seconds after which a reading is stale; the real ones on top are for a busy processor, which matters when simulated time
 * runs fast.
 */
const staleAfter = 15;
const realLeeway = 0.5;

/** °C by which no chip's temperature changes between two readings. */
const mostJump = 30;
/** °C beyond the end of training at which nobody finds a card. */
const incredible = 10;

/**
 * Takes no single absurd reading for one: a temperature far from the one before, or a first one that is incredibly high, has
 * to be said twice.
 * @param incredibleAt °C
 * @returns whether to believe a reading. `before`: the one that holds
 */
function createDoubt(incredibleAt: number): (temperature: number, before: number | undefined) => boolean {
  let doubted: number | undefined;
  let first = true;
  return (temperature, before) => {
    const isNear = (other: number): boolean => Math.abs(temperature - other) <= mostJump;
    const expected = before === undefined ? !first || temperature < incredibleAt : isNear(before);
    const believed = expected || (doubted !== undefined && isNear(doubted));
    doubted = believed ? undefined : temperature;
    if (believed) first = false;
    return believed;
  };
}

export function createGuard({ sensor, thresholds, clock, tell, before }: GuardOptions): Guard {
  const closing = new AbortController();
  const fresh = staleAfter + realLeeway * clock.scale;
  let latest: Reading | undefined;
  let countedUntil = clock.now();
  let verdict: Verdict = judge(firstHeatState, undefined, thresholds, countedUntil);
  let cause = verdict.reason;
  let pacing: Pacing | undefined;
  let minute = -Infinity;
  let lost = !sensor.known;
  const isBelieved = createDoubt(thresholds.stopAt + incredible);
  const tellLosses = createLosses({
    lost: (card) => tell({ type: "sensor-lost", sensor: card, reason: "" }),
    back: (card) => tell({ type: "sensor-back", sensor: card }),
  });
  let summary: HeatSummary = { ...noHeat, ...before, minutes: [] };

  const freshReading = (now: number): Reading | undefined =>
    latest !== undefined && now - latest.at <= fresh ? latest : undefined;

  const lose = (reason: string): void => {
    latest = undefined;
    if (lost) return;
    lost = true;
    tell({ type: "sensor-lost", sensor: sensor.name, reason });
  };

  /** Brings the policy, and the time in each band, up to now. */
  function review(): void {
    const now = clock.now();
    const reading = freshReading(now);
    if (latest !== reading) lose("");
    const { state } = verdict;
    verdict = judge(state, reading, thresholds, now);
    summary = withTime(summary, bandName(reading?.temperature, verdict.thresholds), now - countedUntil);
    countedUntil = now;
    if (verdict.state.mode === state.mode) return;
    cause = verdict.reason;
    summary = withMode(summary, state.mode, verdict.state.mode, now - state.since);
    tell({ type: "heat", from: state.mode, to: verdict.state.mode, reason: verdict.reason });
  }

  function receive(reading: Reading): void {
    const { temperature, lostCards = [] } = reading;
    tellLosses(lostCards);
    // The time until now was spent at the reading before.
    review();
    // A card that does not say its temperature for once keeps the one it had, until that is stale.
    const defendsItself = reading.slowdown?.includes("hardware-thermal") === true;
    if (temperature === undefined && !defendsItself) return;
    const before = freshReading(clock.now())?.temperature;
    if (temperature !== undefined && !isBelieved(temperature, before) && !defendsItself) return;
    const newMinute = minute < Math.floor(reading.at / 60);
    minute = Math.floor(reading.at / 60);
    latest = reading;
    if (lost) {
      lost = false;
      tell({ type: "sensor-back", sensor: sensor.name });
    }
    const { at, lostCards: _, ...figures } = reading;
    tell({ type: "temperature", ...figures });
    if (temperature !== undefined) {
      summary = withReading(summary, temperature, newMinute);
      pacing = pace(pacing, temperature, verdict.thresholds.target, at);
    }
    review();
  }

  async function watch(): Promise<void> {
    for await (const news of sensor.readings(closing.signal)) {
      if (closing.signal.aborted) return;
      if ("silence" in news) lose(news.silence);
      else receive(news);
    }
    if (!closing.signal.aborted) lose("");
  }
  const watching = watch().catch((error: unknown) => lose(String(error)));

  return {
    advice() {
      review();
      const { mode, severe } = verdict.state;
      return { mode, severe, reason: cause };
    },
    temperature: () => freshReading(clock.now())?.temperature,
    isLost: () => lost,
    busy: (computes) => sensor.load?.(computes),
    async rest(seconds, signal) {
      if (verdict.state.mode !== "pace" || pacing === undefined) return 0;
      const pause = pauseAfter(seconds, pacing.idle);
      // Shorter ones than a timer can make are no pause.
      if (pause < 0.001) return 0;
      const started = performance.now();
      await clock.sleep(pause * clock.scale, signal);
      const rested = (performance.now() - started) / 1000;
      summary = withPause(summary, rested * clock.scale);
      return rested;
    },
    async coolDown(signal) {
      sensor.load?.(false);
      const { severe } = verdict.state;
      let worse = false;
      for (;;) {
        review();
        const { state, thresholds: held } = verdict;
        if (state.mode !== "cool" || signal.aborted) return { worse };
        worse ||= state.severe && !severe;
        const now = clock.now();
        const secondsLeft = Math.max(0, state.since + leastCooling(state, held) - now);
        const temperature = freshReading(now)?.temperature;
        tell({ type: "cooling", temperature, resumeAt: held.resumeAt, secondsLeft });
        // Wakes at the moment that may end it, too.
        const tick = clock.scale;
        await clock.sleep(secondsLeft > 0 ? Math.min(tick, secondsLeft) : tick / 4, signal);
      }
    },
    summary() {
      review();
      return summary;
    },
    async close() {
      closing.abort();
      await watching;
    },
  };
}
