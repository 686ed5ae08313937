/** A wish to stop, however it comes (a signal, a command): asked once or many times, never acted on here. */

export interface StopWish {
  /**
   * What asked first: a signal such as "SIGINT", "stop" (the command), "time" (one that was set), "parent" (its end) or
   * "bug" (a failure outside the run).
   */
  readonly signal: string;
  readonly times: number;
}

export interface Stop {
  request(signal: string): void;
  /** Something has failed where no run could catch it: asks for a stop, after which the run fails with this. */
  fail(error: unknown): void;
  readonly wish: StopWish | undefined;
  /** What failed first. */
  readonly fault: { readonly error: unknown } | undefined;
  /** Aborted by the first request: wakes whatever waits. */
  readonly aborted: AbortSignal;
  /** Told of every request; of those before, too, as one. */
  listen(listener: (wish: StopWish) => void): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  const listeners: ((wish: StopWish) => void)[] = [];
  let wish: StopWish | undefined;
  let fault: Stop["fault"];
  const request = (signal: string): void => {
    wish = { signal: wish?.signal ?? signal, times: (wish?.times ?? 0) + 1 };
    controller.abort(new Error(signal));
    for (const listener of listeners) listener(wish);
  };
  return {
    request,
    fail(error) {
      fault ??= { error };
      request("bug");
    },
    get wish() {
      return wish;
    },
    get fault() {
      return fault;
    },
    aborted: controller.signal,
    listen(listener) {
      listeners.push(listener);
      if (wish) listener(wish);
    },
  };
}

/**
 * Waits for something that a stop need not wait for.
 * @param grace milliseconds for which it is waited for all the same: time to end well by itself
 * @returns undefined when the stop came first
 */
export async function unlessStopped<Value>(
  work: Promise<Value>,
  stop: Stop,
  grace = 0,
): Promise<Value | undefined> {
  const { aborted } = stop;
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  let wake = (): void => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    wake = () => {
      if (grace > 0) timer = setTimeout(() => resolve(undefined), grace);
      else resolve(undefined);
    };
    if (aborted.aborted) wake();
    else aborted.addEventListener("abort", wake);
  });
  try {
    return await Promise.race([stopped, work]);
  } finally {
    clearTimeout(timer);
    aborted.removeEventListener("abort", wake);
  }
}
