/** What is told of a save. Pure. */
import { failureOf } from "../base/errors.js";
import type { CheckpointKind } from "../checkpoint/index.js";
import { retryAfter } from "../store/index.js";
import type { RunEvent } from "../events/event.js";
import { warning } from "../events/warning.js";
import type { Place } from "../progan/schedule.js";
import { positionOf } from "./progress.js";
import type { SaveReport } from "./save-record.js";

/** Whether a folder is in memory, as far as its path tells. */
const isMemory = (folder: string): boolean => folder.startsWith("/dev/shm/");

/** That it is saved and verified, and what there is to be said of it. @param seconds that it took */
export function savedEvents(
  report: SaveReport,
  place: Place,
  seconds: number,
  isFilling: boolean,
): RunEvent[] {
  const { savesLeft } = report;
  const { id, kind, reason, folder, bytes, nonFinite } = report.generation;
  return [
    {
      type: "saved",
      id,
      kind,
      reason,
      files: report.files.map(({ path, bytes: size }) => ({ path, bytes: size })),
      folder,
      bytes,
      seconds,
      position: positionOf(place),
      nonFinite,
      savesLeft,
    },
    ...(nonFinite > 0 ? [warning("WEIGHTS_NOT_FINITE", { id, values: nonFinite })] : []),
    ...(report.stale ? [warning("WEIGHTS_UNCHANGED", { id })] : []),
    ...(report.spared.length > 0 ? [warning("ROOM_MADE", { ids: report.spared })] : []),
    ...report.damaged.map((damage) => warning("CHECKPOINT_DAMAGED", damage)),
    ...report.movedAside.map((path) => warning("FILE_MOVED_ASIDE", { path })),
    ...report.problems.map((problem) => ({ type: "store-problem", ...problem }) as const),
    ...(isFilling && savesLeft !== undefined ? [warning("DISK_FILLING", { savesLeft })] : []),
  ];
}

/** @param failures in a row, with this one. @param last whether training ends with it: no other try comes */
export function saveFailed(error: unknown, kind: CheckpointKind, failures: number, last: boolean): RunEvent {
  const retrySeconds = last ? undefined : retryAfter(failures);
  return { type: "save-failed", kind, ...failureOf(error), failures, retrySeconds };
}

/** That a save is safe, and not where it was wanted. */
export const savedElsewhere = (folder: string): RunEvent =>
  warning(isMemory(folder) ? "SAVED_IN_MEMORY" : "SAVED_ELSEWHERE", { folder });
