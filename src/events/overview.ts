/**
 * A run in a few words and numbers, made from its view: what stands at the top of a page, and what a message on a phone says.
 * Pure: the moment is given. Everything is as of the event that told it, with the moment (`at`, ISO 8601) at which it did.
 */
import type { Losses, RunEvent, Told } from "./event.js";
import type { RunView } from "./view.js";

type Type = RunEvent["type"];

/**
 * One word for all of it. `silent`: it should be training, and nothing has proved for long that it does. `waiting`: its process
 * has ended and is about to be started again.
 */
export type Status =
  | "starting"
  | "preparing"
  | "training"
  | "silent"
  | "cooling"
  | "paused"
  | "stopping"
  | "waiting"
  | "finished"
  | "stopped"
  | "limit"
  | "overheated"
  | "failed";

export interface Overview {
  readonly status: Status;
  /** Since when; of `silent`, the last sign of life. Undefined before the first event. */
  readonly since: string | undefined;
  /** The last proof of progress. */
  readonly alive: { readonly at: string; readonly secondsAgo: number } | undefined;
  /** The newest verified save. */
  readonly save:
    | { readonly at: string; readonly secondsAgo: number; readonly id: string; readonly bytes: number }
    | undefined;
  /** Saves that have failed since then, in a row. */
  readonly failures: number;
  readonly heat:
    | {
        readonly at: string;
        /** °C; undefined when it is not known (any more). */
        readonly temperature: number | undefined;
        readonly mode: "watch" | "pace" | "cool" | "stop";
      }
    | undefined;
  readonly progress:
    | {
        readonly at: string;
        readonly batches: number;
        /** Of the epoch or the bar that is running, from 0 to 1; undefined where nobody tells. */
        readonly share: number | undefined;
        /** Until the plan's end; undefined where nobody tells. */
        readonly secondsLeft: number | undefined;
      }
    | undefined;
  /** By name. What a guarded script logs is under its own names. */
  readonly losses: { readonly at: string; readonly values: Readonly<Record<string, number>> } | undefined;
}

/** Seconds without a proof of progress after which a training is silent; longer where its steps are slower. */
const silentAfter = 60;

/** The newest of several types. */
function newest(view: RunView, types: readonly Type[]): Told | undefined {
  const all = types.flatMap((type) => (view.latest[type] as Told | undefined) ?? []);
  return all.reduce<Told | undefined>(
    (one, other) => (one === undefined || other.envelope.seq > one.envelope.seq ? other : one),
    undefined,
  );
}

/** What changes the word that stands for a run. */
const turning: readonly Type[] = [
  "run-started",
  "guard-started",
  "images-loading",
  "images-examining",
  "stage-preparing",
  "stage-started",
  "stepped",
  "beat",
  "heat",
  "child-started",
  "child-paused",
  "child-resumed",
  "child-ended",
  "restarting",
];

function wordOf(event: RunEvent): Status {
  switch (event.type) {
    case "images-loading":
    case "images-examining":
    case "stage-preparing":
      return "preparing";
    case "stage-started":
    case "stepped":
    case "child-resumed":
      return "training";
    case "beat":
      if (event.paused) return "paused";
      return event.steps > 0 || event.phase === "train" ? "training" : "preparing";
    case "heat":
      return event.to === "cool" ? "cooling" : event.to === "stop" ? "stopping" : "training";
    case "child-paused":
      return event.cause === "heat" || event.cause === "critical-heat" ? "cooling" : "paused";
    case "child-ended":
    case "restarting":
      return "waiting";
    default:
      return "starting";
  }
}

/** Seconds that one step takes, as far as that is known. */
function pace({ latest }: RunView): number {
  const { stepped, beat } = latest;
  const batches = beat?.event.batchSeconds ?? 0;
  const slow = latest["engine-slow"]?.event.usual ?? 0;
  const rested = stepped?.event.rested ?? 0;
  return Math.max(batches, slow) + rested;
}

/** The word, and the event since which it holds, as far as that is still known. */
function statusOf(view: RunView, now: number): { readonly status: Status; readonly since: Told | undefined } {
  const { ended } = view.latest;
  if (ended) return { status: ended.event.how, since: ended };
  const asked = newest(view, ["stop-requested", "interrupt-asked"]);
  if (asked) return { status: "stopping", since: asked };
  const turn = newest(view, turning);
  if (!turn) return { status: "starting", since: newest(view, ["guard-started", "run-started"]) };
  const paused = view.latest["child-paused"];
  const resumed = newest(view, ["child-resumed", "child-started"]);
  // A paused process goes on beating.
  const isPaused = paused && (resumed?.envelope.seq ?? 0) < paused.envelope.seq && turn.event.type === "beat";
  const at = isPaused && turn.event.paused ? paused : turn;
  const status = wordOf(at.event);
  if (status !== "training") return { status, since: at };
  const since = newest(view, ["child-resumed", "stage-started", "heat", "trains"]) ?? at;
  const quiet = view.alive === undefined ? 0 : (now - Date.parse(view.alive.envelope.at)) / 1000;
  return quiet > Math.max(silentAfter, 3 * pace(view))
    ? { status: "silent", since: view.alive }
    : { status, since };
}

const lossesOf = ({ criticLoss, generatorLoss, gradientPenalty }: Losses) => ({
  criticLoss,
  generatorLoss,
  gradientPenalty,
});

function progressOf(view: RunView): Pick<Overview, "progress" | "losses"> {
  const told = newest(view, ["stepped", "beat"]);
  const metrics = view.latest.metrics;
  if (told?.event.type === "stepped") {
    const { event, envelope } = told;
    const share = event.batchesPerEpoch === 0 ? undefined : event.batch / event.batchesPerEpoch;
    return {
      progress: { at: envelope.at, batches: event.batches, share, secondsLeft: event.planSecondsLeft },
      losses: { at: envelope.at, values: lossesOf(event) },
    };
  }
  const { done, total } = metrics?.event ?? {};
  const share = done !== undefined && total !== undefined && total > 0 ? done / total : undefined;
  return {
    progress:
      told?.event.type === "beat"
        ? { at: told.envelope.at, batches: told.event.batches, share, secondsLeft: undefined }
        : undefined,
    losses: metrics && { at: metrics.envelope.at, values: metrics.event.values },
  };
}

function heatOf(view: RunView): Overview["heat"] {
  const reading = newest(view, ["temperature", "sensor-lost"]);
  const turn = view.latest.heat;
  const about = newest(view, ["temperature", "sensor-lost", "heat"]);
  if (!about) return undefined;
  const temperature = reading?.event.type === "temperature" ? reading.event.temperature : undefined;
  return { at: about.envelope.at, temperature, mode: turn?.event.to ?? "watch" };
}

/** @param now milliseconds since 1970 */
export function overviewOf(view: RunView, now: number): Overview {
  const { status, since } = statusOf(view, now);
  const ago = (told: Told): number => Math.max(0, (now - Date.parse(told.envelope.at)) / 1000);
  const saved = newest(view, ["saved", "checkpoint-kept"]);
  const failed = view.latest["save-failed"];
  const save =
    saved?.event.type === "saved" || saved?.event.type === "checkpoint-kept"
      ? { at: saved.envelope.at, secondsAgo: ago(saved), id: saved.event.id, bytes: saved.event.bytes }
      : undefined;
  const isNewer = failed !== undefined && failed.envelope.seq > (saved?.envelope.seq ?? 0);
  return {
    status,
    since: since?.envelope.at,
    alive: view.alive && { at: view.alive.envelope.at, secondsAgo: ago(view.alive) },
    save,
    failures: isNewer ? failed.event.failures : 0,
    heat: heatOf(view),
    ...progressOf(view),
  };
}
