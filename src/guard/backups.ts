/**
 * The backup of the day of a guarded training, made beside it: a verified copy of its newest checkpoint in `WEIGHTS/backups`. One
 * that fails is told and tried again an hour later; it disturbs nothing.
 */
import { isGuardapesosError, reasonOf } from "../base/errors.js";
import { codecs } from "../checkpoint/index.js";
import type { Emit, RunEventOf } from "../events/event.js";
import {
  backup,
  guardedFolder,
  leastInterval,
  siteOf,
  type BackupReport,
  type Series,
} from "../store/index.js";

export interface GuardBackups {
  /** A checkpoint has been kept. Returns at once. */
  readonly consider: (bytes: number) => void;
  /** Waits for the one under way. */
  readonly close: () => Promise<void>;
}

const retrySeconds = 3600;
/** Checkpoints for which a backup leaves room. */
const reserved = 3;

export interface GuardBackupOptions {
  readonly weights: string;
  readonly series: Series;
  /** How many stay; 0: none are made. */
  readonly keep: number;
  readonly emit: Emit;
}

export function createGuardBackups({ weights, series, keep, emit }: GuardBackupOptions): GuardBackups {
  const site = siteOf(weights, { folder: guardedFolder, codecs });
  let notBefore = 0;
  let making: Promise<void> | undefined;
  const told = ({ backup: made, source, removed, problems }: BackupReport, begun: number): void => {
    const seconds = (Date.now() - begun) / 1000;
    if (made) {
      const { folder, bytes } = made;
      emit({ type: "backed-up", id: source.id, folder, bytes, seconds, removed });
    }
    for (const problem of problems) emit({ type: "store-problem", ...problem });
  };
  const make = async (reserve: number): Promise<void> => {
    const begun = Date.now();
    try {
      told(await backup(site, { daily: true, keep, series, reserve }), begun);
      notBefore = begun + leastInterval;
    } catch (error) {
      notBefore = Date.now() + retrySeconds * 1000;
      const ours = isGuardapesosError(error) ? { code: error.code, data: error.data } : { code: undefined };
      emit({
        type: "backup-failed",
        ...ours,
        message: reasonOf(error),
        retrySeconds,
      } as RunEventOf<"backup-failed">);
    }
  };
  return {
    consider(bytes) {
      if (keep === 0 || making || Date.now() < notBefore) return;
      making = make(reserved * bytes).finally(() => (making = undefined));
    },
    close: async () => making,
  };
}
