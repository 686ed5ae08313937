/** A training that begins in a folder with a pair of files, but without checkpoints, goes on from the pair. */
import { copyFile, mkdir, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { writeImages } from "../../test/harness/images.js";
import { writePlainPair } from "../../test/harness/plain.js";
import { filesIn, generationsIn, stateAt } from "../../test/harness/state.js";
import { trainHere, type Trained } from "../../test/harness/training.js";
import { loadCheckpoint } from "../checkpoint/index.js";

const resumedFrom = ({ events }: Trained) => events.find((event) => event.type === "resumed");

/** The names of the pair in the weights folder, copied into another folder's. */
async function pairAlone(weights: string, prefix: string): Promise<string> {
  const folder = await testFolder();
  await mkdir(join(folder, "weights"));
  for (const name of (await readdir(weights)).filter((one) => one.startsWith(prefix) && one.endsWith(".pth")))
    await copyFile(join(weights, name), join(folder, "weights", name));
  return folder;
}

describe("a training in a folder with a pair of files alone", { timeout: 120_000 }, () => {
  it("goes on exactly from ours: the familiar names, the EMERGENCY ones, and without checkpoints/", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, {
      onEvent: (event, stop) => {
        if (event.type === "stepped" && event.batches === 2) stop.request("SIGINT");
      },
    });
    const emergency = await pairAlone(weights, "EMERGENCY_");
    const familiar = await testFolder();
    await mkdir(join(familiar, "weights"));
    for (const network of ["generator", "critic"]) {
      const name = `${network}_DRUSEN_local.pth`;
      await copyFile(join(weights, name), join(familiar, "weights", name));
    }
    await trainHere(folder, { bare: true, maxBatches: 4 });
    const expected = await stateAt(weights);
    for (const alone of [emergency, familiar]) {
      const next = await trainHere(alone, { bare: true, maxBatches: 4 });
      expect(resumedFrom(next)).toMatchObject({ position: { batches: 2 } });
      expect((resumedFrom(next) as { id: string }).id).toContain("generator");
      expect(await stateAt(next.weights)).toEqual(expected);
    }

    await rm(join(weights, "checkpoints"), { recursive: true });
    const after = await trainHere(folder, { bare: true, maxBatches: 5 });
    expect(resumedFrom(after)).toMatchObject({ position: { batches: 4 } });
    // Not twice: from then on there are checkpoints.
    const last = await trainHere(folder, { bare: true, maxBatches: 6 });
    expect(resumedFrom(last)).toMatchObject({ position: { batches: 5 } });
  });

  it("goes on from a script's, asks on which images, and loses neither file", async () => {
    const { weights: made } = await trainHere(await testFolder(), { maxBatches: 8 });
    const [newest] = await generationsIn(made);
    const checkpoint = await loadCheckpoint(newest!);
    const nameOf = (network: string): string => `${network}_DRUSEN_local.pth`;
    for (const asked of [{ overrides: { phantoms: 12, epochs: Array.from({ length: 9 }, () => 9) } }, {}]) {
      const folder = await testFolder();
      const weights = join(folder, "weights");
      await mkdir(weights);
      await writePlainPair(weights, checkpoint, true, {}, nameOf);
      const before = await filesIn(weights);
      const needed = { code: "DATA_NEEDED", data: { mayDraw: true } };
      await expect(trainHere(folder, { bare: true, preset: "demo" })).rejects.toMatchObject(needed);
      expect(await filesIn(weights)).toEqual(before);
      const data = join(folder, "scans", "DRUSEN");
      await writeImages(data, 12);
      const where = asked.overrides ? {} : { data };
      const next = await trainHere(folder, { bare: true, preset: "demo", ...asked, ...where, maxBatches: 9 });
      expect(resumedFrom(next)).toMatchObject({ kind: "imported", position: { step: 8, resolution: 8 } });
      const after = Object.values(await filesIn(weights));
      for (const hash of Object.values(before)) expect(after).toContain(hash);
    }
  });

  it("begins anew beside it only when asked to, and not where the pair is damaged or could be another's", async () => {
    const { weights: made } = await trainHere(await testFolder(), { maxBatches: 2 });
    const folder = await pairAlone(made, "");
    const fresh = await trainHere(folder, { maxBatches: 1, fresh: true });
    expect(resumedFrom(fresh)).toBeUndefined();

    const damaged = await pairAlone(made, "");
    await truncate(join(damaged, "weights", "generator_DRUSEN_local.pth"), 5000);
    const before = await filesIn(damaged);
    await expect(trainHere(damaged)).rejects.toMatchObject({ code: "TORCH_FILE_INVALID" });

    const data = join(damaged, "CNV");
    await writeImages(data, 3);
    const others = await pairAlone(made, "");
    await expect(trainHere(others, { data })).rejects.toMatchObject({ code: "LOOSE_PAIR_AMBIGUOUS" });
    expect(await filesIn(join(damaged, "weights"))).toEqual(
      Object.fromEntries(
        Object.entries(before).map(([name, hash]) => [name.replace(/^weights[\\/]/, ""), hash]),
      ),
    );
  });
});
