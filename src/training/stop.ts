/** A wish to stop, however it comes (a signal, a command): asked once or many times, never acted on here. */

export interface StopWish {
  /** The first signal, e.g. "SIGINT". */
  readonly signal: string;
  readonly times: number;
}

export interface Stop {
  request(signal: string): void;
  readonly wish: StopWish | undefined;
  /** Aborted by the first request: wakes whatever waits. */
  readonly aborted: AbortSignal;
  /** Told of every request; of those before, too, as one. */
  listen(listener: (wish: StopWish) => void): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  const listeners: ((wish: StopWish) => void)[] = [];
  let wish: StopWish | undefined;
  return {
    request(signal) {
      wish = { signal: wish?.signal ?? signal, times: (wish?.times ?? 0) + 1 };
      controller.abort(new Error(signal));
      for (const listener of listeners) listener(wish);
    },
    get wish() {
      return wish;
    },
    aborted: controller.signal,
    listen(listener) {
      listeners.push(listener);
      if (wish) listener(wish);
    },
  };
}
