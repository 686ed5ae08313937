/** One event per line for other programs: never translated. See docs/events.md. */
import type { Listener } from "../../events/bus.js";
import type { Output } from "../output.js";

/** One line of JSON: the type first, then the moment. */
export function jsonLine(type: string, data: object, now = new Date()): string {
  return `${JSON.stringify({ type, at: now.toISOString(), ...data })}\n`;
}

/** The listener of `--json`: an event with its envelope, one line each. */
export function jsonListener(output: Output): Listener {
  return {
    event({ envelope: { run, seq, at }, event: { type, ...data } }) {
      output.write(jsonLine(type, { seq, run, ...data }, new Date(at)));
    },
  };
}
