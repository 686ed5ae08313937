/** When a snapshot is due by itself: pure. Batches and minutes are counted by the agent; "auto" is decided here. */
import { optimalInterval } from "../checkpoint/index.js";
import type { ProcessState } from "./processes.js";

export interface AutosaveFacts {
  readonly now: number;
  /** When the newest save of the script, or snapshot, was whole; else when training began. */
  readonly savedAt: number;
  /** Seconds that training stood still for the last snapshot; undefined before the first. */
  readonly cost: number | undefined;
  /** When the agent last said that there is none to be had. */
  readonly refusedAt: number | undefined;
}

/** Seconds of training before the first snapshot, which measures what one costs. */
const firstAfter = 60;
/** Seconds before a script is asked again that had none to give. */
const askAgain = 600;

/** Whether now is a good time for one: it trains, and nothing else is under way. */
export function canSave({ trains, phase, paused, saves, leaving }: ProcessState): boolean {
  return trains && phase === "train" && !paused && saves.size === 0 && !leaving;
}

/** Whether the interval that loses least, never over 1 % of the time, has passed since the last save of any kind. */
export function isDue({ now, savedAt, cost, refusedAt }: AutosaveFacts): boolean {
  if (refusedAt !== undefined && now - refusedAt < askAgain) return false;
  return now - savedAt >= (cost === undefined ? firstAfter : optimalInterval(cost));
}
