/** The engine's thread hangs, dies or runs out of memory in the middle of a step: what was finished is saved. */
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RunEvent } from "../../src/events/event.js";
import { testFolder } from "../harness/folder.js";
import { generationsIn, stateAt, type State } from "../harness/state.js";
import { trainHere } from "../harness/training.js";

vi.mock("../../src/base/worker-entry.js", async (original) => {
  const real = await original<typeof import("../../src/base/worker-entry.js")>();
  const workerEntry = (caller: string, file: string): URL =>
    process.env["PLANTED_FAULT"] !== undefined && file.endsWith("engine-worker.js")
      ? new URL("../harness/faulty-engine.mjs", import.meta.url)
      : real.workerEntry(caller, file);
  return { workerEntry };
});
vi.mock("../../src/training/watchdog.js", async (original) => {
  const real = await original<typeof import("../../src/training/watchdog.js")>();
  return { ...real, patienceWith: () => ({ announceAfter: 0.5, giveUpAfter: 3 }) };
});

afterEach(() => vi.unstubAllEnvs());

const endedIn = (events: readonly RunEvent[]) => events.find((event) => event.type === "ended")!;

/** Trains until the fault. @returns what was told */
async function trainInto(kind: string, at: number, folder: string): Promise<readonly RunEvent[]> {
  vi.stubEnv("PLANTED_FAULT", `${kind} ${at}`);
  // In shared memory a copy of such a small state is free: there is one before every step.
  vi.stubEnv("GUARDAPESOS_MIRROR", "off");
  const told: RunEvent[] = [];
  const code = { hang: "ENGINE_HUNG", memory: "ENGINE_MEMORY" }[kind] ?? "ENGINE_DIED";
  const running = trainHere(folder, { onEvent: (event) => told.push(event) });
  await expect(running).rejects.toMatchObject({ code });
  vi.unstubAllEnvs();
  expect(endedIn(told)).toMatchObject({ how: "failed", code });
  return told;
}

let undisturbed: Promise<State> | undefined;

describe("a fault of the engine", { timeout: 120_000 }, () => {
  it.each(["die", "exit", "hang", "memory"])(
    "(%s) ends with what was finished saved, for the reason, and going on is exact",
    async (kind) => {
      const folder = await testFolder();
      const told = await trainInto(kind, 8, folder);
      const ended = endedIn(told);
      const [newest] = await generationsIn(join(folder, "weights"));
      expect(newest).toMatchObject({ kind: "emergency", reason: ended.code });
      // A step's state is copied out of the thread as often as costs next to nothing; what it threw itself costs nothing.
      expect(ended.batchesLost).toBe(ended.position!.batches - newest!.step);
      if (kind === "memory") expect(ended.batchesLost).toBe(0);
      if (kind === "hang") expect(told.map(({ type }) => type)).toContain("engine-slow");
      expect(ended.files).toHaveLength(2);

      const { weights } = await trainHere(folder);
      undisturbed ??= stateAt((await trainHere(await testFolder())).weights);
      expect(await stateAt(weights)).toEqual(await undisturbed);
    },
  );

  it("before its first step is over loses nothing, and saves nothing", async () => {
    const folder = await testFolder();
    const ended = endedIn(await trainInto("die", 1, folder));
    expect(ended).toMatchObject({ batchesLost: 0, files: [] });
    expect(await generationsIn(join(folder, "weights"))).toEqual([]);
  });
});

describe("an error that nobody caught", { timeout: 120_000 }, () => {
  it("ends training like a stop, and then as the fault that it is", async () => {
    const folder = await testFolder();
    const told: RunEvent[] = [];
    const running = trainHere(folder, {
      onEvent(event, stop) {
        told.push(event);
        if (event.type === "stepped" && event.batches === 3) stop.fail(new TypeError("planted"));
      },
    });
    await expect(running).rejects.toThrow("planted");
    expect(endedIn(told)).toMatchObject({ how: "failed", signal: "bug", code: undefined, batchesLost: 0 });
    const [newest] = await generationsIn(join(folder, "weights"));
    expect(newest).toMatchObject({ kind: "emergency", reason: "bug", step: 3 });
  });
});
