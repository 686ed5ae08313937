/** Saving what can be saved when training ends otherwise than it should, or sooner than its engine. */
import { isGuardapesosError } from "../base/errors.js";
import type { Place } from "../progan/schedule.js";
import { EngineLeft, type Engine } from "./engine.js";
import type { Track } from "./loop.js";
import { stateIn, type Copy } from "./mirror.js";
import type { Saves, Setup } from "./saves.js";
import type { Stop } from "./stop.js";
import { sealState, type SealedState } from "./train-state.js";

/** A finished state outside the engine, and what a checkpoint says of it. */
export interface Reserve {
  readonly copy: Copy;
  readonly place: Place;
  readonly setup: Setup;
}

export interface Rescue {
  /** Keeps a copy of the state at the newest finished place. @returns it, with what a checkpoint says of it */
  keep(copy: Copy): Reserve | undefined;
  /** Whether nothing finished is lost when the engine is left to itself now, in the middle of its work. */
  mayLeave(): boolean;
  /**
   * Saves the newest finished state that is to be had, unless it is saved.
   * @param error why training ends
   * @returns why that save failed; undefined when it did not, or was not needed
   */
  save(engine: Engine | undefined, error: unknown): Promise<Error | undefined>;
}

/** Undefined when the copy is not whole. */
async function sealedReserve({ copy, setup: { config } }: Reserve): Promise<SealedState | undefined> {
  const state = await stateIn(copy);
  return state && sealState(state, config, config.learningRate);
}

export function createRescue(saves: Saves, track: Track, stop: Stop): Rescue {
  let reserve: Reserve | undefined;
  const isSaved = (): boolean => track.sessionBatches === 0 || saves.savedBatches === track.place.batches;
  const reasonFor = (error: unknown): string => {
    if (error instanceof EngineLeft) return stop.wish?.signal ?? "bug";
    return isGuardapesosError(error) ? error.code : "bug";
  };
  return {
    keep(copy) {
      reserve = track.setup && { copy, place: track.place, setup: track.setup() };
      return reserve;
    },
    mayLeave: () => isSaved() || reserve?.place.batches === track.place.batches,
    async save(engine, error) {
      await saves.settle();
      if (!track.setup || isSaved()) return undefined;
      const setup = track.setup();
      const newest = await engine?.take(setup.config.learningRate).catch(() => undefined);
      const found = newest
        ? { state: newest, place: track.place, setup }
        : reserve && { ...reserve, state: await sealedReserve(reserve) };
      if (!found?.state || found.place.batches <= (saves.savedBatches ?? 0)) return undefined;
      const decision = { kind: "emergency", reason: reasonFor(error) } as const;
      await saves.begin(found.state, found.place, found.setup, decision, true);
      return saves.settle();
    },
  };
}
