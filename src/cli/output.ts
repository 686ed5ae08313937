/**
 * Where words go, and what the place can show. Nothing that becomes of it ends a training: after an error nothing more is
 * written, and everything else goes on. A reader that has left (a pipe's EPIPE, a closed terminal's EIO) has read enough;
 * words that a disk did not take are missing, which a command must not end without saying.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import pc from "picocolors";
import { escapeOutput } from "../base/printable.js";

type Colors = ReturnType<typeof pc.createColors>;

export interface Output {
  /** Standard output, as it is. */
  readonly stream: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  /** Whether emoji and block characters are shown as such. */
  readonly symbols: boolean;
  readonly colors: Colors;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Writes whole lines to standard output, begun on a line of their own: another program writes there, too. */
  readonly writeBlock: (lines: string) => void;
  /** What standard output has been given and its reader has not taken, in bytes or UTF-16 units. */
  readonly backlog: () => number;
  /** Aborted when standard output takes nothing any more: nobody reads it, or it cannot be written to. */
  readonly ended: AbortSignal;
  /** Why words for standard output are missing where they were to be kept; undefined when none are. */
  readonly failure: () => unknown;
  /** Resolves when all is written, or after two seconds with a reader that takes nothing. */
  readonly flushed: () => Promise<void>;
}

interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
}

/** Terminals that draw emoji and blocks. The Linux console and the old Windows console do not. */
function showsSymbols({ environment, platform }: Surroundings): boolean {
  const terminal = environment["TERM"] ?? "";
  if (platform !== "win32") return terminal !== "linux" && terminal !== "dumb";
  const { WT_SESSION, ConEmuTask, TERM_PROGRAM } = environment;
  return Boolean(WT_SESSION ?? ConEmuTask ?? TERM_PROGRAM) || terminal.startsWith("xterm");
}

/** https://no-color.org: any value that is not empty switches colours off. */
function showsColors({ environment }: Surroundings): boolean {
  return !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
}

/** The number of a stream that is a file or a device and no terminal; undefined for all others. */
function fileOf({ fd, isTTY }: { readonly fd?: number; readonly isTTY: boolean }): number | undefined {
  if (fd === undefined || isTTY) return undefined;
  const info = fstatSync(fd);
  return info.isFile() || info.isCharacterDevice() ? fd : undefined;
}

/**
 * What is written first so that what follows begins on a line of its own, wherever another program has left the cursor. On a
 * terminal as many spaces as a line has: on an empty line they end there, else on the next one (as zsh does before its prompt).
 * @param columns of the terminal; undefined for what is none
 * @param midLine whether a line has begun there; undefined where nobody can tell
 */
export function freshLine(columns: number | undefined, midLine: boolean | undefined): string {
  if (columns !== undefined && columns > 0) return `${" ".repeat(columns)}\r`;
  return midLine === false ? "" : "\n";
}

/** Whether a regular file ends in the middle of a line; undefined for what is none. Never throws. */
function endsMidLine(descriptor: number | undefined): boolean | undefined {
  try {
    if (descriptor === undefined) return undefined;
    const info = fstatSync(descriptor);
    if (!info.isFile()) return undefined;
    if (info.size === 0) return false;
    const file = openSync(`/dev/fd/${descriptor}`, "r");
    try {
      const last = Buffer.alloc(1);
      readSync(file, last, 0, 1, info.size - 1);
      return last[0] !== 10;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Writes all of it: a disk that has just run full takes a part, and refuses only the next write. Node's streams do not look. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/** Silences a stream from its first error on. Returns how to write to it. */
function writer(stream: NodeJS.WriteStream, onError: (error: unknown) => void): (text: string) => void {
  const file = fileOf(stream);
  let broken = false;
  const fail = (error: unknown): void => {
    if (!broken) onError(error);
    broken = true;
  };
  stream.on("error", fail);
  return (text) => {
    if (broken) return;
    try {
      if (file === undefined) stream.write(text);
      else writeWhole(file, text);
    } catch (error) {
      fail(error);
    }
  };
}

/** Whether an error says that nobody reads any more. */
function readerHasLeft(error: unknown, isTerminal: boolean): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ["EPIPE", "ECONNRESET"].includes(code) || (isTerminal && code === "EIO");
}

/** The output over a process's two streams. */
export function createOutput(
  stdout: NodeJS.WriteStream,
  stderr: NodeJS.WriteStream,
  surroundings: Surroundings,
): Output {
  // Of a pipe it is undefined, whatever its type says. One that moves no cursor is written to as a pipe is.
  const isTerminal =
    ((stdout.isTTY as boolean | undefined) ?? false) && surroundings.environment["TERM"] !== "dumb";
  const ending = new AbortController();
  let failure: unknown;
  const write = writer(stdout, (error) => {
    if (!readerHasLeft(error, isTerminal)) failure = error;
    ending.abort();
  });
  const drained = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => {
      stream.once("error", () => resolve());
      if (stream.writable) stream.write("", () => resolve());
      else resolve();
    });
  const hasColors = isTerminal && showsColors(surroundings);
  const writeError = writer(stderr, () => undefined);
  return {
    stream: stdout,
    isTerminal,
    symbols: isTerminal && showsSymbols(surroundings),
    colors: pc.createColors(hasColors),
    write: (text) => write(escapeOutput(text, hasColors)),
    writeBlock: (lines) => {
      const columns = ((stdout.isTTY as boolean | undefined) ?? false) ? stdout.columns : undefined;
      const start = freshLine(columns, endsMidLine(fileOf(stdout)));
      write(`${start}${escapeOutput(lines, hasColors)}`);
    },
    backlog: () => stdout.writableLength,
    writeError: (text) => writeError(escapeOutput(text, hasColors)),
    ended: ending.signal,
    failure: () => failure,
    flushed: async () => {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
      await Promise.race([Promise.all([drained(stdout), drained(stderr)]), patience]);
    },
  };
}
