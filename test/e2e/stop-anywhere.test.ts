/** One training, stopped at every kind of thing that a run tells, ends as if nobody had ever touched it. */
import { expect, it } from "vitest";
import { resolutions } from "../../src/progan/config.js";
import type { RunEvent } from "../../src/events/event.js";
import { testFolder } from "../harness/folder.js";
import { stateAt } from "../harness/state.js";
import { trainHere } from "../harness/training.js";

type At = RunEvent["type"] | ((event: RunEvent) => boolean);

/** In the order of one training: each session goes on where the one before was stopped. */
const moments: readonly (readonly [what: string, at: At])[] = [
  ["it has begun", "run-started"],
  ["images load", (event) => event.type === "images-loading" && event.done > 0],
  ["graphs are made", "stage-preparing"],
  ["the first batch is due", "stage-started"],
  ["a batch is done", "stepped"],
  ["an epoch is done", "epoch-finished"],
  ["its picture is drawn", "preview-written"],
  ["a save begins", "save-started"],
  ["a resolution is done", "stage-finished"],
  ["the next one's images load", (event) => event.type === "images-loading" && event.resolution === 8],
  ["its fade-in begins", (event) => event.type === "stepped" && event.resolution === 8],
  ["a save is done", "saved"],
];

it("goes on exactly, wherever it was stopped", async () => {
  // 12 batches at each of 4x4 and 8x8, 3 to an epoch.
  const overrides = { epochs: resolutions.map(() => 4) };
  const whole = await trainHere(await testFolder(), { overrides });

  const folder = await testFolder();
  let batches = 0;
  for (const [what, at] of moments) {
    const isIt = typeof at === "string" ? (event: RunEvent) => event.type === at : at;
    let asked = false;
    const { ended } = await trainHere(folder, {
      overrides,
      onEvent(event, stop) {
        if (asked || !isIt(event)) return;
        asked = true;
        stop.request("SIGINT");
      },
    });
    expect(ended, `stopped when ${what}`).toMatchObject({ how: "stopped", batchesLost: 0 });
    expect(ended.position!.batches, `stopped when ${what}`).toBeGreaterThanOrEqual(batches);
    batches = ended.position!.batches;
    if (batches > 0) expect((await stateAt(`${folder}/weights`))["step"]).toBe(batches);
  }
  expect(batches).toBeGreaterThan(12);
  expect(batches).toBeLessThan(24);

  const { ended, weights } = await trainHere(folder, { overrides });
  expect(ended.how).toBe("finished");
  expect(await stateAt(weights)).toEqual(await stateAt(whole.weights));
}, 300_000);
