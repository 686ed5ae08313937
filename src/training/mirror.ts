/**
 * A second copy of the state, in memory that other threads can read while the engine's is blocked, hung or dead. It is
 * brought up to date before a step, and only as often as its cost stays a small share of training: before every step
 * whose batch is long, every some steps otherwise.
 */
import type { NamedArray } from "../base/named-arrays.js";
import type { TrainState } from "./train-state.js";

/** Share of training time that copying may take. */
export const mirrorShare = 0.01;
/** Until a copy has been timed: bytes in a second, carefully. */
const assumedSpeed = 2e9;

export interface MirrorFacts {
  /** Since the newest copy, or since training began. */
  readonly secondsSince: number;
  /** The step that comes, by the one before; 0 when there was none. */
  readonly nextStep: number;
  /** Seconds that a copy takes. */
  readonly cost: number;
}

/** Whether a copy now keeps its share, counted from the one before to the end of the step that comes. */
export function mirrorDue({ secondsSince, nextStep, cost }: MirrorFacts): boolean {
  return (secondsSince + nextStep) * mirrorShare >= cost;
}

export interface Mirror {
  /**
   * Copies the state if it is due.
   * @param bytes of the state
   * @param read asked for the state only then
   * @returns the copy; undefined when it was not due. It is written over by the next one.
   */
  refresh(bytes: number, read: () => Promise<TrainState>): Promise<TrainState | undefined>;
  /** A step has taken so long. */
  stepped(seconds: number): void;
}

/** @param now seconds, for tests */
export function createMirror(now: () => number = () => performance.now() / 1000): Mirror {
  const arrays = new Map<string, NamedArray>();
  let copiedAt = now();
  let nextStep = 0;
  let cost: number | undefined;

  /** Everything that takes a Float32Array takes one over shared memory, too; what it must not be is handed over. */
  const shared = (length: number): NamedArray["data"] =>
    new Float32Array(new SharedArrayBuffer(4 * length)) as Float32Array as NamedArray["data"];

  return {
    async refresh(bytes, read) {
      const started = now();
      const facts = { secondsSince: started - copiedAt, nextStep, cost: cost ?? bytes / assumedSpeed };
      if (!mirrorDue(facts)) return undefined;
      const state = await read();
      for (const [name, { shape, data }] of state.arrays) {
        const known = arrays.get(name)?.data;
        const own = known?.length === data.length ? known : shared(data.length);
        own.set(data);
        arrays.set(name, { shape, data: own });
      }
      copiedAt = now();
      cost = copiedAt - started;
      return { ...state, arrays };
    },
    stepped(seconds) {
      nextStep = seconds;
    },
  };
}
