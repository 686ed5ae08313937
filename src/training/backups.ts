/**
 * The backup of the day, made by itself beside training: a copy of the first checkpoint that is saved on a day that has none,
 * and every six hours a newer one in its place. One that fails is told and tried again an hour later; it never stops training.
 */
import { failureOf } from "../base/errors.js";
import type { Generation, Writer } from "../checkpoint/index.js";
import { leastInterval } from "../store/index.js";
import type { Emit } from "../events/event.js";

export interface Backups {
  /** A generation has been saved. Returns at once. */
  consider(saved: Generation): void;
  /** Nothing is begun or told any more. */
  close(): void;
}

const retrySeconds = 3600;
/** Saves for which a backup leaves room. */
const reservedSaves = 3;

/**
 * @param keep how many stay; 0: no backups
 * @param now milliseconds since 1970
 */
export function createBackups(
  writer: Pick<Writer, "backup">,
  emit: Emit,
  keep: number,
  now: () => number = Date.now,
): Backups {
  let running = false;
  let closed = keep === 0;
  /** When today's was made; of another day, one is due. */
  let doneAt = -Infinity;
  let notBefore = 0;

  async function make(reserve: number): Promise<void> {
    const startedAt = now();
    try {
      const { backup, existing, source, removed, problems } = await writer.backup({ keep, reserve });
      doneAt = existing?.verifiedAt === undefined ? startedAt : Date.parse(existing.verifiedAt);
      if (closed) return;
      if (backup !== undefined) {
        const { folder, bytes } = backup;
        const seconds = (now() - startedAt) / 1000;
        emit({ type: "backed-up", id: source.id, folder, bytes, seconds, removed });
      }
      for (const problem of problems) emit({ type: "store-problem", ...problem });
    } catch (error) {
      if (closed) return;
      notBefore = now() + retrySeconds * 1000;
      emit({ type: "backup-failed", ...failureOf(error), retrySeconds });
    }
  }

  return {
    consider({ bytes, nonFinite }) {
      const isToday = new Date(doneAt).toDateString() === new Date(now()).toDateString();
      const age = now() - doneAt;
      const isRecent = isToday && age >= 0 && age < leastInterval;
      if (closed || running || nonFinite > 0 || isRecent || now() < notBefore) return;
      running = true;
      void make(reservedSaves * bytes).finally(() => {
        running = false;
      });
    },
    close() {
      closed = true;
    },
  };
}
