/** What an agent's message is as an event of the run: pure. */
import type { RunEvent } from "../events/event.js";
import type { AgentNotice, GuardedProcess } from "../events/guarded.js";
import type { ProcessState } from "./processes.js";
import type { AgentMessage } from "./protocol.js";

/** Which process an event is about. */
export function processOf({ hello: { pid, rank } }: ProcessState): GuardedProcess {
  return rank === undefined ? { pid } : { pid, rank };
}

const notices = [
  "screen-gone",
  "sitecustomize-failed",
  "not-finite",
  "set-unmet",
  "set-failed",
  "thread-failed",
] as const satisfies AgentNotice[];

/** "ValueError: no such thing" -> its type and its text. */
function errorOf(error: string): { readonly type: string; readonly text: string } {
  const [, type, text] = /^([\w.]+)(?::\s*(.*))?$/s.exec(error) ?? [];
  return type === undefined ? { type: "", text: error } : { type, text: text ?? "" };
}

const finite = (values: Readonly<Record<string, number | null>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );

/** @returns undefined for what is only an answer, or told otherwise */
export function eventOf(message: AgentMessage, state: ProcessState): RunEvent | undefined {
  const whose = processOf(state);
  switch (message.t) {
    case "torch":
      return { type: "torch-found", ...whose, version: message.version, devices: message.cuda };
    case "trains":
      return { type: "trains", ...whose };
    case "phase":
      return { type: "phase", ...whose, name: message.name, seconds: message.seconds };
    case "beat": {
      const { batches, steps, batchSeconds, phase, paused } = message;
      return { type: "beat", ...whose, batches, steps, batchSeconds, phase, paused };
    }
    case "numbers": {
      const { source, values, n, total, step } = message;
      return { type: "metrics", ...whose, source, values: finite(values), done: n, total, step };
    }
    case "save-started":
      return { type: "script-saving", ...whose, path: message.path };
    case "saved": {
      const { path, bytes, seconds, atomic, sibling, batches, steps } = message;
      return { type: "script-saved", ...whose, path, bytes, seconds, atomic, sibling, batches, steps };
    }
    case "save-failed":
      return { type: "script-save-failed", ...whose, path: message.path, error: errorOf(message.error) };
    case "snapshot": {
      const { reason, bytes, seconds, form, asSaved, batches, steps } = message;
      return { type: "snapshot", ...whose, reason, bytes, seconds, form, asSaved, batches, steps };
    }
    case "set": {
      const { name, module, file, line, old, value, as, doubt } = message;
      return { type: "set-replaced", name, module, file, line, old, value, as, ...(doubt && { doubt }) };
    }
    case "notice": {
      const what = notices.find((one) => one === message.what) ?? "other";
      const detail = what === "other" ? `${message.what} ${message.detail}`.trim() : message.detail;
      return { type: "agent-notice", ...whose, what, detail };
    }
    default:
      return undefined;
  }
}
