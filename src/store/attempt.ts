/** Doing what must not fail a checkpoint that is already safe. */
import { reasonOf } from "../base/errors.js";
import { codeOf, isDiskFault } from "./disk.js";

/**
 * What did not work beside a generation and does not touch it: it is tried again by the next save or start. The texts say it
 * in words; `detail` are the system's own.
 */
export interface StoreProblem {
  readonly what: "emergency-names" | "familiar-names" | "mark" | "journal" | "removal";
  /** The generation, backup or leftover that it is about. */
  readonly name: string;
  readonly detail: string;
  /** The system's code, such as ENOSPC. */
  readonly errno?: string | undefined;
}

/** What did not work, for the reason that the disk has given. */
export const problemOf = (what: StoreProblem["what"], name: string, error: unknown): StoreProblem => ({
  what,
  name,
  detail: reasonOf(error),
  errno: codeOf(error),
});

/** Only faults of the disk are forgiven. @returns undefined when there was one, which is among `problems` then */
export async function attempt<T>(
  problems: StoreProblem[],
  what: StoreProblem["what"],
  name: string,
  action: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!isDiskFault(error)) throw error;
    problems.push(problemOf(what, name, error));
    return undefined;
  }
}
