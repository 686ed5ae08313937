/**
 * What a guarded training tells, between the lines of the script itself: whole lines, each block of them begun on a line of its
 * own. The script draws its own bars, so nothing of ours moves or stays.
 */
import type { RunEvent } from "../../events/event.js";
import type { Texts } from "../../texts/index.js";
import type { Output } from "../output.js";
import { linesOf, styled } from "./lines.js";
import { plainInterval } from "./plain.js";
import type { Presenter } from "./presenter.js";

/** Told now and then alone. */
const frequent: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>(["cooling"]);

/**
 * @param output over standard error
 * @param now milliseconds, for tests
 */
export function createGuardedPresenter(
  output: Output,
  texts: Texts,
  now: () => number = Date.now,
): Presenter {
  let quietUntil = -Infinity;
  return {
    emit(event) {
      if (event.type === "stepped") return;
      if (frequent.has(event.type)) {
        if (now() < quietUntil) return;
        quietUntil = now() + plainInterval;
      }
      const lines = linesOf(texts, event).map((line) => styled(line, output).trimEnd());
      if (lines.length > 0) output.writeBlock(`${lines.join("\n")}\n`);
    },
    close: () => undefined,
  };
}
