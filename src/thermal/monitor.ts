/**
 * Watches a card: reads its sensor, asks the policy, counts, and tells. It acts on nothing; what carries its verdict out is
 * an actuator (driver.ts).
 */
import { createLosses } from "./cards.js";
import type { Clock } from "./clock.js";
import { createDoubt } from "./doubt.js";
import type { HeatEvent } from "./event.js";
import type { HeatCause } from "./actuator.js";
import { noHeat, withMode, withPause, withReading, withTime, type HeatSummary } from "./history.js";
import { pace, type Pacing } from "./pacing.js";
import { firstHeatState, judge, leastCooling, type HeatMode, type Verdict } from "./policy.js";
import type { Reading } from "./reading.js";
import type { Sensor } from "./sensors/sensor.js";
import type { Thresholds } from "./thresholds.js";

/** What the policy asks for now, and why that began. */
export interface Advice extends HeatCause {
  readonly mode: HeatMode;
}

export interface Monitor {
  /** What to do now. */
  advice(): Advice;
  /** Share of the time to rest, 0 to 1, so that the card stays at its target; undefined while it is not warm. */
  idle(): number | undefined;
  /** How the cool-down under way ends. */
  cooling(): Omit<Extract<HeatEvent, { type: "cooling" }>, "type">;
  /** °C; undefined when it is not known. */
  temperature(): number | undefined;
  /** Whether the sensor has fallen silent. */
  isLost(): boolean;
  /** Tells when training computes and when it does not: simulated cards warm up by it. */
  busy(computes: boolean): void;
  /** Counts a pause between two batches. @param seconds of the monitor's clock */
  rested(seconds: number): void;
  /** Called, from then on, whenever the advice or the share to rest may be another one. */
  listen(listener: () => void): void;
  /** What heat did so far, over all sessions; undefined when nothing was ever watched. */
  summary(): HeatSummary | undefined;
  /** Ends the sensor's stream. What was counted can still be asked for. */
  close(): Promise<void>;
}

/** Where there is no sensor: nothing is known, and nothing is asked for. @param before what earlier sessions have counted */
export function unwatched(before: HeatSummary | undefined): Monitor {
  const reason = { code: "unknown", temperature: undefined, threshold: undefined } as const;
  return {
    advice: () => ({ mode: "watch", severe: false, reason }),
    idle: () => undefined,
    cooling: () => ({ temperature: undefined, resumeAt: 0, secondsLeft: 0 }),
    temperature: () => undefined,
    isLost: () => false,
    busy: () => undefined,
    rested: () => undefined,
    listen: () => undefined,
    summary: () => before,
    close: () => Promise.resolve(),
  };
}

export interface MonitorOptions {
  readonly sensor: Sensor;
  readonly thresholds: Thresholds;
  readonly clock: Clock;
  readonly emit: (event: HeatEvent) => void;
  /** Of the sessions before. */
  readonly before?: HeatSummary | undefined;
}

/**
 * Seconds after which a reading is stale; the real ones on top are for a busy processor, which matters when simulated time
 * runs fast.
 */
const staleAfter = 15;
const realLeeway = 0.5;

/** °C beyond the end of training at which nobody finds a card. */
const incredible = 10;

/** Begins to watch at once. */
export function createMonitor(options: MonitorOptions): Monitor {
  return new SensorMonitor(options);
}

/** Owns the sensor's stream. */
class SensorMonitor implements Monitor {
  readonly #options: MonitorOptions;
  readonly #closing = new AbortController();
  readonly #listeners: (() => void)[] = [];
  readonly #isBelieved: ReturnType<typeof createDoubt>;
  readonly #tellLosses: ReturnType<typeof createLosses>;
  readonly #watching: Promise<void>;
  #latest: Reading | undefined;
  #lost: boolean;
  #verdict: Verdict;
  /** Why the mode began. */
  #reason: Verdict["reason"];
  #pacing: Pacing | undefined;
  #summary: HeatSummary;
  /** On the clock: until when the time in each band is counted, and the minute of the newest reading. */
  #countedUntil: number;
  #minute = -Infinity;

  constructor(options: MonitorOptions) {
    this.#options = options;
    const { sensor, thresholds, clock, emit, before } = options;
    this.#lost = !sensor.known;
    this.#isBelieved = createDoubt(thresholds.stopAt + incredible);
    this.#tellLosses = createLosses({
      lost: (card) => emit({ type: "sensor-lost", sensor: card, reason: "" }),
      back: (card) => emit({ type: "sensor-back", sensor: card }),
    });
    this.#summary = { ...noHeat, ...before, minutes: [] };
    this.#countedUntil = clock.now();
    this.#verdict = judge(firstHeatState, undefined, thresholds, this.#countedUntil);
    this.#reason = this.#verdict.reason;
    this.#watching = this.#watch().catch((error: unknown) => this.#lose(String(error)));
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    for await (const news of this.#options.sensor.readings(signal)) {
      if (signal.aborted) return;
      if ("silence" in news) this.#lose(news.silence);
      else this.#receive(news);
      this.#notify();
    }
    if (!signal.aborted) this.#lose("");
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #lose(reason: string): void {
    this.#latest = undefined;
    if (this.#lost) return;
    this.#lost = true;
    const { sensor, emit } = this.#options;
    emit({ type: "sensor-lost", sensor: sensor.name, reason });
  }

  #freshReading(now: number): Reading | undefined {
    const fresh = staleAfter + realLeeway * this.#options.clock.scale;
    return this.#latest !== undefined && now - this.#latest.at <= fresh ? this.#latest : undefined;
  }

  /** Brings the policy, and the time in each band, up to now. */
  #review(): void {
    const { clock, thresholds, emit } = this.#options;
    const now = clock.now();
    const reading = this.#freshReading(now);
    if (this.#latest !== reading) this.#lose("");
    const { state: before } = this.#verdict;
    this.#verdict = judge(before, reading, thresholds, now);
    const { state, band, reason } = this.#verdict;
    this.#summary = withTime(this.#summary, band, now - this.#countedUntil);
    this.#countedUntil = now;
    if (state.mode !== before.mode) {
      this.#reason = reason;
      this.#summary = withMode(this.#summary, before.mode, state.mode, now - before.since);
      emit({ type: "heat", from: before.mode, to: state.mode, reason });
    }
    if (state.mode !== before.mode || state.severe !== before.severe) this.#notify();
  }

  #receive(reading: Reading): void {
    const { clock, emit, sensor } = this.#options;
    const { at, lostCards = [], ...figures } = reading;
    const { temperature } = reading;
    this.#tellLosses(lostCards);
    // The time until now was spent at the reading before.
    this.#review();
    // A card that does not say its temperature for once keeps the one it had, until that is stale.
    const defendsItself = reading.slowdown?.includes("hardware-thermal") === true;
    if (temperature === undefined && !defendsItself) return;
    const before = this.#freshReading(clock.now())?.temperature;
    if (temperature !== undefined && !this.#isBelieved(temperature, before) && !defendsItself) return;
    this.#latest = reading;
    if (this.#lost) emit({ type: "sensor-back", sensor: sensor.name });
    this.#lost = false;
    emit({ type: "temperature", ...figures });
    if (temperature !== undefined) this.#count(temperature, at);
    this.#review();
  }

  #count(temperature: number, at: number): void {
    const minute = Math.floor(at / 60);
    this.#summary = withReading(this.#summary, temperature, this.#minute < minute);
    this.#minute = minute;
    this.#pacing = pace(this.#pacing, temperature, this.#verdict.thresholds.target, at);
  }

  advice(): Advice {
    this.#review();
    const { mode, severe } = this.#verdict.state;
    return { mode, severe, reason: this.#reason };
  }

  idle(): number | undefined {
    return this.#verdict.state.mode === "pace" ? (this.#pacing?.idle ?? 0) : undefined;
  }

  cooling(): ReturnType<Monitor["cooling"]> {
    const { state, thresholds } = this.#verdict;
    const now = this.#options.clock.now();
    return {
      temperature: this.#freshReading(now)?.temperature,
      resumeAt: thresholds.resumeAt,
      secondsLeft: Math.max(0, state.since + leastCooling(state, thresholds) - now),
    };
  }

  temperature(): number | undefined {
    return this.#freshReading(this.#options.clock.now())?.temperature;
  }

  isLost(): boolean {
    return this.#lost;
  }

  busy(computes: boolean): void {
    this.#options.sensor.load?.(computes);
  }

  rested(seconds: number): void {
    this.#summary = withPause(this.#summary, seconds);
  }

  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  summary(): HeatSummary {
    this.#review();
    return this.#summary;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watching;
  }
}
