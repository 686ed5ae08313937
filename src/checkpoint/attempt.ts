/** Doing what must not fail a checkpoint that is already safe. */
import { reasonOf } from "../base/errors.js";
import type { StoreProblem } from "./checkpoint.js";
import { isDiskFault } from "./disk.js";

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
    problems.push({ what, name, detail: reasonOf(error) });
    return undefined;
  }
}
