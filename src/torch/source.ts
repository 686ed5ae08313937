/** A file that is read at any place. The only I/O of the reader. */
import { open, stat } from "node:fs/promises";
import { GuardapesosError, reasonOf } from "../base/errors.js";

export interface Source {
  readonly path: string;
  /** Bytes of the file when it was opened. */
  readonly size: number;
  /** Fills `target` from byte `position` on. REQUIRES: it lies inside the file. */
  readInto(position: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** @throws TORCH_FILE_UNREADABLE when it is not there, not a file, or the disk does not give it */
export async function openSource(path: string): Promise<Source> {
  const because = (reason: "not-a-file" | "shrank") =>
    new GuardapesosError("TORCH_FILE_UNREADABLE", { file: path, reason, detail: "" });
  const unreadable = (error: unknown) => {
    if (error instanceof GuardapesosError) return error;
    const reason =
      error instanceof Error && "code" in error && error.code === "ENOENT" ? "missing" : "system";
    return new GuardapesosError(
      "TORCH_FILE_UNREADABLE",
      { file: path, reason, detail: reasonOf(error) },
      error,
    );
  };
  // Before opening: a named pipe would not even open until someone writes to it.
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (!found.isFile()) throw because("not-a-file");
  const handle = await open(path, "r").catch((error: unknown) => {
    throw unreadable(error);
  });
  try {
    const { size } = await handle.stat();
    return {
      path,
      size,
      async readInto(position, target) {
        for (let done = 0; done < target.length;) {
          const { bytesRead } = await handle
            .read(target, done, target.length - done, position + done)
            .catch((error: unknown) => {
              throw unreadable(error);
            });
          if (bytesRead === 0) throw because("shrank");
          done += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw unreadable(error);
  }
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
