/** Pieces of a zip archive as they stand in the file, and how their numbers are read. */
import type { Origin } from "./problems.js";
import { readBytes, type Source } from "./source.js";

/** Bytes as they stand in the zip: a view with the position where they come from. */
export interface Part {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Byte of the file at which the part begins. */
  readonly base: number;
}

export async function readPart(source: Source, base: number, length: number): Promise<Part> {
  const bytes = await readBytes(source, base, length);
  return { bytes, base, view: new DataView(bytes.buffer) };
}

export function originOf(source: Source, where: Origin["where"], base = 0): Origin {
  return { file: source.path, where, base };
}

/** A 64-bit field; beyond 2^53 rounded, which is larger than any file all the same. */
export function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
