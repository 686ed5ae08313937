/** The digest of a file. */
import { createHash } from "node:crypto";
import type { Disk } from "./disk.js";

export interface HashOptions {
  /** Told the bytes of each piece. */
  readonly onRead?: ((bytes: number) => void) | undefined;
  /** Gets the bytes, as far as they fit. */
  readonly content?: Uint8Array | undefined;
  /** As the system's library calls it; "sha256" when left out. */
  readonly algorithm?: string | undefined;
}

/** Hexadecimal. */
export async function hashFile(
  disk: Disk,
  path: string,
  { onRead, content, algorithm = "sha256" }: HashOptions = {},
): Promise<string> {
  const hash = createHash(algorithm);
  let position = 0;
  for await (const bytes of disk.chunks(path)) {
    hash.update(bytes);
    if (content && position < content.length) {
      content.set(bytes.subarray(0, content.length - position), position);
    }
    position += bytes.length;
    onRead?.(bytes.length);
  }
  return hash.digest("hex");
}
