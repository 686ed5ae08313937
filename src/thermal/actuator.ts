/**
 * What carries out the policy's verdicts on a training: our own loop is one actuator, a guarded process of somebody else is
 * another. The driver (driver.ts) calls it, and calls it in this order alone:
 *
 *     pace*  ( pause  resume  pace* )*  [ pause ]  [ stop ]
 *
 * No method rejects for a reason that can be foreseen: what could not be done is told by the actuator itself.
 */
import type { HeatReason } from "./bands.js";

/** Why training is to rest or to end. */
export interface HeatCause {
  readonly reason: HeatReason;
  /** Whether it is for the critical temperature: a longer cool-down, and much smaller batches afterwards. */
  readonly severe: boolean;
}

export interface Actuator {
  /**
   * How much of the time training is to rest from now on, between two batches. Returns at once.
   * @param idle share, 0 to 1 (`pauseAfter` gives seconds for a batch); 0 while the card is warm and needs no rest now;
   *   undefined when it is warm no more. While the card is warm, automatic saves come more often.
   */
  pace(idle: number | undefined): void;
  /**
   * Saves what must not be lost, then brings training to rest at a batch boundary.
   * @param signal aborts when that is wanted no more: `resume` or `stop` follows at once
   * @returns resolves when the card can cool down, or soon after `signal`
   */
  pause(signal: AbortSignal, cause: HeatCause): Promise<void>;
  /**
   * Lets training go on after `pause`. Returns at once.
   * @param cause what the cool-down was for in the end: one that has become `severe` asks for much smaller batches
   */
  resume(cause: HeatCause): void;
  /** Saves, and ends training; also one that rests. The last call. Returns at once. */
  stop(cause: HeatCause): void;
}
