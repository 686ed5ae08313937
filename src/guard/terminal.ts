/**
 * What is pressed in the terminal, and sent to us, beside the ways to stop: the size of the window, Ctrl+Z, Ctrl+\ and the two
 * signals that users may use. The command is in a session of its own, so none of it gets there by itself.
 */
import { setTimeout as wait } from "node:timers/promises";

export interface TerminalActions {
  /** To all processes in the command's foreground. */
  readonly resized: () => void;
  /** SIGUSR1 and SIGUSR2, to its main process. */
  readonly passOn: (signal: "SIGUSR1" | "SIGUSR2") => void;
  /** Ctrl+\. */
  readonly dump: () => void;
  /** Ctrl+Z: resolves when the command is paused. */
  readonly pause: () => Promise<void>;
  /** After `fg` or `bg`. */
  readonly resume: () => void;
}

/** Milliseconds after which a stop that was to come has not: the system refuses it where no shell could continue us. */
const stopsWithin = 150;

/** Listens until the returned function is called. SIGUSR1 is listened to, too, so that Node's inspector stays closed. */
export function listenToTerminal(actions: TerminalActions): () => void {
  if (process.platform === "win32") return () => undefined;
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await actions.pause();
    process.off("SIGTSTP", onStop);
    process.kill(process.pid, "SIGTSTP");
    // Over when somebody has continued us: no timer runs while we are stopped.
    await wait(stopsWithin);
    process.on("SIGTSTP", onStop);
    stopping = false;
    actions.resume();
  };
  const onStop = (): void => void stop();
  const listeners: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGTSTP: onStop,
    SIGWINCH: () => actions.resized(),
    SIGQUIT: () => actions.dump(),
    SIGUSR1: () => actions.passOn("SIGUSR1"),
    SIGUSR2: () => actions.passOn("SIGUSR2"),
  };
  const entries = Object.entries(listeners) as [NodeJS.Signals, () => void][];
  for (const [signal, listener] of entries) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of entries) process.off(signal, listener);
  };
}
