/** What is said about a bad file, always with the place: the record and opcode, and the byte. */
import { GuardapesosError } from "../base/errors.js";
import { printable } from "../base/printable.js";
import type { TorchFeature, TorchPlace, TorchProblem } from "../base/torch-problem.js";

/** Where bytes come from, so that an error can name the byte of the file. */
export interface Origin {
  readonly file: string;
  readonly where: TorchPlace["where"];
  /** Byte of the file at which it begins; 0 when it is packed, and offsets are those of the unpacked record. */
  readonly base: number;
}

/** Names that come from the file, so that they can be shown. */
function shown<Data extends object>(data: Data): Data {
  const fields = Object.entries(data).map(([key, value]) => [
    key,
    typeof value === "string" ? printable(value) : (value as unknown),
  ]);
  return Object.fromEntries(fields) as Data;
}

/** The bytes are not those of a good file: damaged, cut off, made wrongly, or not a torch file at all. */
export function invalid(
  { file, where, base }: Origin,
  offset: number,
  problem: TorchProblem,
  opcode?: string,
): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_INVALID", {
    file,
    where: typeof where === "string" ? where : shown(where),
    ...(opcode === undefined ? {} : { opcode }),
    offset: base + offset,
    ...shown(problem),
  });
}

/** A name that is not on the allow-list: what is behind it would have to be imported or run. */
export function refused({ file, base }: Origin, offset: number, name: string): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_REFUSED", { file, name: printable(name), offset: base + offset });
}

/** A good file, of a kind that is not read. */
export function unsupported(file: string, feature: TorchFeature): GuardapesosError {
  return new GuardapesosError("TORCH_FILE_UNSUPPORTED", { file, ...shown(feature) });
}
