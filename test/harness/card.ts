/** A monitor over a card that says what it is told to, on a clock that stands still until it is moved. */
import type { Clock } from "../../src/thermal/clock.js";
import type { HeatEvent } from "../../src/thermal/event.js";
import type { HeatSummary } from "../../src/thermal/history.js";
import { createMonitor } from "../../src/thermal/monitor.js";
import { readingOf, type Given, type Reading } from "../../src/thermal/reading.js";
import type { Silence } from "../../src/thermal/sensors/sensor.js";
import { defaultThresholds, type Thresholds } from "../../src/thermal/thresholds.js";

/** Lets what is under way in other promises happen. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whoever sleeps on it wakes when `move` passes the moment, or by their signal. */
export function stillClock(): { clock: Clock; move: (seconds: number) => Promise<void> } {
  let now = 0;
  const sleepers = new Set<{ until: number; wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    scale: 1,
    sleep: (seconds, signal) =>
      new Promise((resolve) => {
        const sleeper = { until: now + seconds, wake: (): void => undefined };
        sleeper.wake = () => {
          signal.removeEventListener("abort", sleeper.wake);
          sleepers.delete(sleeper);
          resolve();
        };
        sleepers.add(sleeper);
        signal.addEventListener("abort", sleeper.wake);
        if (signal.aborted) sleeper.wake();
      }),
  };
  return {
    clock,
    async move(seconds) {
      now += seconds;
      for (const { until, wake } of [...sleepers]) if (until <= now) wake();
      await settle();
    },
  };
}

export function watchedCard({
  before,
  thresholds = defaultThresholds,
}: { before?: HeatSummary | undefined; thresholds?: Thresholds } = {}) {
  const { clock, move } = stillClock();
  const said: (Reading | Silence)[] = [];
  let wake: () => void = () => undefined;
  let closed = false;
  const loads: boolean[] = [];
  const events: HeatEvent[] = [];
  const monitor = createMonitor({
    sensor: {
      name: "card",
      known: true,
      load: (busy) => void loads.push(busy),
      async *readings(signal) {
        signal.addEventListener("abort", () => wake());
        while (!signal.aborted) {
          yield* said.splice(0);
          await new Promise<void>((resolve) => (wake = resolve));
        }
        closed = true;
      },
    },
    thresholds,
    clock,
    emit: (event) => void events.push(event),
    before,
  });
  return {
    monitor,
    clock,
    move,
    events,
    loads,
    isClosed: () => closed,
    types: () => events.map(({ type }) => type).filter((type) => type !== "temperature"),
    say: async (given: Given | Silence): Promise<void> => {
      await settle();
      const extra = "lostCards" in given ? { lostCards: given.lostCards } : {};
      said.push("silence" in given ? given : { ...readingOf(clock.now(), given), ...extra });
      wake();
      await settle();
    },
  };
}
