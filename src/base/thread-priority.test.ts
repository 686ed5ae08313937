import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { deferBusyThreads } from "./thread-priority.js";

/** Niceness of each thread of this process; field 19 of its stat, 17 behind the name. */
const niceness = (): Map<number, number> =>
  new Map(
    readdirSync("/proc/self/task").map((thread) => {
      const fields = readFileSync(`/proc/self/task/${thread}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      return [Number(thread), Number(fields[16])];
    }),
  );

it.skipIf(process.platform !== "linux")("puts a thread that computes last, and no other", async () => {
  const before = niceness();
  const busy = new Worker("require('worker_threads').parentPort.postMessage(0); for (;;);", { eval: true });
  try {
    await new Promise((resolve) => busy.once("message", resolve));
    deferBusyThreads();
    const after = niceness();
    expect([...after].filter(([thread, nice]) => !before.has(thread) && nice > 0)).toHaveLength(1);
    expect(after.get(process.pid)).toBe(before.get(process.pid));
  } finally {
    await busy.terminate();
  }
});
