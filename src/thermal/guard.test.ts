import { describe, expect, it } from "vitest";
import type { Clock } from "./clock.js";
import { createGuard, unwatched, type Guard, type HeatNews } from "./guard.js";
import { readingOf, type Given, type Reading } from "./reading.js";
import type { Silence } from "./sensors/sensor.js";
import { defaultThresholds } from "./thresholds.js";

/** Lets what is under way in other promises happen. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A guard over a sensor that says what it is told to, on a clock that stands still until it is moved. */
function watched(before?: Parameters<typeof createGuard>[0]["before"]) {
  let now = 0;
  const sleepers: { until: number; wake: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    scale: 1,
    sleep: (seconds, signal) =>
      new Promise((resolve) => {
        const awaken = (): void => {
          signal.removeEventListener("abort", awaken);
          resolve();
        };
        sleepers.push({ until: now + seconds, wake: awaken });
        signal.addEventListener("abort", awaken);
      }),
  };
  const said: (Reading | Silence)[] = [];
  let wake: () => void = () => undefined;
  let closed = false;
  const loads: boolean[] = [];
  const news: HeatNews[] = [];
  const guard: Guard = createGuard({
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
    thresholds: defaultThresholds,
    clock,
    tell: (one) => void news.push(one),
    before,
  });
  return {
    guard,
    news,
    loads,
    isClosed: () => closed,
    types: () => news.map(({ type }) => type).filter((type) => type !== "temperature"),
    move: async (seconds: number): Promise<void> => {
      now += seconds;
      for (const sleeper of sleepers.filter(({ until }) => until <= now)) sleeper.wake();
      await settle();
    },
    say: async (given: Given | Silence): Promise<void> => {
      await settle();
      const extra = "lostCards" in given ? { lostCards: given.lostCards } : {};
      said.push("silence" in given ? given : { ...readingOf(now, given), ...extra });
      wake();
      await settle();
    },
  };
}
const never = new AbortController().signal;

describe("a guard", () => {
  it("knows nothing until the sensor has spoken, and nothing of a reading that is stale", async () => {
    const { guard, say, move, types } = watched();
    expect(guard.temperature()).toBeUndefined();
    await say({ temperature: 70 });
    expect(guard.temperature()).toBe(70);
    await move(15);
    expect(guard.temperature()).toBe(70);
    await move(1);
    expect(guard.advice().mode).toBe("watch");
    expect(guard.temperature()).toBeUndefined();
    expect(types()).toEqual(["sensor-lost"]);
    await move(100);
    guard.advice();
    await say({ silence: "it died" });
    expect(types()).toEqual(["sensor-lost"]);
    await say({ temperature: 71 });
    expect(types()).toEqual(["sensor-lost", "sensor-back"]);
    expect(guard.temperature()).toBe(71);
    await guard.close();
  });

  it("takes a reading without a temperature for no reading, unless the card defends itself", async () => {
    const { guard, say } = watched();
    await say({ temperature: 70 });
    await say({ power: 100 });
    expect(guard.temperature()).toBe(70);
    await say({ slowdown: ["hardware-thermal"] });
    expect(guard.advice()).toMatchObject({ mode: "stop", reason: { code: "hardware-slowdown" } });
    await guard.close();
  });

  it.each([
    ["far above", [60, 120, 61], [60, 60, 61]],
    ["far below", [83, 20, 82], [83, 83, 82]],
    ["incredible at the first", [127, 60], [undefined, 60]],
  ])("takes a single temperature that is absurd (%s) for none", async (_, said, believed) => {
    const { guard, say, types } = watched();
    for (const [i, temperature] of said.entries()) {
      await say({ temperature });
      expect(guard.temperature()).toBe(believed[i]);
    }
    expect(types().filter((type) => type === "heat")).toHaveLength(said[0] === 83 ? 1 : 0);
    await guard.close();
  });

  it("believes what is said twice, and at once that the card defends itself", async () => {
    const { guard, say } = watched();
    for (const temperature of [50, 99, 98]) await say({ temperature });
    expect(guard.advice()).toMatchObject({ mode: "stop", reason: { code: "critical", temperature: 98 } });
    await guard.close();
    const other = watched();
    for (const temperature of [50, 99]) await other.say({ temperature, slowdown: ["hardware-thermal"] });
    expect(other.guard.temperature()).toBe(99);
    await other.guard.close();
  });

  it("says once that one of several cards is lost, and that it is back, and goes on with the others", async () => {
    const { guard, say, news } = watched();
    for (const lostCards of [[], ["B (1)"], ["B (1)"], []]) await say({ temperature: 60, lostCards });
    expect(news.filter(({ type }) => type !== "temperature")).toEqual([
      { type: "sensor-lost", sensor: "B (1)", reason: "" },
      { type: "sensor-back", sensor: "B (1)" },
    ]);
    expect(news[0]).not.toHaveProperty("lostCards");
    expect([guard.temperature(), guard.isLost()]).toEqual([60, false]);
    await guard.close();
  });

  it("tells each change once, and remembers why it came", async () => {
    const { guard, say, news } = watched();
    for (const temperature of [70, 79, 80, 83, 75, 60]) await say({ temperature });
    const changes = news.filter((one) => one.type === "heat");
    expect(changes.map(({ from, to }) => `${from} ${to}`)).toEqual(["watch pace", "pace cool"]);
    expect(guard.advice()).toMatchObject({ mode: "cool", reason: { code: "hot", temperature: 83 } });
    await guard.close();
  });

  it("counts the time in each band at the temperature that held, over all sessions", async () => {
    const first = watched();
    await first.say({ temperature: 60 });
    await first.move(10);
    await first.say({ temperature: 79 });
    await first.move(5);
    await first.say({ temperature: 60 });
    await first.move(40);
    const before = first.guard.summary()!;
    expect(before.seconds).toMatchObject({ fine: 10, warm: 5, hot: 0, critical: 0, unknown: 40 });
    expect(before.hottest).toBe(79);
    expect(before.minutes).toEqual([79]);
    await first.guard.close();

    const second = watched(before);
    await second.say({ temperature: 83 });
    await second.move(7);
    await second.say({ temperature: 50 });
    expect(second.guard.summary()).toMatchObject({
      seconds: { fine: 10, warm: 5, hot: 7, unknown: 40 },
      hottest: 83,
      coolDowns: 1,
      minutes: [83],
    });
    await second.guard.close();
    expect(unwatched(before).summary()).toBe(before);
  });

  it("cools down until the policy says so, and tells how long it takes", async () => {
    const { guard, say, move, news, loads } = watched();
    await say({ temperature: 83 });
    let done = false;
    const cooling = guard.coolDown(never).then((result) => {
      done = true;
      return result;
    });
    await settle();
    expect(loads.at(-1)).toBe(false);
    expect(news.at(-1)).toEqual({ type: "cooling", temperature: 83, resumeAt: 70, secondsLeft: 600 });
    for (let second = 0; second < 599; second++) {
      await move(1);
      await say({ temperature: 65 });
    }
    expect(done).toBe(false);
    expect(news.filter(({ type }) => type === "cooling").length).toBeGreaterThan(500);
    await move(1);
    await say({ temperature: 65 });
    expect(await cooling).toEqual({ worse: false });
    expect(guard.summary()).toMatchObject({ coolDowns: 1, cooledSeconds: 600 });
    await guard.close();
  });

  it("leaves a cool-down at once when it is asked to stop", async () => {
    const { guard, say } = watched();
    await say({ temperature: 83 });
    const stop = new AbortController();
    const cooling = guard.coolDown(stop.signal);
    await settle();
    stop.abort();
    await cooling;
    expect(guard.advice().mode).toBe("cool");
    await guard.close();
  });

  it("rests only while the card is warm", async () => {
    const { guard, say, move } = watched();
    await say({ temperature: 77 });
    expect(await guard.rest(10, never)).toBe(0);
    for (let i = 0; i < 30; i++) {
      await move(2);
      await say({ temperature: 81 });
    }
    const stop = new AbortController();
    const resting = guard.rest(10, stop.signal);
    await settle();
    stop.abort();
    expect(await resting).toBeGreaterThan(0);
    expect(guard.summary()).toMatchObject({ pauses: 1 });
    await guard.close();
  });

  it("closes its sensor", async () => {
    const { guard, isClosed } = watched();
    await settle();
    await guard.close();
    expect(isClosed()).toBe(true);
  });
});
