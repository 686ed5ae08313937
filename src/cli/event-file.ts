/**
 * The file that events are also written to. Nothing waits for it: what a pipe does not take just now, or a disk that is full,
 * stays in memory and is tried again with the next event, so that no line is torn and none is lost while there is room.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { escapeOutput } from "../base/printable.js";

export interface EventFile {
  /** Takes a whole line. */
  readonly write: (line: string) => void;
  /** Bytes that are not written yet. */
  readonly backlog: () => number;
  /** Writes what can be written, and closes it. */
  readonly close: () => void;
}

/** Windows has no such flag, and no pipes in the file system. */
const { O_WRONLY, O_APPEND, O_CREAT } = constants;
const O_NONBLOCK = process.platform === "win32" ? 0 : constants.O_NONBLOCK;

/** A reader that has gone comes back under no number. */
const isOver = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EPIPE";

/**
 * Opens a file, made when it is not there, to write at its end; or a pipe that somebody reads.
 * @throws OUTPUT_NOT_WRITABLE also for a pipe that nobody reads
 */
export function openEventFile(path: string): EventFile {
  let file: number;
  try {
    file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o666);
  } catch (error) {
    throw new GuardapesosError("OUTPUT_NOT_WRITABLE", { path, reason: reasonOf(error) }, error);
  }
  let waiting: Buffer[] = [];
  let bytes = 0;
  let over = false;
  const flush = (): void => {
    try {
      for (let first = waiting[0]; first; first = waiting[0]) {
        const written = writeSync(file, first);
        bytes -= written;
        if (written < first.length) waiting[0] = first.subarray(written);
        else waiting.shift();
      }
    } catch (error) {
      over ||= isOver(error);
      if (over) [waiting, bytes] = [[], 0];
    }
  };
  return {
    write(line) {
      if (over) return;
      const text = Buffer.from(escapeOutput(line, false));
      waiting.push(text);
      bytes += text.length;
      flush();
    },
    backlog: () => bytes,
    close() {
      flush();
      closeSync(file);
    },
  };
}
