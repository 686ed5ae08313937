/**
 * Sensors live in processes of their own: a driver that hangs, crashes or blocks must not do that to training. This file
 * runs such a process, reads its lines, ends it whatever happens, and starts it again.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { reasonOf } from "../../base/errors.js";
import type { Reading } from "../reading.js";
import type { Silence } from "./sensor.js";

export interface LineProcess {
  readonly command: string;
  readonly arguments: readonly string[];
  /** Real seconds without a value after which it counts as hung. */
  readonly patience: number;
}

/** What a line says: undefined when it is not understood, null when it is and says no value. */
export type Parse<Value> = (line: string) => Value | null | undefined;

/** Characters without a value after which nothing is expected any more; and of them, those that are told. */
const mostUnread = 2 ** 20;
const mostTold = 200;

/** Lines that were not understood, as far as they are told. */
function createUnread() {
  let characters = 0;
  let told = "";
  return {
    add(line: string): void {
      characters += line.length + 1;
      if (told.length < mostTold) told = [told, line.trim().replace(/\s+/g, " ")].filter(Boolean).join("; ");
    },
    clear(): void {
      [characters, told] = [0, ""];
    },
    isTooMuch: () => characters > mostUnread,
    told: () => (told.length > mostTold ? `${told.slice(0, mostTold)}…` : told),
  };
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Its lines. Of one without an end, pieces: it is no line that anybody writes. */
async function* linesOf(child: Child): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > 2 ** 16) {
      yield rest;
      rest = "";
    }
  }
  if (rest !== "") yield rest;
}

function start({ command, arguments: words }: LineProcess): Child {
  const child = spawn(command, words, {
    // Its standard input ends with us. In a group of its own, a Ctrl+C in the terminal is not for it.
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  child.stdin.on("error", () => undefined);
  return child;
}

/** Ends a process and all that it has started, where it has a group of its own. */
function kill({ pid }: Child): void {
  try {
    if (pid !== undefined) process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/**
 * What a process says, line by line, until `signal` aborts.
 * @throws why it ended by itself, or was ended: its own words where it has any
 */
export async function* valuesOf<Value>(
  process: LineProcess,
  parse: Parse<Value>,
  signal: AbortSignal,
): AsyncGenerator<Value, void> {
  if (signal.aborted) return;
  const { command, patience } = process;
  const child = start(process);
  const failure = new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(reasonOf(error)));
    child.once("close", () => resolve(undefined));
  });
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-1000);
  });
  const unread = createUnread();
  let ended = "itself" as "itself" | "abort" | "silence";
  // A process that the system cannot kill keeps its pipes open: reading is given up in any case.
  const end = (why: "abort" | "silence"): void => {
    if (ended === "itself") ended = why;
    kill(child);
    child.stdout.destroy();
  };
  const abort = (): void => end("abort");
  const wait = () => setTimeout(() => end("silence"), patience * 1000);
  let watchdog = wait();
  let reason = "";
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const line of linesOf(child)) {
      const value = parse(line);
      if (value === undefined) unread.add(line);
      if (unread.isTooMuch()) end("silence");
      if (value === undefined || value === null) continue;
      unread.clear();
      clearTimeout(watchdog);
      yield value;
      watchdog = wait();
    }
    // It may live on without its output: the watchdog ends it.
    if (ended === "itself") reason = (await failure) ?? complaint.trim().replace(/\s+/g, " ");
  } catch (error) {
    // Of a stream that was destroyed.
    if (ended === "itself") throw error;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", abort);
    abort();
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    child.unref();
  }
  if (isAborted(signal)) return;
  const words = unread.told();
  if (ended === "silence") {
    throw new Error(
      words === ""
        ? `${command}: no word for ${patience} s`
        : `the output of ${command} is not understood: ${words}`,
    );
  }
  throw new Error([reason, words].find((text) => text !== "") ?? `${command} ended`);
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
