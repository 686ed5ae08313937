/** What someone who comes late needs to know of a run: pure, and of bounded size however long it lasts. */
import type { RunEvent, RunEventOf, Told } from "./event.js";

type Type = RunEvent["type"];

export interface RunView {
  /** The newest event that is in it; 0 before the first. */
  readonly seq: number;
  /** The newest event of each type. */
  readonly latest: { readonly [T in Type]?: Told<RunEventOf<T>> };
  /** The newest of those that somebody would want to read afterwards, oldest first. */
  readonly notable: readonly Told[];
}

/** How many notable events a view keeps. */
export const notableKept = 200;

/** Progress and readings: each replaces the one before it. */
const passing: ReadonlySet<Type> = new Set<Type>([
  "stepped",
  "temperature",
  "cooling",
  "images-loading",
  "save-started",
  "beat",
  "metrics",
  "phase",
  "script-saving",
]);

export const emptyView: RunView = { seq: 0, latest: {}, notable: [] };

/** The view after one more event. */
export function viewAfter(view: RunView, told: Told): RunView {
  const { type } = told.event;
  return {
    seq: told.envelope.seq,
    latest: { ...view.latest, [type]: told },
    notable: passing.has(type) ? view.notable : [...view.notable, told].slice(-notableKept),
  };
}
