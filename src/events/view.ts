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
  /** The newest that proves progress; undefined before the first. */
  readonly alive: Told | undefined;
}

/** How many notable events a view keeps. */
export const notableKept = 200;

/** Progress and readings: each replaces the one before it. Of images that are skipped there may be any number. */
export const passing: ReadonlySet<Type> = new Set<Type>([
  "stepped",
  "temperature",
  "cooling",
  "images-loading",
  "images-examining",
  "image-skipped",
  "save-started",
  "beat",
  "metrics",
  "phase",
  "script-saving",
]);

/** What also comes while the training itself hangs, from whoever watches, asks or ends it. */
const noProof: ReadonlySet<Type> = new Set<Type>([
  "temperature",
  "heat-watch",
  "heat",
  "cooling",
  "sensor-lost",
  "sensor-back",
  "engine-slow",
  "stop-requested",
  "stop-planned",
  "backed-up",
  "backup-failed",
  "warning",
  "guard-started",
  "child-started",
  "agent-missing",
  "agent-lost",
  "interrupt-asked",
  "interrupt-ignored",
  "hang",
  "stacks",
  "crash",
  "child-ended",
  "restarting",
  "restart-refused",
  "agent-notice",
]);

export const emptyView: RunView = { seq: 0, latest: {}, notable: [], alive: undefined };

/** A beat comes from a thread of its own: it proves that batches pass only where they do. */
function provesProgress({ event }: Told, before: RunView["latest"]): boolean {
  if (event.type !== "beat") return !noProof.has(event.type);
  const last = before.beat?.event;
  return last?.pid !== event.pid || last.batches !== event.batches || last.steps !== event.steps;
}

/** The view after one more event. */
export function viewAfter(view: RunView, told: Told): RunView {
  const { type } = told.event;
  return {
    seq: told.envelope.seq,
    latest: { ...view.latest, [type]: told },
    notable: passing.has(type) ? view.notable : [...view.notable, told].slice(-notableKept),
    alive: provesProgress(told, view.latest) ? told : view.alive,
  };
}
