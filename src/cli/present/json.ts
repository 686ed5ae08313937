/** One event per line for other programs: never translated, `at` added. See docs/events.md. */
import type { Output } from "../output.js";
import type { Presenter } from "./presenter.js";

/** One line of JSON: the type first, then the moment. */
export function jsonLine(type: string, data: object, now = new Date()): string {
  return `${JSON.stringify({ type, at: now.toISOString(), ...data })}\n`;
}

/** The presenter of `--json`. */
export function createJsonPresenter(output: Output): Presenter {
  return {
    emit({ type, ...data }) {
      output.write(jsonLine(type, data));
    },
    close: () => undefined,
  };
}
