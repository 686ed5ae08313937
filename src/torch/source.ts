/** A file as the reader has it: whatever the disk says about it is told as what is wrong with the file. */
import { openBytes, Shrunk, type ByteSource } from "../base/byte-source.js";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { NotRegular } from "../base/regular-file.js";

export type Source = ByteSource;

/** @throws TORCH_FILE_UNREADABLE when it is not there, not a file, or the disk does not give it */
export function openSource(path: string): Promise<Source> {
  return sourceFrom(path, openBytes(path, "follow"));
}

/** The same for a file that is opened by other means. @throws TORCH_FILE_UNREADABLE */
export async function sourceFrom(path: string, opening: Promise<ByteSource>): Promise<Source> {
  const told = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw unreadable(path, error);
    });
  const source = await told(opening);
  return {
    path,
    size: source.size,
    readInto: (position, target) => told(source.readInto(position, target)),
    close: () => source.close(),
  };
}

function unreadable(file: string, error: unknown): GuardapesosError {
  if (error instanceof GuardapesosError) return error as GuardapesosError;
  const because = (reason: "missing" | "not-a-file" | "shrank" | "system", detail = "") =>
    new GuardapesosError("TORCH_FILE_UNREADABLE", { file, reason, detail }, error);
  if (error instanceof NotRegular) return because("not-a-file");
  if (error instanceof Shrunk) return because("shrank");
  const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
  return because(isMissing ? "missing" : "system", reasonOf(error));
}

/** A file whose bytes are in memory already. */
export function sourceOver(path: string, bytes: Uint8Array): Source {
  return {
    path,
    size: bytes.length,
    readInto(position, target) {
      target.set(bytes.subarray(position, position + target.length));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

/** Reads bytes into an array of their own. REQUIRES: they lie inside the file, and there is memory for them. */
export async function readBytes(
  source: Source,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await source.readInto(position, bytes);
  return bytes;
}
