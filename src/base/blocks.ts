/**
 * Blocks of 1 MiB for reading and writing files by. Those that are given back are used again: new ones cost the system more
 * than what is done with them, and make the collector run for memory that is outside its heap.
 */
import { createFreeList } from "./free-list.js";

export const blockSize = 2 ** 20;

/** As many as two files at once need, each being filled and emptied in turn. */
const kept = 4;
const idle = createFreeList(
  (bytes) => new Uint8Array(bytes),
  ({ length }) => length,
  kept,
);

/** A block, whatever is in it. */
export function takeBlock(): Uint8Array<ArrayBuffer> {
  return idle.take(blockSize);
}

/** REQUIRES: nothing reads from the block or writes to it any more, also no call to the system that has not ended. */
export function giveBlock(block: Uint8Array<ArrayBuffer>): void {
  idle.give(block);
}

/** Bytes where they lie, in pieces that a block has room for: small enough to be in the processor's cache when used twice. */
export function* inBlocks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += blockSize) yield bytes.subarray(at, at + blockSize);
}
