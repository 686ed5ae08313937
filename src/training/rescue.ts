/** Saving what can be saved when training ends otherwise than it should, or sooner than its engine. */
import { isGuardapesosError } from "../base/errors.js";
import type { Place } from "../progan/schedule.js";
import { EngineLeft, type Engine } from "./engine.js";
import type { Track } from "./loop.js";
import { stateIn, type Copy } from "./mirror.js";
import type { Saves, Setup } from "./saves.js";
import type { Stop } from "./stop.js";
import { sealState } from "./train-state.js";

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
  save(engine: Pick<Engine, "take"> | undefined, error: unknown): Promise<Error | undefined>;
}

export function createRescue(
  saves: Pick<Saves, "begin" | "settle" | "record">,
  track: Track,
  stop: Pick<Stop, "wish">,
): Rescue {
  let reserve: Reserve | undefined;
  const isSaved = (): boolean =>
    track.sessionBatches === 0 || saves.record.savedBatches === track.place.batches;
  /** Undefined when there is none that is newer than what is saved, and whole. */
  const fromReserve = async () => {
    if (!reserve || reserve.place.batches <= (saves.record.savedBatches ?? 0)) return undefined;
    const { copy, place, setup } = reserve;
    const state = await stateIn(copy);
    return state && { state: sealState(state, setup.config, setup.config.learningRate), place, setup };
  };
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
      const newest = await engine?.take().catch(() => undefined);
      const found = newest ? { state: newest, place: track.place, setup } : await fromReserve();
      if (!found) return undefined;
      const decision = { kind: "emergency", reason: reasonFor(error) } as const;
      await saves.begin(found.state, found.place, found.setup, decision, true);
      return saves.settle();
    },
  };
}
