/** `--cool-by restart`: the script is ended by its one interrupt, and started again once the card is cool. */

export interface CoolDown {
  /** Heat wants the card to rest: the script is to end. @returns once it has, or the signal comes */
  readonly begin: (signal: AbortSignal) => Promise<void>;
  /** The card is cool. */
  readonly finish: () => void;
  /** The script has ended. @returns whether heat has ended it, and it is to be started again */
  readonly childEnded: () => boolean;
  /** Whether it is waited for now. */
  readonly isOn: () => boolean;
  /** Somebody wants an end: nothing is started again. */
  readonly cancel: () => void;
}

/** @param interrupt asks the script to end */
export function createCoolDown(interrupt: () => void): CoolDown {
  let on = false;
  let cancelled = false;
  let childEnded: (() => void) | undefined;
  return {
    async begin(signal) {
      on = true;
      const ended = new Promise<void>((resolve) => {
        childEnded = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      interrupt();
      await ended;
    },
    finish: () => {
      on = false;
    },
    childEnded() {
      const byHeat = childEnded !== undefined && !cancelled;
      childEnded?.();
      childEnded = undefined;
      return byHeat;
    },
    isOn: () => on && !cancelled,
    cancel: () => {
      cancelled = true;
    },
  };
}
