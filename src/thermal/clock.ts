/** Time as the watcher sees it: the real one, or a simulated one that runs faster. */
import { setTimeout as wait } from "node:timers/promises";

export interface Clock {
  /** Seconds, from any start. */
  readonly now: () => number;
  /** Waits so many of its seconds, or until `signal`; never rejects. */
  readonly sleep: (seconds: number, signal: AbortSignal) => Promise<void>;
  /** Its seconds in a real one. */
  readonly scale: number;
}

/** A timer waits 2^31 ms at most. */
const longest = 2 ** 31 - 1;

export function createClock(scale = 1): Clock {
  const start = performance.now();
  return {
    now: () => ((performance.now() - start) / 1000) * scale,
    async sleep(seconds, signal) {
      const milliseconds = Math.min(longest, Math.max(0, (seconds * 1000) / scale));
      await wait(milliseconds, undefined, { signal }).catch(() => undefined);
    },
    scale,
  };
}
