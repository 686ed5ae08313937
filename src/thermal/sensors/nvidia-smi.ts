/** nvidia-smi, where NVML itself cannot be opened: one process that prints all cards again and again. */
import { reasonOf } from "../../base/errors.js";
import { readingOf, type Reading } from "../reading.js";
import { newReasons, oldReasons, smiFields, smiTable } from "../smi-csv.js";
import { again, linesOf } from "./line-process.js";
import { choose, firstOf, realSleep } from "./process-sensor.js";
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
    const newest = new Map<number | undefined, Reading>();
    for await (const line of linesOf(call, signal)) {
      const headings = smiTable(line);
      const row = headings ? undefined : table?.(line);
      table = headings ?? table;
      if (row === undefined) continue;
      const now = clock.now();
      newest.set(row.index, readingOf(now, row.given));
      // A card that is not printed any more has gone.
      const present = [...newest.values()].filter(({ at }) => now - at < 3 * interval * clock.scale);
      yield { ...choose(present, undefined), at: now };
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

  const first = await firstOf(readWhatIsKnown);
  return {
    name: `${first.card ?? "?"} (nvidia-smi)`,
    readings: (signal) => again(() => readWhatIsKnown(signal), realSleep(context), signal),
  };
}
