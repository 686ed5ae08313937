/** The parent's side of a sensor process: its lines become readings of the card that is asked for, or of the hottest. */
import { workerEntry } from "../../base/worker-entry.js";
import { fileURLToPath } from "node:url";
import { createRoll } from "../cards.js";
import { hottest, readingOf, type Given, type Reading } from "../reading.js";
import { again, valuesOf } from "./line-process.js";
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
    const roll = createRoll(lostAfter(context));
    for await (const cards of valuesOf(call, cardsIn, signal)) {
      const now = clock.now();
      const readings = cards.map((given) => readingOf(now, given));
      const lost = roll(
        readings.map((given, i) => ({ index: i, given })),
        now,
      );
      yield withLost(choose(readings, index), index, lost);
    }
  }
  const first = await firstOf(read, context);
  return {
    name: `${first.card ?? "?"} (${by})`,
    known: first.temperature !== undefined,
    readings: (signal) => again(() => read(signal), realSleep(context), signal),
  };
}

/** What one of our processes prints. */
function cardsIn(line: string): readonly Given[] | undefined {
  try {
    const cards: unknown = JSON.parse(line);
    return Array.isArray(cards) ? (cards as Given[]) : undefined;
  } catch {
    return undefined;
  }
}

/** Of the watcher's seconds, those after which a card among others that tells no temperature is lost. */
export const lostAfter = ({ clock, interval }: SensorContext): number => 5 * interval * clock.scale;

/** Whoever watches one card alone is not told of the others. */
export function withLost(reading: Reading, index: number | undefined, lost: readonly string[]): Reading {
  return index === undefined && lost.length > 0 ? { ...reading, lostCards: lost } : reading;
}

/**
 * The first reading of a source that tells a temperature, or the first at all where none does for the grace. The source is
 * then closed.
 * @throws why the source says nothing, or the reason of the context's signal
 */
export async function firstOf(
  read: (signal: AbortSignal) => AsyncIterable<Reading>,
  { grace, signal }: Pick<SensorContext, "grace" | "signal">,
): Promise<Reading> {
  const closing = new AbortController();
  const close = (): void => closing.abort();
  signal?.addEventListener("abort", close);
  let first: Reading | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    signal?.throwIfAborted();
    for await (const reading of read(closing.signal)) {
      if (reading.temperature !== undefined) return reading;
      first ??= reading;
      timer ??= setTimeout(close, grace * 1000);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", close);
    close();
  }
  signal?.throwIfAborted();
  if (first === undefined) throw new Error("no reading");
  return first;
}
