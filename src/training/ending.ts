/** How a run has ended, as its last event tells it: what is safe and where, what is lost, and how to go on. */
import { GuardapesosError, isGuardapesosError } from "../base/errors.js";
import type { RunEventOf } from "../events/event.js";
import type { Track } from "./loop.js";
import { positionOf } from "./progress.js";
import { resumeCommand, type ResumeChanges } from "./resume-command.js";
import type { Beginning } from "./resume.js";
import type { SaveRecord } from "./save-record.js";
import { whichAreThere } from "./saved-files.js";

type Ended = RunEventOf<"ended">;

/** What can be known at the end of a run. */
export interface EndFacts {
  readonly signal: string | undefined;
  readonly startedAt: number;
  readonly track: Track;
  readonly saves: Omit<SaveRecord, "begunAt" | "verifiedAt" | "warnedAt">;
  readonly beginning: Pick<Beginning, "from" | "place">;
  readonly command: readonly string[];
  /** The copy of the state in memory that the next start finds; undefined when there is none. */
  readonly inMemory: { readonly path: string; readonly batches: number } | undefined;
}

/** Why a training that has come to its end has failed all the same: its newest weights are not all numbers. */
export function divergence({ saves, beginning }: Pick<EndFacts, "saves" | "beginning">): Error | undefined {
  if (saves.nonFinite === 0 || saves.newest === undefined) return undefined;
  const good = saves.sound?.id ?? beginning.from?.id;
  return new GuardapesosError("TRAINING_DIVERGED", { id: saves.newest.id, values: saves.nonFinite, good });
}

/** What must stand in the command so that it goes on from the newest good weights. */
function changesOf({ saves, beginning: { from } }: EndFacts): ResumeChanges {
  const weights = saves.elsewhere === undefined ? {} : { weights: saves.elsewhere };
  if (saves.nonFinite === 0 || saves.sound !== undefined || from?.generation !== undefined) return weights;
  // What came from elsewhere is no checkpoint of this folder.
  return { ...weights, ...(from ? { resume: from.files[0]?.path } : { fresh: true }) };
}

/** Batches of which nothing is left: neither a good checkpoint nor, for the next start, a copy in memory. */
function batchesLost({ track, saves, beginning, inMemory }: EndFacts): number {
  if (track.sessionBatches === 0) return 0;
  const saved = saves.nonFinite > 0 ? saves.sound?.batches : saves.savedBatches;
  const left = saves.nonFinite > 0 ? 0 : (inMemory?.batches ?? 0);
  return Math.max(0, track.place.batches - Math.max(saved ?? beginning.place.batches, left));
}

/** @param error why it has failed; undefined otherwise */
export async function endedAs(how: Ended["how"], error: unknown, facts: EndFacts): Promise<Ended> {
  const { signal, startedAt, track, saves, inMemory } = facts;
  const { there: files, missing } = await whichAreThere(saves.files);
  return {
    type: "ended",
    how,
    signal,
    position: positionOf(track.place),
    seconds: (performance.now() - startedAt) / 1000,
    files,
    ...(missing.length > 0 ? { missing } : {}),
    preview: track.preview,
    nonFinite: saves.nonFinite,
    resumeCommand:
      how === "finished" ? undefined : resumeCommand(facts.command, process.platform, changesOf(facts)),
    batchesLost: batchesLost(facts),
    ...(inMemory ? { inMemory } : {}),
    ...(isGuardapesosError(error) ? { code: error.code, data: error.data } : { code: undefined }),
  };
}
