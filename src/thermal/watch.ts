/** From what a user asks for to a monitor: which sensor watches the card, and what is said of it at the begin. */
import { createClock, type Clock } from "./clock.js";
import type { HeatEvent } from "./event.js";
import type { HeatSummary } from "./history.js";
import { createMonitor, unwatched, type Monitor } from "./monitor.js";
import { openSensor, type SensorChoice } from "./sensors/open.js";
import type { Sensor } from "./sensors/sensor.js";
import type { Thresholds } from "./thresholds.js";

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
  readonly missing: Extract<HeatEvent, { type: "heat-watch" }>["missing"];
}

/**
 * Finds the sensor. When the processor computes, no card gets hot by it, and "auto" looks for none.
 * @param device what computes, as far as it is known; "cpu" is the processor
 * @param signal gives it up
 * @throws SENSOR_UNAVAILABLE, TRACE_UNREADABLE, TRACE_INVALID
 */
export async function findSensor(
  { sensor: choice, timeScale }: Pick<HeatOptions, "sensor" | "timeScale">,
  device: string | undefined,
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
export function startMonitor(
  { sensor, clock, missing }: HeatWatch,
  thresholds: Thresholds,
  emit: (event: HeatEvent) => void,
  before: HeatSummary | undefined,
): Monitor {
  const watch = { type: "heat-watch", sensor: sensor?.name, thresholds } as const;
  emit({ ...watch, missing });
  if (!sensor) return unwatched(before);
  let unknown = missing === "unknown";
  return createMonitor({
    sensor,
    thresholds,
    clock,
    before,
    emit(event) {
      const isFirst = unknown && event.type === "sensor-back" && event.sensor === sensor.name;
      if (isFirst) unknown = false;
      emit(isFirst ? { ...watch, missing: undefined } : event);
    },
  });
}
