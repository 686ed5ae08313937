/** What ended a guarded process that nobody had asked to end: pure, but for the system's count of processes killed for memory. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { CrashCause } from "../events/guarded.js";

/** How a process has ended: by itself, or by a signal. */
export interface ProcessEnd {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** The exception that a process told of, by its agent. */
export interface ToldCrash {
  readonly kind: "exception" | "out-of-memory" | "cuda";
  readonly type: string;
  readonly text: string;
  readonly where: string | undefined;
}

export interface CrashFacts {
  readonly end: ProcessEnd;
  /** Of the process that told of one first, where any did. */
  readonly told: ToldCrash | undefined;
  /** Signals that we have sent it ourselves. */
  readonly sent: readonly NodeJS.Signals[];
  /** Processes that the system has killed for lack of memory while it ran; undefined where it does not say. */
  readonly memoryKills: number | undefined;
  readonly platform: string;
}

/** Statuses of Windows for a process that found no memory: STATUS_NO_MEMORY, STATUS_COMMITMENT_LIMIT. */
const noMemoryOnWindows = new Set([0xc0000017, 0xc000012d]);
/** STATUS_CONTROL_C_EXIT: a console event, as Ctrl+C. */
const consoleEventOnWindows = 0xc000013a;

/** The signal that ended it: itself, or below a shell or a launcher that says 128 + n. */
function signalOf({ code, signal }: ProcessEnd, platform: string): NodeJS.Signals | undefined {
  if (signal !== undefined || code === undefined || platform === "win32" || code <= 128) return signal;
  const fatal = ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTERM", "SIGHUP"] as const;
  return fatal.find((name) => constants.signals[name] === code - 128);
}

/**
 * Why it has ended.
 * @returns undefined where that was no crash: code 0, or what we asked for
 */
export function crashCause({ end, told, sent, memoryKills, platform }: CrashFacts): CrashCause | undefined {
  if (end.code === 0) return undefined;
  const signal = signalOf(end, platform);
  if (signal !== undefined && sent.includes(signal)) return undefined;
  if (signal === "SIGKILL" && (memoryKills ?? 0) > 0) return { kind: "memory-killer" };
  // An exception ends a process with code 1; a signal after it is another thing (a crash while Python ends).
  if (told) {
    const { kind, type, text, where } = told;
    return { kind, type, text, where };
  }
  if (signal !== undefined) return { kind: "signal", signal };
  const code = end.code ?? 0;
  if (platform === "win32" && noMemoryOnWindows.has(code >>> 0)) return { kind: "memory-killer" };
  if (platform === "win32" && code >>> 0 === consoleEventOnWindows) return undefined;
  return { kind: "exit-code", code };
}

/** The number after `name` in a file of lines "name number". */
function countIn(text: string, name: string): number | undefined {
  const [, count] = new RegExp(`^${name} (\\d+)$`, "m").exec(text) ?? [];
  return count === undefined ? undefined : Number(count);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * How many processes the kernel has killed for lack of memory so far: in our control group where it says so (a container's
 * limit), else in the whole system.
 * @param root where /proc and /sys are
 * @returns undefined where nobody counts
 */
export function countMemoryKills(root = "/"): number | undefined {
  const [, group] = /^0::(\/.*)$/m.exec(read(join(root, "proc/self/cgroup"))) ?? [];
  const events = group === undefined ? "" : read(join(root, "sys/fs/cgroup", group, "memory.events"));
  return countIn(events, "oom_kill") ?? countIn(read(join(root, "proc/vmstat")), "oom_kill");
}
