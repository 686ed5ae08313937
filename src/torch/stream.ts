/**
 * One pass over the bytes of a file: gathers small pieces into blocks, hashes each block while the one before it is
 * being written, and counts. Large pieces are written from where they lie, without a copy.
 */
import { createHash } from "node:crypto";
import { blockSize, giveBlock, takeBlock } from "../base/blocks.js";
import type { FileSink } from "./sink.js";

/** Pieces up to this size are copied into a block; larger ones would cost more to copy than a write of their own. */
const SMALL = 128 * 2 ** 10;

export interface WrittenFile {
  readonly bytes: number;
  /** SHA-256 of the whole file, hexadecimal. */
  readonly sha256: string;
}

export interface ByteStream {
  /** Bytes appended so far. */
  readonly position: number;
  /** Appends. `bytes` must not change until the next append (or finish) has settled. */
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

  const send = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    await pending;
    pending = sink.write(bytes).then(() => {
      written += bytes.length;
      onProgress?.(written);
    });
    // It is awaited before the next write; until then a failure must not count as unhandled.
    pending.catch(() => undefined);
  };
  const flush = async (): Promise<void> => {
    if (filled === 0) return;
    const full = block.subarray(0, filled);
    await send(full);
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
      if (bytes.length > SMALL) {
        await flush();
        await send(bytes);
        return;
      }
      if (filled + bytes.length > blockSize) await flush();
      block.set(bytes, filled);
      filled += bytes.length;
    },
    async finish() {
      await flush();
      await pending;
      // Not after a failure: a write from them may still be under way.
      giveBlock(block);
      giveBlock(spare);
      return { bytes: position, sha256: hash.digest("hex") };
    },
  };
}
