/** What is saved is the state at the moment of the wish to save, whatever training does meanwhile; and it is all of it. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../harness/folder.js";
import { stateAt, type State } from "../harness/state.js";
import { trainHere } from "../harness/training.js";

describe("a save", { timeout: 300_000 }, () => {
  it("is the state after its batch, and going on from it is going on without it", async () => {
    const folder = await testFolder();
    const kept: number[] = [];
    const copyOf = (batches: number): string => join(folder, "kept", String(batches));
    const everyBatch = await trainHere(folder, {
      overrides: { autosave: 1 },
      // Before anything newer is saved, so that retention cannot have removed it.
      onEvent(event) {
        if (event.type !== "saved") return;
        cpSync(event.folder, copyOf(event.position.batches), { recursive: true });
        kept.push(event.position.batches);
      },
    });
    expect(everyBatch.ended.how).toBe("finished");
    expect(kept).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const saved = new Map<number, State>();
    for (const batches of kept) saved.set(batches, await stateAt(everyBatch.weights, copyOf(batches)));
    expect(new Set([...saved.values()].map((state) => JSON.stringify(state))).size).toBe(kept.length);

    // One training in pieces: the first batch, the end of an epoch, of the resolution, the first batch of the next
    // one's fade-in, the end of an epoch with the fade-in done.
    const pieces = await testFolder();
    for (const maxBatches of [1, 3, 6, 7, 9]) {
      const { ended, weights } = await trainHere(pieces, { maxBatches });
      expect(ended.position?.batches).toBe(maxBatches);
      expect(await stateAt(weights), `after ${maxBatches} batches`).toEqual(saved.get(maxBatches));
    }

    const withoutSaves = await trainHere(pieces);
    expect(withoutSaves.ended.how).toBe("finished");
    expect(await stateAt(withoutSaves.weights)).toEqual(saved.get(12));
  });
});
