/** Which temperatures are believed. */

/** °C by which no chip's temperature changes between two readings. */
const mostJump = 30;

/**
 * Takes no single absurd reading for one: a temperature far from the one before, or a first one that is incredibly high, has
 * to be said twice.
 * @param incredibleAt °C
 * @returns whether to believe a reading. `before`: the one that holds
 */
export function createDoubt(
  incredibleAt: number,
): (temperature: number, before: number | undefined) => boolean {
  let doubted: number | undefined;
  let first = true;
  return (temperature, before) => {
    const isNear = (other: number): boolean => Math.abs(temperature - other) <= mostJump;
    const expected = before === undefined ? !first || temperature < incredibleAt : isNear(before);
    const believed = expected || (doubted !== undefined && isNear(doubted));
    doubted = believed ? undefined : temperature;
    if (believed) first = false;
    return believed;
  };
}
