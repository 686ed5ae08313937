/** How far a long drawing is: a live line on a terminal, a line now and then elsewhere, an event now and then as JSON. */
import { SingleBar } from "cli-progress";
import { say, tell, type Context } from "../context.js";
import { plainInterval } from "./plain.js";

export interface DrawingProgress {
  /** So many images are drawn. */
  readonly show: (done: number) => void;
  /** A line that stays, above. */
  readonly say: (line: string) => void;
  readonly close: () => void;
}

/** @param now milliseconds, for tests */
export function drawingProgress(
  context: Context,
  count: number,
  now: () => number = Date.now,
): DrawingProgress {
  const { output, texts } = context;
  const begun = now();
  let shown = begun;
  let live: SingleBar | undefined;
  let latest = 0;
  const lineOf = (done: number): string => {
    const left = done === 0 ? undefined : ((now() - begun) / 1000 / done) * (count - done);
    return texts.commands.drawing(done, count, left);
  };
  const close = (): void => {
    live?.stop();
    live = undefined;
  };
  return {
    show(done) {
      if (output.isTerminal && !context.json) {
        latest = done;
        if (done >= count) close();
        if (done >= count || live !== undefined) return;
        const format = () => lineOf(latest).slice(0, (output.stream.columns || 80) - 1);
        live = new SingleBar({
          stream: output.stream,
          format,
          fps: 5,
          forceRedraw: true,
          clearOnComplete: true,
        });
        live.start(count, done);
      } else if (done < count && now() - shown >= plainInterval) {
        shown = now();
        say(context, lineOf(done));
        tell(context, "drawing", { done, count });
      }
    },
    say(line) {
      close();
      say(context, line);
    },
    close,
  };
}
