/** Interrupted and resumed in real processes, a training ends byte for byte where an uninterrupted one ends. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batchesDone, call, endOf, eventsOf, start, tiny, train, type Settings } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { writeImages } from "../harness/images.js";
import { stateAt } from "../harness/state.js";

/**
 * Trains in as many processes as it takes, all with the same command: the first ones are sent a signal once so many
 * batches are done, the last one runs to the end.
 */
async function trainInPieces(
  folder: string,
  settings: Settings,
  signal: NodeJS.Signals,
  batches: readonly number[],
): Promise<void> {
  for (const count of batches) {
    const running = start(folder, train(settings));
    await running.when(batchesDone(count));
    running.signal(signal);
    const ended = await running.ended;
    if (signal === "SIGKILL") expect(ended.killedBy).toBe("SIGKILL");
    else expect(endOf(ended)).toMatchObject({ how: "stopped", batchesLost: 0 });
  }
  const last = await call(folder, train(settings));
  expect(last.code).toBe(0);
  expect(endOf(last)).toMatchObject({ how: "finished", batchesLost: 0 });
  expect(eventsOf(last, "resumed")).toHaveLength(1);
}

/** Trains in one process to the end. @returns the weights folder */
async function trainAtOnce(settings: Settings): Promise<string> {
  const folder = await testFolder();
  const ended = await call(folder, train(settings));
  expect(endOf(ended)).toMatchObject({ how: "finished" });
  return join(folder, "weights");
}

/** 20 batches at 4x4 and 20 at 8x8, 10 to an epoch; the first half of each resolution is its fade-in. */
const plan: Settings = { ...tiny, phantoms: 80, epochs: 2, autosave: 6 };

describe("a training in pieces", { timeout: 300_000 }, () => {
  it("ends as one at once: across a change of resolution, a fade-in and the end of an epoch, by Ctrl+C and by kill -9", async () => {
    const whole = await stateAt(await trainAtOnce(plan));

    const interrupted = await testFolder();
    await trainInPieces(interrupted, plan, "SIGINT", [18, 23]);
    expect(await stateAt(join(interrupted, "weights"))).toEqual(whole);

    const killed = await testFolder();
    await trainInPieces(killed, plan, "SIGKILL", [12 + Math.floor(Math.random() * 16)]);
    expect(await stateAt(join(killed, "weights"))).toEqual(whole);
  });

  it("ends as one at once with accumulated batches, image files, mirrored images and two threads", async () => {
    const images = join(await testFolder(), "scans");
    await writeImages(images, 40);
    const settings: Settings = {
      ...tiny,
      data: images,
      epochs: 2,
      "batch-sizes": "3",
      accumulate: 2,
      autosave: 10,
      threads: 2,
    };
    const whole = await stateAt(await trainAtOnce(settings));
    const folder = await testFolder();
    await trainInPieces(folder, settings, "SIGINT", [22]);
    expect(await stateAt(join(folder, "weights"))).toEqual(whole);
  });
});
