/**
 * Whether a file on disk is, byte for byte, what was to be written: the proof of a save. The pieces lie in memory still
 * (those of the tensors in the tensors' own arrays), so nothing needs to be hashed to compare.
 */
import type { Disk } from "./disk.js";

/** @param pieces what the file is to hold, one after the other */
export async function holds(
  disk: Disk,
  path: string,
  pieces: readonly Uint8Array[],
  onRead: (bytes: number) => void,
): Promise<boolean> {
  const expected = pieces.values();
  let piece: Uint8Array | undefined;
  let at = 0;
  for await (const bytes of disk.chunks(path)) {
    for (let done = 0; done < bytes.length;) {
      while (piece === undefined || at === piece.length) {
        const next = expected.next();
        if (next.done) return false;
        [piece, at] = [next.value, 0];
      }
      const length = Math.min(bytes.length - done, piece.length - at);
      if (Buffer.compare(bytes.subarray(done, done + length), piece.subarray(at, at + length)) !== 0)
        return false;
      done += length;
      at += length;
    }
    onRead(bytes.length);
  }
  const rest = piece === undefined ? 0 : piece.length - at;
  return rest === 0 && [...expected].every(({ length }) => length === 0);
}
