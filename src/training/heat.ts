/** A run's heat: what it asks of the loop, and what becomes of the batches. */
import type { Resolution, TrainingConfig } from "../progan/config.js";
import { batchesPerStep, batchSizeAt } from "../progan/schedule.js";
import { drive } from "../thermal/driver.js";
import type { HeatSummary } from "../thermal/history.js";
import type { Advice } from "../thermal/monitor.js";
import { pauseAfter } from "../thermal/pacing.js";
import type { Thresholds } from "../thermal/thresholds.js";
import { startMonitor, type HeatWatch } from "../thermal/watch.js";
import type { Emit, RunEventOf } from "../events/event.js";
import { createLoopActuator } from "./heat-actuator.js";

/** Heat as the loop asks for it, between two steps. */
export interface LoopHeat {
  /** What to do now. */
  advice(): Advice;
  /** °C; undefined when it is not known. */
  temperature(): number | undefined;
  /** Whether the sensor has fallen silent. */
  isLost(): boolean;
  /** Tells when training computes and when it does not. */
  busy(computes: boolean): void;
  /**
   * Rests as long as pacing asks for after a step of so many real seconds; a wish to stop wakes it.
   * @returns real seconds rested
   */
  rest(seconds: number, signal: AbortSignal): Promise<number>;
  /**
   * Waits until the cool-down ends, or `signal`.
   * @returns whether it has become one for the critical temperature
   */
  coolDown(signal: AbortSignal): Promise<{ readonly worse: boolean }>;
}

/** A run's heat: the loop's side, what a checkpoint says of it, and its end. */
export interface RunHeat extends LoopHeat {
  /** Undefined when nothing was ever watched. */
  summary(): HeatSummary | undefined;
  close(): Promise<void>;
}

/** The shortest pause that a timer can make, in seconds. */
const leastPause = 0.001;

/** Begins to watch the card and to drive the loop by it. @param before what heat did in the sessions before */
export function watchHeat(
  watch: HeatWatch,
  thresholds: Thresholds,
  emit: Emit,
  before: HeatSummary | undefined,
): RunHeat {
  const { clock } = watch;
  const monitor = startMonitor(watch, thresholds, emit, before);
  const actuator = createLoopActuator();
  const closing = new AbortController();
  const driving = drive({ monitor, actuator, clock, emit, signal: closing.signal });
  // Whoever closes hears of it.
  driving.catch(() => undefined);
  return {
    advice() {
      const { order } = actuator;
      if (order.mode !== "run") return { mode: order.mode, ...order.cause };
      return {
        mode: order.idle === undefined ? "watch" : "pace",
        severe: false,
        reason: monitor.advice().reason,
      };
    },
    temperature: () => monitor.temperature(),
    isLost: () => monitor.isLost(),
    busy: (computes) => monitor.busy(computes),
    async rest(seconds, signal) {
      const { order } = actuator;
      const pause = order.mode === "run" ? pauseAfter(seconds, order.idle ?? 0) : 0;
      if (pause < leastPause) return 0;
      const started = performance.now();
      await clock.sleep(pause * clock.scale, signal);
      const rested = (performance.now() - started) / 1000;
      monitor.rested(rested * clock.scale);
      return rested;
    },
    coolDown(signal) {
      monitor.busy(false);
      return actuator.rest(signal);
    },
    summary: () => monitor.summary(),
    async close() {
      closing.abort();
      await driving;
      await monitor.close();
    },
  };
}

/** Beyond this, batches are as small as is of use. */
const mostDivided = 16;

/** The config with batches divided once more. */
export function divided(config: TrainingConfig, by: number): TrainingConfig {
  return { ...config, batchDivisor: Math.min(mostDivided, config.batchDivisor * by) };
}

/** What dividing makes of the batches at a resolution. */
export function batchesDivided(
  config: TrainingConfig,
  resolution: Resolution,
): RunEventOf<"batches-divided"> {
  return {
    type: "batches-divided",
    divisor: config.batchDivisor,
    resolution,
    batchSize: batchSizeAt(config, resolution),
    accumulate: batchesPerStep(config, resolution),
  };
}
