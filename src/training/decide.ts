/** What to do between two steps: facts in, a decision with its reasons out. Nothing here acts, waits or reads a clock. */
import { decideSave, type SaveDecision, type SaveRules } from "../checkpoint/save-policy.js";
import type { Autosave } from "../progan/config.js";

export interface Facts {
  /** Batches over all sessions; those of this session; those at the last save that was begun. */
  readonly batches: number;
  readonly sessionBatches: number;
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
  /** Saves that failed in a row. */
  readonly failures: number;
  /** Over all sessions. */
  readonly maxBatches: number | undefined;
}

export interface Decision {
  readonly save: SaveDecision | undefined;
  readonly preview: boolean;
  readonly end: "stopped" | "finished" | "limit" | undefined;
}

function endOf(facts: Facts): Decision["end"] {
  if (facts.stopSignal !== undefined) return "stopped";
  if (facts.planDone) return "finished";
  if (facts.maxBatches !== undefined && facts.batches >= facts.maxBatches) return "limit";
  return undefined;
}

function rulesOf(autosave: Autosave): SaveRules {
  if (typeof autosave === "number" || autosave === "auto") return { everyBatches: autosave, everyMinutes: 0 };
  return { everyBatches: 0, everyMinutes: Number.parseFloat(autosave) };
}

export function decide(facts: Facts): Decision {
  const end = endOf(facts);
  const unsaved = facts.batches - facts.savedBatches;
  const preview = facts.epochEnded && end !== "stopped";
  // A stop before the first batch of a session has nothing that is not on disk already.
  if (facts.sessionBatches === 0 || (unsaved === 0 && end !== "stopped"))
    return { save: undefined, preview, end };
  const save = decideSave(
    {
      batchesSinceSave: unsaved,
      secondsSinceSave: facts.secondsSinceSave,
      saveCost: facts.saveCost,
      failures: facts.failures,
      saving: facts.saving,
      epochEnded: facts.epochEnded,
      stageEnded: facts.stageEnded,
      askedByHand: false,
      stopping: facts.stopSignal,
    },
    rulesOf(facts.autosave),
  );
  const last: SaveDecision | undefined =
    end === "limit" ? { kind: "manual", reason: "limit of batches" } : undefined;
  return { save: save ?? last, preview, end };
}
