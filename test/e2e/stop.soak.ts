/**
 * Trainings that are stopped again and again, at any moment, in any way, with any impatience: nothing finished is lost,
 * nothing is torn, and what comes out in the end is what would have come out undisturbed. GUARDAPESOS_STOPS: how many.
 */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { listGenerations, verifyGeneration } from "../../src/checkpoint/index.js";
import { uniform } from "../../src/base/random.js";
import { call, endOf, start, tiny, train, type Ended, type Running, type Settings } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { stateAt } from "../harness/state.js";

const stops = Number(process.env["GUARDAPESOS_STOPS"] ?? 500);
const seed = Number(process.env["GUARDAPESOS_SEED"] ?? Date.now() % 1_000_000);

const signals = ["SIGINT", "SIGTERM", "SIGKILL"] as const;

/** Some seconds of training, with and without gradients of several batches. */
const plans: readonly Settings[] = [
  { ...tiny, epochs: 15, autosave: 20, "stop-with-parent": true },
  { ...tiny, epochs: 8, autosave: 15, accumulate: 2, channels: 32, "stop-with-parent": true },
];

/** Stops it once, and may not leave it at that. @param chance numbers from 0 to 1 */
async function stop(running: Running, folder: string, chance: readonly number[]): Promise<string> {
  const [moment, way, presses, pause] = chance as [number, number, number, number];
  await Promise.race([wait(4000 * moment), running.ended]);
  const one = Math.floor(way * (signals.length + 2));
  const signal = signals[one];
  if (signal === undefined && one === signals.length) {
    running.closeInput();
    return "input";
  }
  if (signal === undefined) {
    await call(folder, ["stop"]);
    return "stop";
  }
  running.signal(signal);
  for (let press = Math.floor(presses * 6); press > 0; press--) {
    await Promise.race([wait(20 + 400 * pause), running.ended]);
    running.signal(signal === "SIGKILL" ? "SIGKILL" : "SIGINT");
  }
  return signal;
}

/** What must hold whenever a process has ended. @returns the step of the newest checkpoint */
async function examine(weights: string, ended: Ended, how: string): Promise<number> {
  const { whole, damaged } = await listGenerations(weights).catch(() => ({ whole: [], damaged: [] }));
  expect(damaged).toEqual([]);
  const [newest] = whole;
  if (newest) expect((await verifyGeneration(newest, { deep: true })).damages).toEqual([]);
  if (how === "SIGKILL" && ended.code === undefined) return newest?.step ?? 0;
  expect(ended.stderr).toBe("");
  // A signal before the program listens ends it as it would any other.
  if (ended.lines.length === 0) return newest?.step ?? 0;
  const end = endOf(ended);
  expect(["stopped", "finished"]).toContain(end.how);
  expect(end.batchesLost).toBe(0);
  expect(newest?.step ?? 0).toBe(end.position!.step);
  return newest?.step ?? 0;
}

it(`${stops} stops lose nothing, tear nothing, and end where an undisturbed training does (seed ${seed})`, async () => {
  const undisturbed = new Map<Settings, unknown>();
  let finished = 0;
  let done = 0;
  for (let training = 0; done < stops; training++) {
    const plan = plans[training % plans.length]!;
    if (!undisturbed.has(plan)) {
      const folder = await testFolder();
      const { code } = await call(folder, train({ ...plan, threads: 1 }));
      expect(code).toBe(0);
      undisturbed.set(plan, await stateAt(join(folder, "weights")));
    }
    const folder = await testFolder();
    const weights = join(folder, "weights");
    let step = 0;
    for (let over = false; !over && done < stops; done++) {
      const running = start(folder, train(plan), { withInput: true });
      const how = await stop(running, folder, [...uniform(seed, "order", done, 4)]);
      const ended = await running.ended;
      const now = await examine(weights, ended, how).catch((error: unknown) => {
        throw new Error(`stop ${done} (${how}): ${String(error)}\n${JSON.stringify(ended.lines.slice(-5))}`);
      });
      expect(now).toBeGreaterThanOrEqual(step);
      step = now;
      over = ended.lines.some((line) => line.type === "ended" && line.how === "finished");
    }
    if (done < stops) {
      expect(await stateAt(weights)).toEqual(undisturbed.get(plan));
      finished++;
    }
  }
  console.log(`${done} stops; ${finished} trainings finished, each exact`);
});
