/** The parent's side of a sensor process: its lines become readings of the card that is asked for, or of the hottest. */
import { workerEntry } from "../../base/worker-entry.js";
import { fileURLToPath } from "node:url";
import { hottest, readingOf, type Given, type Reading } from "../reading.js";
import { again, linesOf } from "./line-process.js";
import type { Sensor, SensorContext } from "./sensor.js";

/** @param index which of the cards; undefined for the hottest. @throws when there is no such card */
export function choose<Card extends Pick<Given, "temperature">>(
  cards: readonly Card[],
  index: number | undefined,
): Card {
  const card = index === undefined ? hottest(cards) : cards[index];
  if (card === undefined) throw new Error(`no card ${index ?? 0} (${cards.length} found)`);
  return card;
}

/** Real time to wait, whatever the watcher's clock makes of it. */
export const realSleep =
  ({ clock }: SensorContext) =>
  (seconds: number, signal: AbortSignal): Promise<void> =>
    clock.sleep(seconds * clock.scale, signal);

export interface OwnProcess {
  /** The module that the process runs, relative to this one. */
  readonly entry: "./nvml-process.js" | "./other-process.js";
  /** What reads: stands in the sensor's name. */
  readonly by: string;
  /** Beyond the interval. */
  readonly arguments: readonly string[];
  readonly index: number | undefined;
}

/**
 * Starts one of our own sensor processes.
 * @throws why it says nothing
 */
export async function openProcess(
  { entry, by, arguments: words, index }: OwnProcess,
  context: SensorContext,
): Promise<Sensor> {
  const { clock, interval, patience } = context;
  const program = fileURLToPath(workerEntry(import.meta.url, entry));
  async function* read(signal: AbortSignal): AsyncGenerator<Reading, void> {
    const call = {
      command: process.execPath,
      arguments: [program, String(interval), ...words],
      patience: Math.max(patience, 3 * interval),
    };
    for await (const line of linesOf(call, signal)) {
      yield readingOf(clock.now(), choose(JSON.parse(line) as Given[], index));
    }
  }
  const first = await firstOf(read);
  return {
    name: `${first.card ?? "?"} (${by})`,
    readings: (signal) => again(() => read(signal), realSleep(context), signal),
  };
}

/** The first reading of a source, which is then closed. */
export async function firstOf(read: (signal: AbortSignal) => AsyncIterable<Reading>): Promise<Reading> {
  const closing = new AbortController();
  try {
    for await (const reading of read(closing.signal)) return reading;
  } finally {
    closing.abort();
  }
  throw new Error("no reading");
}
