/**
 * Sensors live in processes of their own: a driver that hangs, crashes or blocks must not do that to training. This file
 * runs such a process, reads its lines, ends it whatever happens, and starts it again.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { reasonOf } from "../../base/errors.js";
import type { Reading } from "../reading.js";
import type { Silence } from "./sensor.js";

export interface LineProcess {
  readonly command: string;
  readonly arguments: readonly string[];
  /** Real seconds without a line after which it counts as hung. */
  readonly patience: number;
}

/**
 * The lines of a process until `signal` aborts.
 * @throws why it ended by itself: its own words where it has any
 */
export async function* linesOf(
  { command, arguments: words, patience }: LineProcess,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const child = spawn(command, words, {
    // Its standard input ends with us. In a group of its own, a Ctrl+C in the terminal is not for it.
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const failure = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(reasonOf(error)));
    child.once("close", () => resolve(undefined));
  });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-1000);
  });
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout });
  let ended = "itself" as "itself" | "abort" | "silence";
  // A process that the system cannot kill keeps its pipes open: reading is given up in any case.
  const end = (why: "abort" | "silence"): void => {
    ended = why;
    child.kill("SIGKILL");
    lines.close();
  };
  const giveUp = (): void => end("silence");
  const abort = (): void => end("abort");
  let watchdog = setTimeout(giveUp, patience * 1000);
  signal.addEventListener("abort", abort, { once: true });
  try {
    if (signal.aborted) return;
    let last = "";
    for await (const line of lines) {
      clearTimeout(watchdog);
      yield line;
      if (line.trim() !== "") last = line;
      watchdog = setTimeout(giveUp, patience * 1000);
    }
    if (ended === "abort") return;
    if (ended === "silence") throw new Error(`${command}: no word for ${patience} s`);
    const reason = await failure;
    throw new Error(
      reason ??
        [complaint, last, `${command} ended`]
          .map((text) => text.trim().replace(/\s+/g, " "))
          .find((text) => text !== ""),
    );
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", abort);
    abort();
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    child.unref();
  }
}

/** As a function, because it changes while one waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

/** Real seconds until a sensor that has ended is started again: the first time, and at most. */
const firstWait = 2;
const longestWait = 60;

/**
 * Reads a source that may end at any time, again and again until `signal`; tells each end as a silence. A source that
 * lasts long gets its patience back.
 */
export async function* again(
  open: () => AsyncIterable<Reading>,
  sleep: (realSeconds: number, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Reading | Silence, void> {
  let wait = firstWait;
  while (!isAborted(signal)) {
    let reason = "";
    try {
      for await (const reading of open()) {
        wait = firstWait;
        yield reading;
      }
    } catch (error) {
      reason = reasonOf(error);
    }
    if (isAborted(signal)) return;
    yield { silence: reason };
    await sleep(wait, signal);
    wait = Math.min(longestWait, wait * 2);
  }
}
