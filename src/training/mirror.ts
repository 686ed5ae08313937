/**
 * A second copy of the state that others can read while the engine's thread is blocked, hung or dead: in a file in
 * memory, where the system has such files (then it outlives the process, too), otherwise in shared memory. It is brought
 * up to date before a step, and only as often as its cost stays a small share of training: before every step whose batch
 * is long, every some steps otherwise.
 */
import {
  openMirrorFile,
  readArrays,
  type FiledArrays,
  type MirrorFile,
  type MirrorPaths,
} from "../checkpoint/index.js";
import { sharedArray, type NamedArray } from "../base/named-arrays.js";
import type { TrainState } from "../trainer/state.js";

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

/** A copy of the state, wherever it is. The next one writes over it. */
export type Copy =
  | { readonly where: "memory"; readonly state: TrainState }
  | { readonly where: "file"; readonly file: FiledArrays; readonly rest: Omit<TrainState, "arrays"> };

/** The state in a copy; undefined when it is not whole. Shared memory is given as it is. */
export async function stateIn(copy: Copy): Promise<TrainState | undefined> {
  if (copy.where === "memory") return copy.state;
  const arrays = await readArrays(copy.file);
  return arrays && { ...copy.rest, arrays };
}

export interface Mirror {
  /**
   * Copies the state if it is due.
   * @param bytes of the state
   * @param read asked for the state only then
   * @param atOnce whether it is due whatever it costs
   * @returns the copy; undefined when it was not due
   */
  refresh(bytes: number, read: () => Promise<TrainState>, atOnce?: boolean): Promise<Copy | undefined>;
  /** A step has taken so long. */
  stepped(seconds: number): void;
}

function sharedMemory(): (state: TrainState) => Copy {
  const arrays = new Map<string, NamedArray>();
  return (state) => {
    for (const [name, { shape, data }] of state.arrays) {
      const known = arrays.get(name)?.data;
      const own = known?.length === data.length ? known : sharedArray(data.length);
      own.set(data);
      arrays.set(name, { shape, data: own });
    }
    return { where: "memory", state: { ...state, arrays } };
  };
}

/**
 * @param paths of the file; undefined for shared memory
 * @param now seconds, for tests
 */
export function createMirror(
  paths: MirrorPaths | undefined,
  now: () => number = () => performance.now() / 1000,
): Mirror {
  const toMemory = sharedMemory();
  let file: MirrorFile | undefined;
  const hold = (state: TrainState): Copy => {
    const { arrays, ...rest } = state;
    try {
      if (file) return { where: "file", file: file.write(arrays), rest };
    } catch {
      // Others have taken the room.
      file?.remove();
      file = undefined;
    }
    return toMemory(state);
  };
  let copiedAt = now();
  let nextStep = 0;
  let cost: number | undefined;
  let touched = false;

  return {
    async refresh(bytes, read, atOnce = false) {
      const started = now();
      const facts = { secondsSince: started - copiedAt, nextStep, cost: cost ?? bytes / assumedSpeed };
      if (!atOnce && !mirrorDue(facts)) return undefined;
      const state = await read();
      if (!touched) file = paths && openMirrorFile(paths, bytes);
      const copy = hold(state);
      copiedAt = now();
      // The first one touches new memory, which may take ten times as long, and says nothing of the next.
      if (touched) cost = copiedAt - started;
      touched = true;
      return copy;
    },
    stepped(seconds) {
      nextStep = seconds;
    },
  };
}
