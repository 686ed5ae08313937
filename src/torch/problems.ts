/** What is said about a bad file, always with the place: the record or opcode, and the byte. */
import { GuardapesosError } from "../base/errors.js";

/** Where bytes come from, so that an error can name the byte of the file. */
export interface Origin {
  readonly file: string;
  /** Record of the archive, or part of a legacy file. */
  readonly record: string;
  /** Byte of the file at which `record` begins; 0 when it is packed, and offsets are those of the unpacked record. */
  readonly base: number;
}

const LONGEST = 240;

/** Text that may come from the file: short, and nothing in it that a terminal obeys. */
function printable(text: string): string {
  const escaped = text
    .slice(0, LONGEST + 1)
    .replace(
      /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return escaped.length > LONGEST ? `${escaped.slice(0, LONGEST)}...` : escaped;
}

/** The bytes are not those of a good file: damaged, cut off, made wrongly, or not a torch file at all. */
export function invalid(origin: Origin, offset: number, reason: string, opcode?: string): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_INVALID", {
    file: origin.file,
    where: printable(opcode === undefined ? origin.record : `${origin.record}, ${opcode}`),
    offset: origin.base + offset,
    reason: printable(reason),
  });
}

/** A name that is not on the allow-list: what is behind it would have to be imported or run. */
export function refused(origin: Origin, offset: number, name: string): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_REFUSED", {
    file: origin.file,
    name: printable(name),
    offset: origin.base + offset,
  });
}

/** A good file, of a kind that is not read. */
export function unsupported(file: string, what: string): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_UNSUPPORTED", { file, what: printable(what) });
}
