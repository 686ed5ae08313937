/** A run as plain lines, when standard output is not a terminal: no control codes, progress now and then. */
import type { Texts } from "../../texts/index.js";
import type { Output } from "../output.js";
import { createSkipLimit, linesOf, progressSentence, styled } from "./lines.js";
import type { Presenter } from "./presenter.js";

/** Least time between two progress lines, in milliseconds. */
export const plainInterval = 10_000;

/** @param now milliseconds, for tests */
export function createPlainPresenter(output: Output, texts: Texts, now: () => number = Date.now): Presenter {
  let quietUntil = -Infinity;
  const say = (lines: readonly string[]) => {
    for (const line of lines) output.write(`${styled(line, output).trimEnd()}\n`);
  };
  const sayAtMostNowAndThen = (lines: readonly string[], always: boolean) => {
    if (!always && now() < quietUntil) return;
    quietUntil = now() + plainInterval;
    say(lines);
  };
  const isShown = createSkipLimit();
  return {
    emit(event) {
      if (!isShown(event)) return;
      switch (event.type) {
        case "stepped": {
          const lastOfEpoch = event.batch === 0 || event.batch >= event.batchesPerEpoch;
          sayAtMostNowAndThen([progressSentence(texts, event)], lastOfEpoch);
          break;
        }
        case "images-loading":
        case "images-examining":
          sayAtMostNowAndThen(linesOf(texts, event), event.done >= event.total);
          break;
        case "cooling":
          sayAtMostNowAndThen(linesOf(texts, event), false);
          break;
        default:
          say(linesOf(texts, event));
      }
    },
    close: () => undefined,
  };
}
