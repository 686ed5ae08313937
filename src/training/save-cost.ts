/**
 * What a save costs training: the time for which it waits until a save can begin, and how much slower the steps are while
 * one is being written beside them. It is what `--autosave auto` chooses the interval from.
 */

export interface SaveCost {
  /** Training stood still for `seconds` before a save began. */
  waited(seconds: number): void;
  /** @param saving whether a save was under way during a part of the step */
  stepped(seconds: number, saving: boolean): void;
  /** The steps after this are not to be compared with those before. */
  newStage(): void;
  /** Of one save, smoothed; undefined before the first has ended. */
  readonly seconds: number | undefined;
}

/** Steps over which the duration of an undisturbed one is smoothed, about. */
const memory = 20;

export function createSaveCost(): SaveCost {
  let smoothed: number | undefined;
  let undisturbed: number | undefined;
  /** Of the save under way; undefined when there is none. */
  let current: number | undefined;
  return {
    waited(seconds) {
      current = (current ?? 0) + seconds;
    },
    stepped(seconds, saving) {
      if (saving) {
        current = (current ?? 0) + (undisturbed === undefined ? 0 : seconds - undisturbed);
        return;
      }
      if (current !== undefined) {
        const cost = Math.max(0, current);
        smoothed = smoothed === undefined ? cost : (smoothed + cost) / 2;
        current = undefined;
      }
      undisturbed = undisturbed === undefined ? seconds : undisturbed + (seconds - undisturbed) / memory;
    },
    newStage() {
      undisturbed = undefined;
    },
    get seconds() {
      return smoothed;
    },
  };
}
