/** Starts the command line as a user does, in a process of its own, and reads the events that it tells with `--json`. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { RunEvent, RunEventOf } from "../../src/events/event.js";

/** Of the command line. */
export const program = fileURLToPath(new URL("../../bin/guardapesos.mjs", import.meta.url));

/** Networks and images so small that a training of two resolutions takes a second or two. */
export const tiny = {
  preset: "demo",
  channels: "8",
  latent: "8",
  phantoms: "40",
  "batch-sizes": "8",
  end: "8",
  threads: "1",
  device: "cpu",
} as const satisfies Settings;

/** Options by name, without the dashes; `true` for one without a value. */
export type Settings = Readonly<Record<string, string | number | true>>;

/** { preset: "demo", fresh: true } -> --preset demo --fresh */
export function words(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
}

/** What a command other than a run tells, and its errors. */
export interface OtherLine {
  readonly type:
    | "error"
    | "generated"
    | "checkpoints"
    | "verified"
    | "kept"
    | "pruned"
    | "backup"
    | "restored"
    | "backups"
    | "stats"
    | "finding"
    | "stop-asked"
    | "nothing-running";
  readonly [key: string]: unknown;
}
type Line = (RunEvent | OtherLine) & { readonly at: string };

export interface Ended {
  /** The exit code; undefined when a signal ended the process itself. */
  readonly code: number | undefined;
  readonly killedBy: NodeJS.Signals | undefined;
  readonly lines: readonly Line[];
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  readonly lines: readonly Line[];
  /** Resolves with the first line, told already or to come, that `isIt`; rejects when the process ends without it. */
  when(isIt: (line: Line) => boolean): Promise<Line>;
  signal(signal: NodeJS.Signals): void;
  /** Closes its standard input, which is a pipe when `withInput` was asked for. */
  closeInput(): void;
  readonly ended: Promise<Ended>;
}

interface StartOptions {
  readonly withInput?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Starts `guardapesos ARGUMENTS --json` in a folder. A process that still runs when its test ends is killed.
 * @param typed the words after `guardapesos`
 */
export function start(
  folder: string,
  typed: readonly string[],
  { withInput = false, environment = {} }: StartOptions = {},
): Running {
  const child = spawn(process.execPath, [program, ...typed, "--json"], {
    cwd: folder,
    stdio: [withInput ? "pipe" : "ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C.UTF-8", LANG: "C.UTF-8", ...environment },
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines: Line[] = [];
  const waiting: {
    isIt: (line: Line) => boolean;
    resolve: (line: Line) => void;
    reject: (e: Error) => void;
  }[] = [];
  let stderr = "";
  child.stderr!.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  createInterface({ input: child.stdout! }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    for (const one of waiting.filter(({ isIt }) => isIt(line))) {
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve(line);
    }
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const told = lines.slice(-3).map((line) => JSON.stringify(line));
      for (const one of waiting) one.reject(new Error(`ended early: ${told.join("\n")}\n${stderr}`));
      resolve({ code: code ?? undefined, killedBy: signal ?? undefined, lines, stderr });
    });
  });
  return {
    pid: child.pid!,
    lines,
    when: (isIt) =>
      new Promise((resolve, reject) => {
        const known = lines.find(isIt);
        if (known) resolve(known);
        else waiting.push({ isIt, resolve, reject });
      }),
    signal: (signal) => void child.kill(signal),
    closeInput: () => child.stdin?.end(),
    ended,
  };
}

/** Starts it and waits for its end. */
export function call(folder: string, typed: readonly string[]): Promise<Ended> {
  return start(folder, typed).ended;
}

/** `guardapesos train` with options. */
export const train = (settings: Settings): string[] => ["train", ...words(settings)];

export function isType<Type extends RunEvent["type"]>(type: Type) {
  return (line: Line): line is RunEventOf<Type> & { at: string } => line.type === type;
}

/** True for the first step after which that many batches are done. */
export const batchesDone =
  (count: number) =>
  (line: Line): boolean =>
    line.type === "stepped" && line.batches >= count;

/** The events of one type, in order. */
export function eventsOf<Type extends RunEvent["type"]>(ended: Pick<Ended, "lines">, type: Type) {
  return ended.lines.filter(isType(type));
}

/** The last event, which has to be "ended". Fails with what was told instead. */
export function endOf(ended: Pick<Ended, "lines"> & Partial<Ended>): RunEventOf<"ended"> {
  const last = ended.lines.at(-1);
  if (last?.type !== "ended") {
    throw new Error(`the last line is ${JSON.stringify(last)}\n${ended.stderr ?? ""}`);
  }
  return last;
}

/** The code of the error that was told; undefined when there was none. */
export function errorOf({ lines }: Pick<Ended, "lines">): { code: string; message: string } | undefined {
  const error = lines.find((line) => line.type === "error");
  return error as unknown as { code: string; message: string } | undefined;
}
