/**
 * A run on a terminal: one live progress line per epoch, as on the seed page, and everything else above it. The line
 * is cli-progress's; figures that grow with time (age of the last save, time left) tick between steps too.
 */
import { clearLine, cursorTo } from "node:readline";
import { MultiBar } from "cli-progress";
import type { Texts } from "../../texts/index.js";
import type { RunEventOf } from "../../events/event.js";
import type { Output } from "../output.js";
import { createSkipLimit, linesOf, progressLines, styled, type Stepped } from "./lines.js";
import type { Presenter } from "./presenter.js";

type Live = Stepped | RunEventOf<"images-loading" | "images-examining" | "cooling">;

/** The live lines of one epoch, of loading images, or of a cool-down. */
interface LiveArea {
  readonly about: string;
  readonly show: (event: Live) => void;
  /** Prints a line above. */
  readonly above: (line: string) => void;
  /** Stops. An epoch's last state stays on the screen, that of anything else goes. */
  readonly stop: () => void;
}

const aboutOf = (event: Live): string =>
  "resolution" in event ? `${event.type} ${event.resolution}` : event.type;

function createLiveArea(output: Output, texts: Texts, first: Live, now: () => number): LiveArea {
  let latest = first;
  let since = now();
  const linesNow = (): readonly string[] => {
    const width = output.stream.columns || 80;
    if (latest.type !== "stepped") {
      return linesOf(texts, latest).map((line) => styled(line.slice(0, width - 1), output));
    }
    const elapsed = (now() - since) / 1000;
    return progressLines(texts, latest, { elapsed, width, symbols: output.symbols });
  };
  const count = linesNow().length;
  const bars = new MultiBar({
    stream: output.stream,
    fps: 5,
    forceRedraw: true,
    linewrap: true,
    clearOnComplete: first.type !== "stepped",
  });
  for (let i = 0; i < count; i++) bars.create(1, 0, {}, { format: () => linesNow()[i] ?? "" });
  return {
    about: aboutOf(first),
    show(event) {
      [latest, since] = [event, now()];
    },
    above(line) {
      bars.log(`${line}\n`);
      bars.update();
    },
    stop: () => bars.stop(),
  };
}

/** @param now milliseconds, for tests */
export function createTerminalPresenter(
  output: Output,
  texts: Texts,
  now: () => number = Date.now,
): Presenter {
  let live: LiveArea | undefined;
  let stopping = false;
  const endLive = () => {
    live?.stop();
    live = undefined;
  };
  const show = (event: Live) => {
    if (live !== undefined && live.about !== aboutOf(event)) endLive();
    if (live === undefined) live = createLiveArea(output, texts, event, now);
    else live.show(event);
  };
  const isShown = createSkipLimit();
  return {
    emit(event) {
      if (!isShown(event)) return;
      switch (event.type) {
        case "stepped":
          // After Ctrl+C the screen belongs to the message; the batch that still ends is not shown.
          if (!stopping) show(event);
          return;
        case "images-loading":
        case "images-examining":
          if (!stopping) show(event);
          if (event.done >= event.total) endLive();
          return;
        case "cooling":
          if (!stopping) show(event);
          return;
        case "heat":
          if (event.from === "cool") endLive();
          break;
        case "epoch-finished":
          endLive();
          return;
        case "stop-requested":
          stopping = true;
          endLive();
          // Over the "^C" that the terminal itself has written.
          cursorTo(output.stream, 0);
          clearLine(output.stream, 0);
          break;
        case "ended":
          endLive();
          break;
        default:
      }
      for (const line of linesOf(texts, event).map((text) => styled(text, output))) {
        if (live === undefined) output.write(`${line}\n`);
        else live.above(line);
      }
    },
    close: endLive,
  };
}
