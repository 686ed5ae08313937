import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { settle, watchedCard } from "../../test/harness/card.js";
import type { Actuator, HeatCause } from "./actuator.js";
import { drive, nextOrder, type DriverState } from "./driver.js";
import type { Advice } from "./monitor.js";
import { defaultThresholds, type Thresholds } from "./thresholds.js";
import { parseTrace } from "./trace.js";

const cause: HeatCause = {
  severe: false,
  reason: { code: "hot", temperature: 83, threshold: 82 },
};
const severe: HeatCause = { ...cause, severe: true };
const advice = (mode: Advice["mode"], why = cause): Advice => ({ mode, ...why });
const running: DriverState = { phase: "running", idle: undefined };
const pausing: DriverState = { phase: "pausing", cause };
const resting: DriverState = { phase: "resting", cause };
const stopped: DriverState = { phase: "stopped" };

describe("what the actuator is told", () => {
  it.each([
    ["nothing while all is well", running, advice("watch"), undefined, undefined, running],
    ["how much to rest", running, advice("pace"), 0.2, { to: "pace", idle: 0.2 }, { ...running, idle: 0.2 }],
    [
      "the same share once",
      { ...running, idle: 0.2 },
      advice("pace"),
      0.2,
      undefined,
      { ...running, idle: 0.2 },
    ],
    [
      "that it is warm no more",
      { ...running, idle: 0 },
      advice("watch"),
      undefined,
      { to: "pace", idle: undefined },
      running,
    ],
    ["to pause", { ...running, idle: 0.2 }, advice("cool"), undefined, { to: "pause", cause }, pausing],
    ["to pause once", pausing, advice("cool"), undefined, undefined, pausing],
    ["nothing while it rests", resting, advice("cool"), undefined, undefined, resting],
    [
      "nothing when that turns critical",
      resting,
      advice("cool", severe),
      undefined,
      undefined,
      { ...resting, cause: severe },
    ],
    ["to go on", resting, advice("watch"), undefined, { to: "resume", cause }, running],
    [
      "to go on also where the pause never came",
      pausing,
      advice("watch"),
      undefined,
      { to: "resume", cause },
      running,
    ],
    ["to stop", running, advice("stop", severe), undefined, { to: "stop", cause: severe }, stopped],
    [
      "to stop while it is asked to pause",
      pausing,
      advice("stop"),
      undefined,
      { to: "stop", cause },
      stopped,
    ],
    ["to stop while it rests", resting, advice("stop"), undefined, { to: "stop", cause }, stopped],
    ["to stop once", stopped, advice("stop"), undefined, undefined, stopped],
  ] as const)("%s", (_, state, asked, idle, order, next) => {
    expect(nextOrder(state, asked, idle)).toEqual(order ? { state: next, order } : { state: next });
  });
});

/** A driven card, and everything that its actuator is told. @param pauseTakes how a pause comes about */
function driven(
  thresholds: Thresholds = defaultThresholds,
  pauseTakes: (signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
) {
  const card = watchedCard({ thresholds });
  const calls: string[] = [];
  const causes: HeatCause[] = [];
  let wanted: AbortSignal | undefined;
  const note = (call: string, why?: HeatCause): void => {
    calls.push(call);
    if (why) causes.push(why);
  };
  const actuator: Actuator = {
    pace: (idle) => note(idle === undefined ? "no pace" : "pace"),
    pause(signal, why) {
      note("pause", why);
      wanted = signal;
      return pauseTakes(signal);
    },
    resume: (why) => note("resume", why),
    stop: (why) => note("stop", why),
  };
  const closing = new AbortController();
  const { monitor, clock, events } = card;
  const driving = drive({
    monitor,
    actuator,
    clock,
    emit: (event) => void events.push(event),
    signal: closing.signal,
  });
  driving.catch(() => undefined);
  return {
    ...card,
    calls,
    causes,
    driving,
    wanted: () => wanted,
    cooling: () => events.filter(({ type }) => type === "cooling"),
    close: async () => {
      closing.abort();
      await driving;
      await monitor.close();
    },
  };
}
/** Without how often the share was told anew. */
const courseOf = (calls: readonly string[]): string[] => calls.filter((call, i) => call !== calls[i - 1]);

/** Lets a trace of the seed page's happen. */
async function overTrace(name: string, thresholds = defaultThresholds) {
  const file = new URL(`../../test/traces/${name}.csv`, import.meta.url);
  const readings = parseTrace(name, await readFile(file, "utf8"));
  const card = driven(thresholds);
  for (const { at, ...given } of readings) {
    await card.move(at - card.clock.now());
    await card.say(given);
  }
  await card.close();
  return card;
}

describe("driving an actuator", () => {
  it("through the seed page's warm trace paces it, and never pauses it", async () => {
    const { calls } = await overTrace("scenario-1-warm");
    expect(calls).toContain("pace");
    expect(calls.every((call) => call === "pace" || call === "no pace")).toBe(true);
  });

  it("through the hot one lets it cool for its minutes, then go on", async () => {
    const { calls, causes, events } = await overTrace("scenario-2-hot");
    expect(courseOf(calls).slice(0, 4)).toEqual(["pace", "pause", "resume", ...courseOf(calls).slice(3, 4)]);
    expect(causes[0]!.reason.code).toBe("hot");
    expect(causes[0]!.severe).toBe(false);
    const [first] = events.filter((event) => event.type === "cooling");
    expect(first).toMatchObject({ resumeAt: 70 });
    expect(first!.secondsLeft).toBeGreaterThan(9 * 60);
  });

  it("through the critical one stops it, once, and tells it nothing more", async () => {
    const { calls, causes } = await overTrace("scenario-3-critical");
    expect(calls.at(-1)).toBe("stop");
    expect(calls.filter((call) => call === "stop")).toHaveLength(1);
    expect(causes.at(-1)!.reason).toMatchObject({ code: "critical", threshold: 85 });
  });

  it("through the critical one lets it cool for longer where the user wants that", async () => {
    const { calls, causes } = await overTrace("scenario-3-critical", {
      ...defaultThresholds,
      afterCritical: "cool",
    });
    expect(calls).not.toContain("stop");
    expect(calls).toContain("resume");
    expect(causes.some(({ severe: isSevere }) => isSevere)).toBe(true);
  });

  it("tells about once a second of a cool-down how long it takes, from when training rests on", async () => {
    let atRest: () => void = () => undefined;
    const card = driven(defaultThresholds, () => new Promise((resolve) => (atRest = resolve)));
    await card.say({ temperature: 83 });
    await card.move(5);
    expect(card.cooling()).toEqual([]);
    atRest();
    await settle();
    expect(card.cooling()).toEqual([{ type: "cooling", temperature: 83, resumeAt: 70, secondsLeft: 595 }]);
    for (let second = 5; second < 599; second++) {
      await card.say({ temperature: 65 });
      await card.move(1);
    }
    expect(card.cooling().length).toBeGreaterThan(590);
    expect(card.cooling().length).toBeLessThan(602);
    expect(card.calls).toEqual(["pause"]);
    await card.move(1);
    expect(card.calls).toEqual(["pause", "resume"]);
    expect(card.monitor.summary()).toMatchObject({ coolDowns: 1, cooledSeconds: 600 });
    await card.close();
  });

  it("says at the end of a cool-down that it has become critical", async () => {
    const card = driven({ ...defaultThresholds, afterCritical: "cool" });
    await card.say({ temperature: 83 });
    await card.say({ temperature: 86 });
    for (let minute = 0; minute < 30; minute++) {
      expect(card.calls).toEqual(["pause"]);
      await card.move(60);
      await card.say({ temperature: 60 });
    }
    expect(card.calls).toEqual(["pause", "resume"]);
    expect(card.causes.map(({ severe: isSevere }) => isSevere)).toEqual([false, true]);
    await card.close();
  });

  it("stops at once what has not come to rest yet, and waits for that pause no more", async () => {
    const card = driven(defaultThresholds, () => new Promise(() => undefined));
    await card.say({ temperature: 83 });
    expect(card.wanted()!.aborted).toBe(false);
    await card.say({ temperature: 86 });
    expect(card.calls).toEqual(["pause", "stop"]);
    expect(card.wanted()!.aborted).toBe(true);
    await card.driving;
    await card.close();
  });

  it("does not wait longer than for the longest cool-down when the sensor dies in one", async () => {
    const card = driven();
    await card.say({ temperature: 83 });
    await card.say({ silence: "it died" });
    await card.move(29 * 60);
    expect(card.calls).toEqual(["pause"]);
    await card.move(60);
    expect(card.calls).toEqual(["pause", "resume"]);
    expect(card.types()).toContain("sensor-lost");
    await card.close();
  });

  it("ends when it is asked to, also in a pause", async () => {
    const card = driven(defaultThresholds, () => new Promise(() => undefined));
    await card.say({ temperature: 83 });
    await card.close();
    expect(card.wanted()!.aborted).toBe(true);
    expect(card.calls).toEqual(["pause"]);
  });

  it("rejects with what an actuator throws against its contract", async () => {
    const card = driven(defaultThresholds, () => Promise.reject(new Error("no such process")));
    await card.say({ temperature: 83 });
    await expect(card.driving).rejects.toThrow("no such process");
    await card.monitor.close();
  });
});
