/** When a save takes its state: between two steps, or beside the next one, which costs nothing. Pure. */
import type { SaveDecision } from "../checkpoint/index.js";
import type { Decision } from "./decide.js";

/** Between two steps: none comes soon that would give the state back. */
export interface SaveNow {
  readonly when: "now";
  readonly save: SaveDecision;
  /** Whether the engine keeps the state: a save that fails can then be tried again. */
  readonly state: "copied" | "taken";
  /** Whether training ends with it. */
  readonly last: boolean;
}

/** The next step gives back the state that it began with: nothing is copied, and training does not wait. */
export interface SaveBesideStep {
  readonly when: "beside-step";
  readonly save: SaveDecision;
}

/** @param stageEnded whether another resolution comes, or none */
export function planSave(
  { save, end, cool }: Pick<Decision, "save" | "end" | "cool">,
  stageEnded: boolean,
): SaveNow | SaveBesideStep | undefined {
  if (save === undefined) return undefined;
  const last = end !== undefined;
  if (!last && !cool && !stageEnded) return { when: "beside-step", save };
  // Whoever is asked to stop wants to be gone.
  return { when: "now", save, state: end === "stopped" ? "taken" : "copied", last };
}
