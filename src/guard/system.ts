/** What the operating system does with the guarded command's processes: signals, and who they are. */
import { readFileSync } from "node:fs";
import type { Agent } from "./agents.js";
import type { PlainInterrupt } from "./interrupt.js";
import type { Tree } from "./pause.js";
import { isThere, listProcesses, mainOf, signalTo, signalTree, treeOf } from "./process-tree.js";

export interface System extends PlainInterrupt, Tree {
  /** The command runs as this process, until `ended`. */
  readonly began: (pid: number) => void;
  readonly ended: () => void;
  /** The terminal has another size. */
  readonly resized: () => void;
  /** Gives a signal to the processes that train; to the main one where no agent tells which those are. */
  readonly passOn: (signal: NodeJS.Signals, mains: readonly Agent[]) => void;
  readonly isAlive: (pid: number) => boolean;
  /** Ends the command and all that it has started, at once: for `--hang-kill` alone. */
  readonly kill: () => void;
}

/** Bits of /proc/PID/status "SigCgt" are signal numbers less one. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Whether a process has a handler for a signal; undefined where the system does not say. */
function hasHandler(pid: number, signal: keyof typeof numbers): boolean | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
    return mask === undefined
      ? undefined
      : ((BigInt(`0x${mask}`) >> BigInt(numbers[signal] - 1)) & 1n) === 1n;
  } catch {
    return undefined;
  }
}

export function systemOf(): System {
  let root: number | undefined;
  const tree = () => (root === undefined ? [] : treeOf(root, listProcesses()));
  return {
    began: (pid) => (root = pid),
    ended: () => (root = undefined),
    root: () => root,
    signal(signal) {
      if (root !== undefined) signalTree(root, signal);
    },
    send(signal) {
      if (root === undefined) return undefined;
      const pid = mainOf(root, tree());
      // What it does not handle would end it with nothing saved; Python makes KeyboardInterrupt of SIGINT by itself.
      const known = signal === "SIGINT" || hasHandler(pid, signal) === true;
      return signalTo(pid, known ? signal : "SIGINT") ? pid : undefined;
    },
    killCommand: () =>
      process.platform === "win32" ? `taskkill /F /T /PID ${root ?? 0}` : `kill -KILL -${root ?? 0}`,
    pids: () => tree().map(({ pid }) => pid),
    resized() {
      // To its group, as a terminal does; it is a leader since it has a session of its own.
      if (root !== undefined) signalTo(-root, "SIGWINCH");
    },
    passOn(signal, mains) {
      if (mains.length > 0) for (const { state } of mains) signalTo(state.hello.pid, signal);
      else if (root !== undefined) signalTo(mainOf(root, tree()), signal);
    },
    isAlive: isThere,
    kill() {
      for (const { pid } of [...tree()].reverse()) signalTo(pid, "SIGKILL");
    },
  };
}
