/**
 * Signals ask a run to stop, and so do errors that nobody has caught; they never end the process themselves. It ends when
 * the run has returned, its weights saved.
 */
import { isatty } from "node:tty";
import type { StopCause } from "../training/stop-escalation.js";
import { stopSignals } from "./exit-codes.js";

/** What a signal is told to. */
export interface StopTarget {
  readonly request: (cause: StopCause) => void;
}

/**
 * npm and npx pass a Ctrl+C on that the terminal has already sent to the whole process group: what comes again within
 * this time, in milliseconds, is the same press.
 */
const samePress = 100;

/**
 * Whether a terminal can be closed on this process. `nohup` asks for SIGHUP to be ignored, and leaves no terminal behind;
 * Node itself takes that wish back, so it is granted here.
 */
const hasTerminal = (): boolean => [0, 1, 2].some((stream) => isatty(stream));

/**
 * Listens until the returned function is called. A signal that this system does not have is not listened to.
 * @param now milliseconds, for tests
 */
export function listenToSignals(stop: StopTarget, now: () => number = Date.now): () => void {
  let last = -Infinity;
  const deaf = process.platform !== "win32" && !hasTerminal() ? "SIGHUP" : undefined;
  let isOver = false;
  const listener = (signal: NodeJS.Signals) => {
    if (signal === deaf || isOver) return;
    const pressed = now();
    if (pressed - last >= samePress) stop.request(signal);
    last = pressed;
  };
  const listening = stopSignals.filter((signal) => signal !== "SIGBREAK" || process.platform === "win32");
  for (const signal of listening) process.on(signal, listener);
  return () => {
    isOver = true;
    // Not at once: who ends the program listens next, and a press that fell in between would kill it, exit code and all.
    setImmediate(() => {
      for (const signal of listening) process.off(signal, listener);
    });
  };
}

/** Told of every error that nobody has caught, in callbacks and promises, until the returned function is called. */
export function listenToFaults(fail: (error: Error) => void): () => void {
  process.on("uncaughtException", fail);
  return () => process.off("uncaughtException", fail);
}
