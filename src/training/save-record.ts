/** What a session has saved so far, as facts: each save makes the next record of the one before. Pure. */
import type { Generation, Writer } from "../checkpoint/index.js";
import type { SavedFile } from "../events/event.js";

/** What the writer reports of a save. */
export type SaveReport = Awaited<ReturnType<Writer["save"]>>;

export interface SaveRecord {
  /** Saves that have failed since the last one that did not. */
  readonly failures: number;
  /** By performance.now(): since the newest save was begun or has failed, or the session began. */
  readonly begunAt: number;
  /** By performance.now(): when the newest save was verified. */
  readonly verifiedAt: number | undefined;
  /** Batches over all sessions in the newest verified save of this session. */
  readonly savedBatches: number | undefined;
  /** NaN and infinite values in the newest save of this session. */
  readonly nonFinite: number;
  /** Saves in a row, the newest among them, with such values. */
  readonly spoilt: number;
  /** The newest verified save of this session, and the newest whose weights are all numbers. */
  readonly newest: Generation | undefined;
  readonly sound: { readonly id: string; readonly batches: number } | undefined;
  /** Another weights folder, where the last save has gone because the wanted one did not take it. */
  readonly elsewhere: string | undefined;
  /** The newest pair without such values: of this session, or what training continued from. */
  readonly files: readonly SavedFile[];
  /** Saves that still fit on the disk, as they were when that was last worth a warning. */
  readonly warnedAt: number;
}

/** From how many saves that still fit on the disk on it is worth a word. */
const fewSaves = 20;
const farFromFull = 2 * fewSaves;

/** @param files those that training continues from */
export function firstRecord(files: readonly SavedFile[], now: number): SaveRecord {
  return {
    failures: 0,
    begunAt: now,
    verifiedAt: undefined,
    savedBatches: undefined,
    nonFinite: 0,
    spoilt: 0,
    newest: undefined,
    sound: undefined,
    elsewhere: undefined,
    files,
    warnedAt: farFromFull,
  };
}

export function withFailure(record: SaveRecord, now: number): SaveRecord {
  return { ...record, failures: record.failures + 1, begunAt: now };
}

/** @param batches over all sessions, in the save that `report` is of */
export function withSaved(
  record: SaveRecord,
  { generation, files, refuge, savesLeft }: SaveReport,
  batches: number,
  now: number,
): SaveRecord {
  const { nonFinite, id } = generation;
  const isSound = nonFinite === 0;
  return {
    failures: 0,
    begunAt: record.begunAt,
    verifiedAt: now,
    savedBatches: batches,
    nonFinite,
    spoilt: isSound ? 0 : record.spoilt + 1,
    newest: generation,
    sound: isSound ? { id, batches } : record.sound,
    elsewhere: refuge?.folder ?? record.elsewhere,
    files: isSound ? files : record.files,
    warnedAt: nextWarning(record.warnedAt, savesLeft),
  };
}

/** Told once when the disk is filling up, and again each time that the room has halved. */
function nextWarning(before: number, savesLeft: number | undefined): number {
  if (savesLeft === undefined || savesLeft >= fewSaves) return farFromFull;
  return savesLeft <= before / 2 ? savesLeft : before;
}

/** Whether a save is one after which it is said that the disk is filling up. */
export const isFilling = (before: SaveRecord, after: SaveRecord): boolean => after.warnedAt < before.warnedAt;
