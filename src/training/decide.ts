/** What to do between two steps: facts in, a decision with its reasons out. Nothing here acts, waits or reads a clock. */
import { decideSave, type SaveDecision, type SaveRules } from "../checkpoint/index.js";
import type { Autosave } from "../progan/config.js";
import type { Advice } from "../thermal/monitor.js";

export interface Facts {
  /** Batches over all sessions; those of this session; those of the step that comes; those at the last save that was begun. */
  readonly batches: number;
  readonly sessionBatches: number;
  readonly nextBatches: number;
  readonly savedBatches: number;
  /** What the last step completed. */
  readonly epochEnded: boolean;
  readonly stageEnded: boolean;
  readonly planDone: boolean;
  /** The signal that asked for a stop. */
  readonly stopSignal: string | undefined;
  readonly autosave: Autosave;
  /** Of the newest save that was begun, or of the session. */
  readonly secondsSinceSave: number;
  /** How long training stood still for a save, as measured. */
  readonly saveCost: number | undefined;
  readonly saving: boolean;
  /** Saves that failed in a row, and saved ones in a row whose weights are not all numbers. */
  readonly failures: number;
  readonly spoilt: number;
  /** What heat asks for. */
  readonly heat: Advice;
  /** Whether a save of this very place is verified, and whether it is an emergency's. */
  readonly placeSaved: boolean;
  readonly emergencySaved: boolean;
  /** Over all sessions. */
  readonly maxBatches: number | undefined;
}

export interface Decision {
  readonly save: SaveDecision | undefined;
  readonly preview: boolean;
  /** Whether to wait until the card has cooled down. */
  readonly cool: boolean;
  /** What to divide the batches by, before the save that records it. */
  readonly divideBy: number;
  readonly end: "stopped" | "finished" | "limit" | "overheated" | "diverged" | undefined;
}

/** Weights that are not numbers never become any again: so many saves of them in a row, and training ends. */
const spoiltAtMost = 3;

function endOf(facts: Facts): Decision["end"] {
  if (facts.stopSignal !== undefined) return "stopped";
  if (facts.spoilt >= spoiltAtMost) return "diverged";
  if (facts.planDone) return "finished";
  // Half a step would make another training than one that was never interrupted.
  if (facts.maxBatches !== undefined && facts.batches + facts.nextBatches > facts.maxBatches) return "limit";
  if (facts.heat.mode === "stop") return "overheated";
  return undefined;
}

/** Automatic saves come so many times as often while the card is warm. */
const warmSaves = 4;

function rulesOf({ autosave, heat }: Facts): SaveRules {
  if (autosave === "auto") return { everyBatches: autosave, everyMinutes: 0 };
  const often = heat.mode === "pace" ? warmSaves : 1;
  if (typeof autosave === "number") return { everyBatches: Math.ceil(autosave / often), everyMinutes: 0 };
  return { everyBatches: 0, everyMinutes: Number.parseFloat(autosave) / often };
}

/** What an emergency save is for, as a checkpoint keeps it. */
const heatReason = ({ reason }: Advice): string =>
  reason.temperature === undefined ? "thermal slowdown" : `${Math.round(reason.temperature)} °C`;

/** The second time is much smaller, as the seed page asks for. */
const [smaller, muchSmaller] = [2, 4];

export function decide(facts: Facts): Decision {
  const end = endOf(facts);
  const cool = end === undefined && facts.heat.mode === "cool";
  const urgent = cool || end === "stopped" || end === "overheated";
  const nothingNew = facts.batches === facts.savedBatches;
  const saved = end === "stopped" ? facts.placeSaved : urgent ? facts.emergencySaved : nothingNew;
  // Before the first batch of a session there is nothing that is not on disk already.
  const needless = facts.sessionBatches === 0 || saved || end === "diverged";
  const save = needless ? undefined : saveOf(facts, urgent, end);
  const severe = facts.heat.severe || end === "overheated";
  const divideBy = cool || (end === "overheated" && save) ? (severe ? muchSmaller : smaller) : 1;
  return { save, preview: facts.epochEnded && !urgent, cool, divideBy, end };
}

function saveOf(facts: Facts, urgent: boolean, end: Decision["end"]): SaveDecision | undefined {
  const save = decideSave(
    {
      batchesSinceSave: facts.batches - facts.savedBatches,
      secondsSinceSave: facts.secondsSinceSave,
      saveCost: facts.saveCost,
      failures: facts.failures,
      saving: facts.saving,
      epochEnded: facts.epochEnded,
      stageEnded: facts.stageEnded,
      ending: end !== undefined,
      stopping: urgent ? (facts.stopSignal ?? heatReason(facts.heat)) : undefined,
    },
    rulesOf(facts),
  );
  return save ?? (end === "limit" ? { kind: "manual", reason: "limit of batches" } : undefined);
}
