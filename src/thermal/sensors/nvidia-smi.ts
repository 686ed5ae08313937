/** nvidia-smi, where NVML itself cannot be opened: one process that prints all cards again and again. */
import { reasonOf } from "../../base/errors.js";
import { readingOf, type Reading } from "../reading.js";
import { newReasons, oldReasons, smiFields, smiTable, type SmiRow } from "../smi-csv.js";
import { createRoll } from "../cards.js";
import { again, valuesOf } from "./line-process.js";
import { choose, firstOf, lostAfter, realSleep, withLost } from "./process-sensor.js";
import type { Sensor, SensorContext } from "./sensor.js";

/** What it prints, and ends, when it is asked for something that its driver does not know. */
const refusal = /Field "([^"]+)" is not a valid field/;

/** @throws why it says nothing */
export async function openNvidiaSmi(index: number | undefined, context: SensorContext): Promise<Sensor> {
  const { clock, interval, patience } = context;
  let fields: readonly string[] = smiFields;

  async function* read(signal: AbortSignal): AsyncGenerator<Reading, void> {
    const call = {
      command: "nvidia-smi",
      arguments: [
        `--query-gpu=${fields.join(",")}`,
        "--format=csv",
        `--loop-ms=${Math.round(interval * 1000)}`,
        ...(index === undefined ? [] : [`--id=${index}`]),
      ],
      patience: Math.max(patience, 3 * interval),
    };
    let table: ReturnType<typeof smiTable>;
    const parse = (line: string): SmiRow | null | undefined => {
      const headings = smiTable(line);
      table = headings ?? table;
      return headings ? null : table?.(line);
    };
    const newest = new Map<number, Reading>();
    const roll = createRoll(lostAfter(context));
    for await (const { index: card = 0, given } of valuesOf(call, parse, signal)) {
      const now = clock.now();
      const read = readingOf(now, given);
      newest.set(card, read);
      const lost = roll([{ index: card, given: read }], now);
      // A card that is not printed any more has gone.
      const present = [...newest.values()].filter(({ at }) => now - at < 3 * interval * clock.scale);
      yield withLost({ ...choose(present, undefined), at: now }, index, lost);
    }
  }

  /** Without the fields that this driver does not know. */
  async function* readWhatIsKnown(signal: AbortSignal): AsyncGenerator<Reading, void> {
    for (;;) {
      try {
        yield* read(signal);
        return;
      } catch (error) {
        const unknown = refusal.exec(reasonOf(error))?.[1];
        if (unknown === undefined || !fields.includes(unknown) || unknown === "temperature.gpu") throw error;
        const instead = unknown === oldReasons ? [newReasons] : [];
        fields = fields.flatMap((field) => (field === unknown ? instead : [field]));
      }
    }
  }

  const first = await firstOf(readWhatIsKnown, context);
  return {
    name: `${first.card ?? "?"} (nvidia-smi)`,
    known: first.temperature !== undefined,
    readings: (signal) => again(() => readWhatIsKnown(signal), realSleep(context), signal),
  };
}
