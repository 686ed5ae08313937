/**
 * One pass over the bytes of a file: gathers them in blocks, hashes each block while the one before it is being written, and
 * counts. Large pieces are copied, too: the memory that they lie in is read once, and what hashes and writes finds the block
 * in the processor's cache; nor has the system to look up pages that it has not seen before, which costs a virtual machine
 * more than all the rest.
 */
import { createHash } from "node:crypto";
import { blockSize, giveBlock, takeBlock } from "../base/blocks.js";
import type { FileSink } from "../base/file-sink.js";

export interface WrittenFile {
  readonly bytes: number;
  /** SHA-256 of the whole file, hexadecimal. */
  readonly sha256: string;
}

export interface ByteStream {
  /** Bytes appended so far. */
  readonly position: number;
  /** Appends. `bytes` may change once it has settled. */
  append(bytes: Uint8Array): Promise<void>;
  /** Waits for the last byte. */
  finish(): Promise<WrittenFile>;
}

export interface StreamOptions {
  /** Told how many bytes have reached the file, after each write. */
  readonly onProgress?: (bytes: number) => void;
  /**
   * Told of every piece of the file, in order. A piece of a tensor that is in memory lies in the tensor's own array; one of
   * a tensor that is read from another file is good until the next.
   */
  readonly onPiece?: (bytes: Uint8Array) => void;
}

export function byteStream(sink: FileSink, { onProgress, onPiece }: StreamOptions = {}): ByteStream {
  const hash = createHash("sha256");
  // One is filled while the other is written.
  let [block, spare] = [takeBlock(), takeBlock()];
  let filled = 0;
  let position = 0;
  let written = 0;
  let pending: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    const bytes = block.subarray(0, filled);
    hash.update(bytes);
    await pending;
    pending = sink.write(bytes).then(() => {
      written += bytes.length;
      onProgress?.(written);
    });
    // It is awaited before the next write; until then a failure must not count as unhandled.
    pending.catch(() => undefined);
    [block, spare] = [spare, block];
    filled = 0;
  };

  return {
    get position() {
      return position;
    },
    async append(bytes) {
      position += bytes.length;
      onPiece?.(bytes);
      for (let from = 0; from < bytes.length;) {
        if (filled === blockSize) await flush();
        const some = bytes.subarray(from, from + blockSize - filled);
        block.set(some, filled);
        filled += some.length;
        from += some.length;
      }
    },
    async finish() {
      if (filled > 0) await flush();
      await pending;
      // Not after a failure: a write from them may still be under way.
      giveBlock(block);
      giveBlock(spare);
      return { bytes: position, sha256: hash.digest("hex") };
    },
  };
}
