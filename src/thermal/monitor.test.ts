import { describe, expect, it } from "vitest";
import { settle, watchedCard } from "../../test/harness/card.js";
import { unwatched } from "./monitor.js";

describe("a monitor", () => {
  it("knows nothing until the sensor has spoken, and nothing of a reading that is stale", async () => {
    const { monitor, say, move, types } = watchedCard();
    expect(monitor.temperature()).toBeUndefined();
    await say({ temperature: 70 });
    expect(monitor.temperature()).toBe(70);
    await move(15);
    expect(monitor.temperature()).toBe(70);
    await move(1);
    expect(monitor.advice().mode).toBe("watch");
    expect(monitor.temperature()).toBeUndefined();
    expect(types()).toEqual(["sensor-lost"]);
    await move(100);
    monitor.advice();
    await say({ silence: "it died" });
    expect(types()).toEqual(["sensor-lost"]);
    await say({ temperature: 71 });
    expect(types()).toEqual(["sensor-lost", "sensor-back"]);
    expect(monitor.temperature()).toBe(71);
    await monitor.close();
  });

  it("takes a reading without a temperature for no reading, unless the card defends itself", async () => {
    const { monitor, say } = watchedCard();
    await say({ temperature: 70 });
    await say({ power: 100 });
    expect(monitor.temperature()).toBe(70);
    await say({ slowdown: ["hardware-thermal"] });
    expect(monitor.advice()).toMatchObject({ mode: "stop", reason: { code: "hardware-slowdown" } });
    await monitor.close();
  });

  it.each([
    ["far above", [60, 120, 61], [60, 60, 61]],
    ["far below", [83, 20, 82], [83, 83, 82]],
    ["incredible at the first", [127, 60], [undefined, 60]],
  ])("takes a single temperature that is absurd (%s) for none", async (_, said, believed) => {
    const { monitor, say, types } = watchedCard();
    for (const [i, temperature] of said.entries()) {
      await say({ temperature });
      expect(monitor.temperature()).toBe(believed[i]);
    }
    expect(types().filter((type) => type === "heat")).toHaveLength(said[0] === 83 ? 1 : 0);
    await monitor.close();
  });

  it("believes what is said twice, and at once that the card defends itself", async () => {
    const { monitor, say } = watchedCard();
    for (const temperature of [50, 99, 98]) await say({ temperature });
    expect(monitor.advice()).toMatchObject({ mode: "stop", reason: { code: "critical", temperature: 98 } });
    await monitor.close();
    const other = watchedCard();
    for (const temperature of [50, 99]) await other.say({ temperature, slowdown: ["hardware-thermal"] });
    expect(other.monitor.temperature()).toBe(99);
    await other.monitor.close();
  });

  it("says once that one of several cards is lost, and that it is back, and goes on with the others", async () => {
    const { monitor, say, events } = watchedCard();
    for (const lostCards of [[], ["B (1)"], ["B (1)"], []]) await say({ temperature: 60, lostCards });
    expect(events.filter(({ type }) => type !== "temperature")).toEqual([
      { type: "sensor-lost", sensor: "B (1)", reason: "" },
      { type: "sensor-back", sensor: "B (1)" },
    ]);
    expect(events[0]).not.toHaveProperty("lostCards");
    expect([monitor.temperature(), monitor.isLost()]).toEqual([60, false]);
    await monitor.close();
  });

  it("tells each change once, and remembers why it came", async () => {
    const { monitor, say, events } = watchedCard();
    for (const temperature of [70, 79, 80, 83, 75, 60]) await say({ temperature });
    const changes = events.filter((one) => one.type === "heat");
    expect(changes.map(({ from, to }) => `${from} ${to}`)).toEqual(["watch pace", "pace cool"]);
    expect(monitor.advice()).toMatchObject({ mode: "cool", reason: { code: "hot", temperature: 83 } });
    await monitor.close();
  });

  it("counts the time in each band at the temperature that held, over all sessions", async () => {
    const first = watchedCard();
    await first.say({ temperature: 60 });
    await first.move(10);
    await first.say({ temperature: 79 });
    await first.move(5);
    await first.say({ temperature: 60 });
    await first.move(40);
    const before = first.monitor.summary()!;
    expect(before.seconds).toMatchObject({ fine: 10, warm: 5, hot: 0, critical: 0, unknown: 40 });
    expect(before.hottest).toBe(79);
    expect(before.minutes).toEqual([79]);
    await first.monitor.close();

    const second = watchedCard({ before });
    await second.say({ temperature: 83 });
    await second.move(7);
    await second.say({ temperature: 50 });
    expect(second.monitor.summary()).toMatchObject({
      seconds: { fine: 10, warm: 5, hot: 7, unknown: 40 },
      hottest: 83,
      coolDowns: 1,
      minutes: [83],
    });
    await second.monitor.close();
    expect(unwatched(before).summary()).toBe(before);
  });

  it("says how long a cool-down still takes at least, and which temperature ends it", async () => {
    const { monitor, say, move } = watchedCard();
    await say({ temperature: 83 });
    await move(100);
    await say({ temperature: 71 });
    expect(monitor.cooling()).toEqual({ temperature: 71, resumeAt: 70, secondsLeft: 500 });
    await move(700);
    expect(monitor.cooling()).toEqual({ temperature: undefined, resumeAt: 70, secondsLeft: 0 });
    await monitor.close();
  });

  it("asks for rest only while the card is warm, and counts what was rested", async () => {
    const { monitor, say, move } = watchedCard();
    await say({ temperature: 77 });
    expect(monitor.idle()).toBeUndefined();
    for (let i = 0; i < 30; i++) {
      await move(2);
      await say({ temperature: 81 });
    }
    expect(monitor.idle()).toBeGreaterThan(0);
    // It goes on so when nothing is known any more.
    await move(100);
    expect([monitor.advice().mode, monitor.idle()! > 0]).toEqual(["pace", true]);
    monitor.rested(3);
    expect(monitor.summary()).toMatchObject({ pauses: 1, pausedSeconds: 3 });
    await monitor.close();
  });

  it("counts a card that defends itself in the band that the policy puts it in", async () => {
    const { monitor, say, move } = watchedCard();
    await say({ temperature: 60, slowdown: ["software-thermal"] });
    await move(7);
    await say({ temperature: 60, slowdown: ["hardware-thermal"] });
    await move(5);
    expect(monitor.summary()!.seconds).toMatchObject({ fine: 0, hot: 7, critical: 5 });
    await monitor.close();
  });

  it("calls whoever listens when something may be another one", async () => {
    const { monitor, say, move } = watchedCard();
    let calls = 0;
    monitor.listen(() => calls++);
    await say({ temperature: 83 });
    const after = calls;
    expect(after).toBeGreaterThan(0);
    await move(5);
    monitor.advice();
    expect(calls).toBe(after);
    await say({ temperature: 60 });
    await move(700);
    await say({ temperature: 60 });
    await monitor.close();
  });

  it("closes its sensor", async () => {
    const { monitor, isClosed } = watchedCard();
    await settle();
    await monitor.close();
    expect(isClosed()).toBe(true);
  });
});
