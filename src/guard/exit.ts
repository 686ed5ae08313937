/** With which code `run` ends, and whose it is: pure (docs/exit-codes.md). */
import { constants } from "node:os";

/** How the command itself has ended. */
export interface CommandEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** Why it was asked to end: a signal to us, the `stop` command, a time that was set, a parent's end, or heat. */
export type StopCause = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGBREAK" | "stop" | "time" | "parent" | "heat";

export interface ExitFacts {
  readonly end: CommandEnd;
  /** Undefined where nobody asked. */
  readonly cause: StopCause | undefined;
  /** Whether the interrupt got to the script. */
  readonly delivered: boolean;
  /** Whether the last save after that has failed: the script's and ours. */
  readonly saveFailed: boolean;
}

export interface Exit {
  readonly code: number;
  /** Whose code it is: the command's own, or what we say for a stop, heat or a failed save. */
  readonly of: "script" | "guardapesos";
}

/** EX_IOERR: the last save failed. */
const saveFailedCode = 74;

const ofCause: Readonly<Record<StopCause, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGBREAK: 149,
  stop: 143,
  parent: 129,
  time: 0,
  heat: 75,
};

/** What a shell would say of it: its own code, or 128 + the signal's number. */
export function ownCode({ code, signal }: CommandEnd): number {
  if (signal !== undefined) return 128 + constants.signals[signal];
  return code ?? 0;
}

/** The exit code of `run`, once the command has ended. */
export function exitOf({ end, cause, delivered, saveFailed }: ExitFacts): Exit {
  const own: Exit = { code: ownCode(end), of: "script" };
  // It was over before the interrupt reached it, or somebody did what we never do.
  if (cause === undefined || !delivered || end.signal === "SIGKILL") return own;
  return { code: saveFailed ? saveFailedCode : ofCause[cause], of: "guardapesos" };
}

/** The signal that the script is to see: the one that came, as far as it is one that scripts know. */
export function signalOf(cause: StopCause): "SIGINT" | "SIGTERM" | "SIGHUP" {
  switch (cause) {
    case "SIGTERM":
    case "stop":
      return "SIGTERM";
    case "SIGHUP":
    case "parent":
      return "SIGHUP";
    default:
      return "SIGINT";
  }
}
