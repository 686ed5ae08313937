/** Sensors without a card: a recorded trace, and a card that is only a model and warms up when training computes. */
import { readFile } from "node:fs/promises";
import { GuardapesosError, reasonOf } from "../../base/errors.js";
import {
  fanOf,
  likeRtx3070,
  powerOf,
  restingState,
  slowdownReasonsOf,
  speedOf,
  warmed,
  type CardModel,
} from "../model.js";
import { readingOf } from "../reading.js";
import { parseTrace, traceText } from "../trace.js";
import type { Sensor, SensorContext } from "./sensor.js";

/** However fast time runs, a sensor is not read more often than every 50 real milliseconds. */
const readEvery = ({ clock, interval }: SensorContext): number => Math.max(interval, 0.05 * clock.scale);

/**
 * Plays a trace at the clock's speed, and ends with it. A trace is the course of a training: its time begins when the first batch
 * does, or the first cool-down; until then it says what it says at its begin.
 * @throws TRACE_UNREADABLE, TRACE_INVALID
 */
export async function openTrace(file: string, context: SensorContext): Promise<Sensor> {
  const { clock } = context;
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new GuardapesosError("TRACE_UNREADABLE", { file, reason: reasonOf(error) });
  });
  const trace = parseTrace(file, traceText(bytes));
  const begun = new AbortController();
  return {
    name: `simulated:${file}`,
    known: trace.some(({ temperature }) => temperature !== undefined),
    load: () => begun.abort(),
    async *readings(signal) {
      const awaken = AbortSignal.any([signal, begun.signal]);
      while (!awaken.aborted) {
        yield { ...trace[0]!, at: clock.now() };
        await clock.sleep(readEvery(context), awaken);
      }
      const start = clock.now() - trace[0]!.at;
      for (const reading of trace) {
        const wait = start + reading.at - clock.now();
        if (wait > 0) await clock.sleep(wait, signal);
        if (signal.aborted) return;
        yield { ...reading, at: start + reading.at };
      }
    },
  };
}

/** A card of `model` that is as busy as `load` says. Reads whole degrees, as NVML does. */
export function openModel(context: SensorContext, model: CardModel = likeRtx3070): Sensor {
  const { clock } = context;
  let state = restingState(model);
  let since = clock.now();
  let share = 0;
  const catchUp = (): void => {
    const now = clock.now();
    if (now > since) state = warmed(model, state, share, now - since);
    since = now;
  };
  const cardName = "Simulated card";
  return {
    name: `${cardName} (simulated:model)`,
    known: true,
    load(busy) {
      catchUp();
      share = busy ? 1 : 0;
    },
    async *readings(signal) {
      while (!signal.aborted) {
        catchUp();
        yield readingOf(clock.now(), {
          card: cardName,
          temperature: state.off ? undefined : Math.round(state.chip),
          power: powerOf(model, state, share),
          utilisation: share,
          fan: fanOf(model, state),
          clock: 1725 * speedOf(model, state),
          slowdown: slowdownReasonsOf(model, state),
          slowdownAt: model.slowdownAt,
          shutdownAt: model.shutdownAt,
        });
        await clock.sleep(readEvery(context), signal);
      }
    },
  };
}
