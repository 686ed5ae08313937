/** Where files wait for the store: other names for what a script has saved, so that it may save again meanwhile. */
import { linkSync, mkdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface Stage {
  /**
   * Gives a file another name, at once. REQUIRES: it is only ever replaced, never written to.
   * @returns that name; the file's own where the disk has no such names, or it is another disk
   */
  readonly hold: (path: string) => string;
  /** Bytes of a file; undefined where it is not there. */
  readonly bytes: (path: string) => number | undefined;
  /** Removes names that `hold` gave, and files below the stage; nothing else. */
  readonly drop: (paths: readonly string[]) => void;
}

/** @param folder of this run alone, absolute */
export function createStage(folder: string): Stage {
  let number = 0;
  return {
    hold(path) {
      const place = join(folder, `held-${++number}`);
      try {
        mkdirSync(place);
        const held = join(place, basename(path));
        linkSync(path, held);
        return held;
      } catch {
        rmSync(place, { recursive: true, force: true });
        return path;
      }
    },
    bytes(path) {
      try {
        return statSync(path).size;
      } catch {
        return undefined;
      }
    },
    drop(paths) {
      for (const path of paths) {
        // Below a folder of the stage: the agent's of a snapshot, ours of a held file.
        if (dirname(dirname(path)) !== folder) continue;
        rmSync(path, { force: true });
        try {
          rmdirSync(dirname(path));
        } catch {
          // Another file of the same snapshot is there still.
        }
      }
    },
  };
}
