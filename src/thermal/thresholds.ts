/** The temperatures and times that the policy goes by: the seed page's, unless the user says otherwise. */

export interface Thresholds {
  /** °C from which training is paced, and saved more often. */
  readonly warnAt: number;
  /** °C that pacing holds. */
  readonly target: number;
  /** °C from which the card must cool down. */
  readonly coolAt: number;
  /** °C from which training must end. */
  readonly stopAt: number;
  /** °C that ends a cool-down. */
  readonly resumeAt: number;
  /** Least length of a cool-down, and of one after `stopAt`, in minutes. */
  readonly coolMinutes: number;
  readonly criticalMinutes: number;
  readonly afterCritical: "stop" | "cool";
}

export const defaultThresholds: Thresholds = {
  warnAt: 78,
  target: 79,
  coolAt: 82,
  stopAt: 85,
  resumeAt: 70,
  coolMinutes: 10,
  criticalMinutes: 30,
  afterCritical: "stop",
};

export type Temperature = "resumeAt" | "warnAt" | "target" | "coolAt" | "stopAt";

/** Each must be below the next one; the target may be at, or even under, the warning. */
const order = [
  ["resumeAt", "warnAt"],
  ["warnAt", "coolAt"],
  ["resumeAt", "target"],
  ["target", "coolAt"],
  ["coolAt", "stopAt"],
] as const satisfies readonly (readonly [Temperature, Temperature])[];

/** What follows from that. */
const farApart = [
  ["resumeAt", "coolAt"],
  ["resumeAt", "stopAt"],
  ["warnAt", "stopAt"],
  ["target", "stopAt"],
] as const satisfies readonly (readonly [Temperature, Temperature])[];

/**
 * The first pair that is not in order, of those that were given before those that were not; undefined when all are.
 * @param given by a person, who knows nothing of the others
 */
export function disorder(
  thresholds: Thresholds,
  given: Partial<Thresholds> = {},
): readonly [Temperature, Temperature] | undefined {
  const isWrong = ([low, high]: readonly [Temperature, Temperature]): boolean =>
    thresholds[low] >= thresholds[high];
  const isGiven = (pair: readonly Temperature[]): boolean => pair.every((name) => given[name] !== undefined);
  return [...order, ...farApart].find((pair) => isGiven(pair) && isWrong(pair)) ?? order.find(isWrong);
}

/** From the lowest to the highest. */
const ascending = [
  "resumeAt",
  "warnAt",
  "target",
  "coolAt",
  "stopAt",
] as const satisfies readonly Temperature[];

/** Each temperature by its name. */
const temperatures = (of: (name: Temperature, i: number) => number): Record<Temperature, number> =>
  Object.fromEntries(ascending.map((name, i) => [name, of(name, i)])) as Record<Temperature, number>;

/**
 * What is not given is as by default, but lower where it must be: as far below what is given as it is by default. Nothing is
 * raised by itself: that is for a person to say.
 */
export function completeThresholds(given: Partial<Thresholds>): Thresholds {
  const temperature = (name: Temperature, i: number): number => {
    const bounds = ascending
      .slice(i + 1)
      .filter((higher) => given[higher] !== undefined)
      .map((higher) => given[higher]! - (defaultThresholds[higher] - defaultThresholds[name]));
    return given[name] ?? Math.min(defaultThresholds[name], ...bounds);
  };
  return { ...defaultThresholds, ...given, ...temperatures(temperature) };
}

/** Where the card slows itself down before `stopAt`, all temperatures are lowered together, so that they keep their distances. */
export function lowered(thresholds: Thresholds, slowdownAt: number | undefined): Thresholds {
  const by = slowdownAt === undefined ? 0 : Math.max(0, thresholds.stopAt - slowdownAt);
  if (by === 0) return thresholds;
  return { ...thresholds, ...temperatures((name) => thresholds[name] - by) };
}
