/**
 * What a sensor says of a card at one moment. What it does not say, or says absurdly, is `undefined`: unknown, never 0.
 */

/** Why a card runs slower than it could; NVML's words for it. */
export const slowdownReasons = [
  "idle",
  "application-clocks",
  "power-cap",
  "hardware",
  "sync-boost",
  "software-thermal",
  "hardware-thermal",
  "power-brake",
  "display-clocks",
] as const;
export type SlowdownReason = (typeof slowdownReasons)[number];

/** Everything that is measured, in the order of a log's columns. */
export interface Measured {
  /** °C. */
  readonly temperature: number | undefined;
  /** W. */
  readonly power: number | undefined;
  /** Share of the time that the card computes, 0 to 1. */
  readonly utilisation: number | undefined;
  /** Bytes. */
  readonly memoryUsed: number | undefined;
  readonly memoryTotal: number | undefined;
  /** Share of the fan's full speed, 0 to 1 (some cards go a little beyond). */
  readonly fan: number | undefined;
  /** MHz. */
  readonly clock: number | undefined;
  readonly memoryClock: number | undefined;
  /** °C at which the card slows down, or switches itself off. */
  readonly slowdownAt: number | undefined;
  readonly shutdownAt: number | undefined;
}
export type Measure = keyof Measured;

export interface Reading extends Measured {
  /** Seconds on the watcher's clock. */
  readonly at: number;
  readonly card: string | undefined;
  /** Empty when the card says that nothing slows it down. */
  readonly slowdown: readonly SlowdownReason[] | undefined;
  /** Cards beside this one that have told a temperature and do so no more; left out where there are none. */
  readonly lostCards?: readonly string[];
}

/** What can be true of a card. A GPU at 0 °C, or with a limit of 20 °C, is a sensor that says nothing. */
const plausible: Readonly<Record<Measure, readonly [least: number, most: number]>> = {
  temperature: [1, 130],
  power: [0, 3000],
  utilisation: [0, 1],
  memoryUsed: [0, 2 ** 50],
  memoryTotal: [1, 2 ** 50],
  fan: [0, 2],
  clock: [1, 10_000],
  memoryClock: [1, 50_000],
  slowdownAt: [60, 130],
  shutdownAt: [60, 150],
};
export const measures = Object.keys(plausible) as readonly Measure[];

export type Given = Partial<Omit<Reading, "at">>;

/** A reading of what is given, without what cannot be true. */
export function readingOf(at: number, given: Given): Reading {
  const known = measures.map((measure) => {
    const [least, most] = plausible[measure];
    const value = given[measure];
    const isTrue = value !== undefined && value >= least && value <= most;
    return [measure, isTrue ? value : undefined] as const;
  });
  const measured = Object.fromEntries(known) as unknown as Measured;
  return { at, card: given.card, ...measured, slowdown: given.slowdown };
}

/** Bit of each reason in NVML's nvmlClocksEventReasons (formerly nvmlClocksThrottleReasons). */
const bits: Readonly<Record<SlowdownReason, bigint>> = {
  idle: 0x1n,
  "application-clocks": 0x2n,
  "power-cap": 0x4n,
  hardware: 0x8n,
  "sync-boost": 0x10n,
  "software-thermal": 0x20n,
  "hardware-thermal": 0x40n,
  "power-brake": 0x80n,
  "display-clocks": 0x100n,
};

/** NVML's mask -> reasons. Bits that are not known are left out. */
export function slowdownOf(mask: bigint): readonly SlowdownReason[] {
  return slowdownReasons.filter((reason) => (mask & bits[reason]) !== 0n);
}

/** Of several cards the hottest, because it is the one in danger. @returns undefined for none */
export function hottest<Card extends Pick<Given, "temperature">>(cards: readonly Card[]): Card | undefined {
  const heat = (card: Card): number => card.temperature ?? -Infinity;
  return cards.reduce<Card | undefined>((a, b) => (a === undefined || heat(b) > heat(a) ? b : a), undefined);
}
