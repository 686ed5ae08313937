/** A part of a file as a file of its own: one of the many inside a `.distcp`. */
import type { Source } from "../source.js";

/** REQUIRES: the part lies inside the file, which stays open. @param name for messages */
export function partOf(source: Source, start: number, size: number, name: string): Source {
  return {
    path: `${source.path} (${name})`,
    size,
    readInto: (position, target) => source.readInto(start + position, target),
    close: () => Promise.resolve(),
  };
}
