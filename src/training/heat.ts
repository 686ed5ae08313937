/** A run's heat: which sensor it is watched with, and what becomes of its batches. */
import type { Resolution, TrainingConfig } from "../progan/config.js";
import { batchesPerStep, batchSizeAt } from "../progan/schedule.js";
import { createClock, type Clock } from "../thermal/clock.js";
import { createGuard, unwatched, type Guard } from "../thermal/guard.js";
import type { HeatSummary } from "../thermal/history.js";
import { openSensor, type SensorChoice } from "../thermal/sensors/open.js";
import type { Sensor } from "../thermal/sensors/sensor.js";
import type { Thresholds } from "../thermal/thresholds.js";
import type { Emit, RunEventOf } from "../events/event.js";

export interface HeatOptions {
  readonly sensor: SensorChoice;
  readonly thresholds: Thresholds;
  /** Simulated seconds in a real one. */
  readonly timeScale: number;
}

export interface HeatWatch {
  readonly sensor: Sensor | undefined;
  readonly clock: Clock;
  /** Why there is no sensor. */
  readonly missing: RunEventOf<"heat-watch">["missing"];
}

/**
 * Finds the sensor. When the processor computes, no card gets hot by it, and "auto" looks for none.
 * @param signal gives it up
 * @throws SENSOR_UNAVAILABLE, TRACE_UNREADABLE, TRACE_INVALID
 */
export async function findSensor(
  { sensor: choice, timeScale }: HeatOptions,
  device: string,
  signal?: AbortSignal,
): Promise<HeatWatch> {
  const clock = createClock(timeScale);
  if (choice.kind === "none") return { sensor: undefined, clock, missing: "not-wanted" };
  if (choice.kind === "auto" && device === "cpu") return { sensor: undefined, clock, missing: "processor" };
  const sensor = await openSensor(choice, clock, { signal });
  if (sensor === undefined) return { sensor, clock, missing: "not-found" };
  return { sensor, clock, missing: sensor.known ? undefined : "unknown" };
}

/** Begins to watch, and tells with what. @param before what heat did in the sessions before */
export function watchHeat(
  { sensor, clock, missing }: HeatWatch,
  thresholds: Thresholds,
  emit: Emit,
  before: HeatSummary | undefined,
): Guard {
  const watch = { type: "heat-watch", sensor: sensor?.name, thresholds } as const;
  emit({ ...watch, missing });
  if (!sensor) return unwatched(before);
  let unknown = missing === "unknown";
  const tell: Emit = (event) => {
    const isFirst = unknown && event.type === "sensor-back" && event.sensor === sensor.name;
    if (isFirst) unknown = false;
    emit(isFirst ? { ...watch, missing: undefined } : event);
  };
  return createGuard({ sensor, thresholds, clock, tell, before });
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
