/**
 * The closed loop that holds a card at a temperature: how much of the time training rests, from how warm the card is
 * and how fast that changes. A PI controller on the temperature expected shortly, so that it does not overshoot.
 */

export interface Pacing {
  /** Share of the time that training rests, 0 to `mostIdle`. */
  readonly idle: number;
  /** What the error has added up to, as a share. */
  readonly integral: number;
  readonly temperature: number;
  /** °C per second, smoothed. */
  readonly slope: number;
  readonly at: number;
}

export const mostIdle = 0.9;
/** The longest pause, in seconds: someone watches, and wonders. */
export const longestPause = 30;

/** Share for each °C above the target; share for each °C and second; seconds ahead; seconds over which a slope is taken. */
const proportional = 0.06;
const integralGain = 0.001;
const ahead = 20;
const smoothing = 15;

const clamp = (value: number): number => Math.min(mostIdle, Math.max(0, value));

/** @param before undefined at the first reading */
export function pace(before: Pacing | undefined, temperature: number, target: number, now: number): Pacing {
  if (before === undefined) return { idle: 0, integral: 0, temperature, slope: 0, at: now };
  const seconds = now - before.at;
  if (seconds <= 0) return before;
  const weight = Math.min(1, seconds / smoothing);
  const slope = before.slope + weight * ((temperature - before.temperature) / seconds - before.slope);
  const error = temperature + slope * ahead - target;
  // Limited as the whole is, so that it does not go on adding up while nothing more can be done.
  const integral = clamp(before.integral + integralGain * error * Math.min(seconds, 60));
  return { idle: clamp(proportional * error + integral), integral, temperature, slope, at: now };
}

/** Seconds to rest after `busy` seconds of training. */
export function pauseAfter(busy: number, idle: number): number {
  return Math.min(longestPause, (busy * idle) / (1 - idle));
}
