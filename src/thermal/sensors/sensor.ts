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
  /** Whether it told a temperature when it was opened. One that did not may still do so. */
  readonly known: boolean;
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
  /** Real seconds without a word that is understood after which a sensor's process counts as hung. */
  readonly patience: number;
  /** Real seconds that one which has told everything but a temperature is waited for. */
  readonly grace: number;
  /** Gives opening up. */
  readonly signal?: AbortSignal | undefined;
}
