/** `guardapesos monitor`: a card, live, and what training would do about its heat. It only looks. */
import { open, rm, type FileHandle } from "node:fs/promises";
import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import { GuardapesosError, reasonOf } from "../../base/errors.js";
import { createClock } from "../../thermal/clock.js";
import { createLosses } from "../../thermal/cards.js";
import { readingOf, type Reading } from "../../thermal/reading.js";
import { modeAt } from "../../thermal/policy.js";
import { openSensor } from "../../thermal/sensors/open.js";
import type { RunEventOf } from "../../events/event.js";
import type { Thresholds } from "../../thermal/thresholds.js";
import { traceHeader, traceLine } from "../../thermal/trace.js";
import type { Context } from "../context.js";
import { say, settingsOf, tell } from "../context.js";
import { heatOptions } from "../heat-options.js";
import type { commonOptions, configOption, monitorOptions, Settings } from "../options.js";
import { monitorSentence, monitorTable } from "../present/monitor-lines.js";
import { listenToSignals } from "../signals.js";

/** Temperatures that the course on the screen shows. */
const courseLength = 40;

interface Log {
  /** Throws OUTPUT_INCOMPLETE when the disk does not take it; what stands there then ends with a whole line. */
  readonly add: (line: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @throws OUTPUT_NOT_WRITABLE, also for a file that is there already: a log is never overwritten; OUTPUT_INCOMPLETE */
async function openLog(path: string): Promise<Log> {
  let file: FileHandle;
  try {
    file = await open(path, "wx");
  } catch (error) {
    throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path, reason: reasonOf(error) });
  }
  let length = 0;
  const add = async (line: string): Promise<void> => {
    try {
      const bytes = Buffer.from(`${line}\n`);
      await file.writeFile(bytes);
      length += bytes.length;
    } catch (error) {
      // A disk that has just run full has taken a part.
      await file.truncate(length).catch(() => undefined);
      throw new GuardapesosError("OUTPUT_INCOMPLETE", { path, reason: reasonOf(error) });
    }
  };
  const log = { add, close: () => file.close() };
  try {
    await log.add(traceHeader);
    return log;
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
}

type News = RunEventOf<"sensor-lost" | "sensor-back">;

/** Shows readings: as one table that stays in its place on a terminal, else as lines. */
function display(context: Context, name: string, thresholds: Thresholds, log: string | undefined) {
  const { output, texts } = context;
  const course: number[] = [];
  let drawn = 0;
  say(context, `🌡 ${name}`);
  if (log !== undefined) say(context, texts.monitor.logging(log));
  if (output.isTerminal) say(context, texts.monitor.leave);
  const erase = (): void => {
    if (drawn > 0) moveCursor(output.stream, 0, -drawn);
    cursorTo(output.stream, 0);
    clearScreenDown(output.stream);
    drawn = 0;
  };
  return {
    show(reading: Reading): void {
      if (!output.isTerminal) {
        say(context, monitorSentence(texts, reading, thresholds));
        return;
      }
      if (reading.temperature !== undefined) course.push(reading.temperature);
      course.splice(0, course.length - courseLength);
      if (context.json) return;
      const lines = monitorTable(texts, reading, thresholds, output.symbols ? course : undefined);
      erase();
      const width = output.stream.columns || 80;
      for (const line of lines) output.write(`${line.slice(0, width - 1)}\n`);
      drawn = lines.length;
    },
    /** Says that the sensor, or one of its cards, is lost or back. */
    note(event: News): void {
      drawn = 0;
      const lines =
        event.type === "sensor-lost" ? texts.events[event.type](event) : texts.events[event.type](event);
      for (const line of lines) say(context, line);
    },
  };
}

/** Watches until a signal, or the end of a simulated trace. */
export async function monitor(
  context: Context,
  flags: Settings<typeof monitorOptions & typeof commonOptions & typeof configOption>,
): Promise<void> {
  const settings = await settingsOf(context, flags);
  const { sensor: choice, thresholds, timeScale } = heatOptions(settings);
  const clock = createClock(timeScale);
  // Which of several tells a temperature is worth a wait; of the one that was named, what it says is wanted.
  const sensor = await openSensor(choice, clock, choice.kind === "auto" ? {} : { grace: 0 });
  if (sensor === undefined) {
    const reason = context.texts.monitor.noSensor;
    throw new GuardapesosError("SENSOR_UNAVAILABLE", { sensor: settings.sensor ?? "auto", reason });
  }
  const log = settings.log === undefined ? undefined : await openLog(settings.log);
  const closing = new AbortController();
  const deafen = listenToSignals({ request: () => closing.abort() });
  // Nobody reads any more: `guardapesos monitor --json | head -1`.
  const watched = AbortSignal.any([closing.signal, context.output.ended]);
  const screen = display(context, sensor.name, thresholds, settings.log);
  const note = (event: News): void => {
    screen.note(event);
    const { type, ...data } = event;
    tell(context, type, data);
  };
  const tellLosses = createLosses({
    lost: (card) => note({ type: "sensor-lost", sensor: card, reason: "" }),
    back: (card) => note({ type: "sensor-back", sensor: card }),
  });
  try {
    // A simulated card is watched as it would be under load.
    sensor.load?.(true);
    let start: number | undefined;
    for await (const news of sensor.readings(watched)) {
      if ("silence" in news) {
        note({ type: "sensor-lost", sensor: sensor.name, reason: news.silence });
        // What was shown last is true no more.
        if (!context.json) screen.show(readingOf(clock.now(), {}));
        continue;
      }
      tellLosses(news.lostCards ?? []);
      start ??= news.at;
      await log?.add(traceLine(news.at - start, news));
      screen.show(news);
      const { at, lostCards: _, ...figures } = news;
      tell(context, "temperature", { seconds: at - start, ...figures, mode: modeAt(news, thresholds) });
    }
  } finally {
    closing.abort();
    deafen();
    await log?.close();
  }
}
