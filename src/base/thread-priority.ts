/** Which threads of this process come first. */
import { readdirSync, readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";

/**
 * Lets every thread of this process that is computing at this moment come after all others: for work that nobody waits for
 * any more and that cannot be ended. Where threads have no priorities of their own (not Linux) nothing happens.
 */
export function deferBusyThreads(): void {
  if (process.platform !== "linux") return;
  try {
    for (const thread of readdirSync("/proc/self/task").map(Number)) {
      // "R" behind the name: it runs, or would if a processor were free. The main thread, which asks, has the process's number.
      const state = readFileSync(`/proc/self/task/${thread}/stat`, "utf8").split(") ").at(-1)![0];
      if (state === "R" && thread !== process.pid) setPriority(thread, constants.priority.PRIORITY_LOW);
    }
  } catch {
    // A thread that has ended, or a system that hides them: it takes a little longer.
  }
}
