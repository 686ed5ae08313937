/** One event per line for other programs: never translated. See docs/events.md. */
import type { Listener } from "../../events/bus.js";
import { passing } from "../../events/view.js";
import type { Output } from "../output.js";

/** One line of JSON: the type first, then the moment. */
export function jsonLine(type: string, data: object, now = new Date()): string {
  return `${JSON.stringify({ type, at: now.toISOString(), ...data })}\n`;
}

/**
 * What may wait for a reader that takes nothing, in characters: from the first on, progress is left out, from the second on
 * everything but the end. A run lasts for days, and memory does not.
 */
const mostWaiting = { progress: 2 ** 23, all: 2 ** 26 } as const;

/** The listener of `--json`: an event with its envelope, one line each. */
export function jsonListener(output: Pick<Output, "write" | "backlog">): Listener {
  return {
    event({ envelope: { run, seq, at }, event: { type, ...data } }) {
      const backlog = output.backlog();
      if (backlog > mostWaiting.progress && passing.has(type)) return;
      if (backlog > mostWaiting.all && type !== "ended") return;
      output.write(jsonLine(type, { seq, run, ...data }, new Date(at)));
    },
  };
}
