/** What all sensors have in common. */
import type { Clock } from "../clock.js";
import type { Reading } from "../reading.js";

/** The sensor says nothing any more; it is asked again. */
export interface Silence {
  readonly silence: string;
}

export interface Sensor {
  /** For a person: what is measured, and by what. */
  readonly name: string;
  /**
   * Readings, and silences between them, until `signal` aborts or there will never be one again. Leaves nothing behind: no
   * process, no timer. Never blocks.
   */
  readings(signal: AbortSignal): AsyncIterable<Reading | Silence>;
  /** Only of simulated cards: tells whether training computes from now on. Before the first call it has not begun. */
  load?(busy: boolean): void;
}

export interface SensorContext {
  readonly clock: Clock;
  /** Real seconds between two readings. */
  readonly interval: number;
  /** Real seconds without a word after which a sensor's process counts as hung. */
  readonly patience: number;
}
