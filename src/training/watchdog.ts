/**
 * Waits for the engine as long as is reasonable: announces a call that takes far longer than such calls have taken, and
 * gives up on one that takes longer by orders of magnitude. A card whose driver hangs never answers at all.
 */

/** Seconds. */
export interface Patience {
  readonly announceAfter: number;
  readonly giveUpAfter: number;
}

/** @param usual the longest that such a call has taken so far; undefined when there was none */
export function patienceWith(usual: number | undefined): Patience {
  // The first step of a resolution compiles for the device, and nobody knows how long that takes.
  if (usual === undefined) return { announceAfter: 600, giveUpAfter: 3600 };
  return { announceAfter: Math.max(60, 10 * usual), giveUpAfter: Math.max(600, 60 * usual) };
}

/** Seconds between two looks at the clock, and the most that one of them counts: a computer that slept was not waiting. */
const [interval, most] = [1, 5];

/**
 * Watches until the returned function is called. Each of the two is told at most once.
 * @param now seconds, for tests
 */
export function watch(
  { announceAfter, giveUpAfter }: Patience,
  told: { readonly slow: (seconds: number) => void; readonly hung: (seconds: number) => void },
  now: () => number = () => performance.now() / 1000,
): () => void {
  let waited = 0;
  let last = now();
  let announced = false;
  const look = (): void => {
    const time = now();
    waited += Math.min(time - last, most);
    last = time;
    if (waited >= giveUpAfter) {
      clearInterval(timer);
      told.hung(waited);
    } else if (!announced && waited >= announceAfter) {
      announced = true;
      told.slow(waited);
    }
  };
  const timer = setInterval(look, interval * 1000);
  return () => clearInterval(timer);
}
