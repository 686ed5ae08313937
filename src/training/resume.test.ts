/** What training begins with: wishes, what was saved, and what plain files leave open. */
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { writePlainPair } from "../../test/harness/plain.js";
import { generationsIn, stateOf } from "../../test/harness/state.js";
import { tinyPlan, trainHere } from "../../test/harness/training.js";
import { loadCheckpoint } from "../checkpoint/index.js";
import { toTorch } from "../checkpoint/network-file.js";
import { parseManifest, renderManifest } from "../store/manifest.js";
import { presets, resolutions } from "../progan/config.js";
import { float32Tensor, pythonFloat, writeTorchFile } from "../torch/index.js";
import { begin } from "./resume.js";
import { toNetworks } from "./train-state.js";
import { warning } from "../events/warning.js";

const series = { label: "DRUSEN", name: "local" };
const wish = (weights: string, wishes: Partial<Parameters<typeof begin>[0]> = {}) =>
  begin(
    { preset: undefined, overrides: {}, weights, fresh: false, resume: undefined, ...wishes },
    series,
    () => Promise.resolve(true),
  );

describe("a training begins", { timeout: 120_000 }, () => {
  it("fresh where there is nothing: with the preset, the explicit wishes over it", async () => {
    const { config, preset, place, from } = await wish(await testFolder(), {
      preset: "conservative",
      overrides: { latent: 4, channels: 8, start: 8 },
    });
    expect(config).toEqual({ ...presets.conservative, latent: 4, channels: 8, start: 8 });
    expect(preset).toBe("conservative");
    expect(place).toMatchObject({ step: 0, resolution: 8, image: 0 });
    expect(from).toBeUndefined();
  });

  it("where it was: as it was set up, the explicit wishes over that", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2, overrides: { autosave: 7 } });
    const [newest] = await generationsIn(weights);
    const saved = { ...presets.demo, ...tinyPlan, autosave: 7 };

    const plain = await wish(weights);
    expect(plain.config).toEqual(saved);
    expect(plain.preset).toBe("demo");
    expect(plain.place).toMatchObject({ batches: 2, resolution: 4, image: 16 });
    expect(plain.from).toMatchObject({
      id: newest!.id,
      generation: newest!.id,
      hasOptimizer: true,
      skipped: [],
    });
    expect(plain.from!.files.map(({ bytes }) => bytes)).toEqual(newest!.files.map(({ bytes }) => bytes));

    // Naming the preset that it has already is what the same command does.
    expect((await wish(weights, { preset: "demo" })).config).toEqual(saved);
    const epochs = resolutions.map(() => 9);
    expect((await wish(weights, { overrides: { epochs, seed: 3 } })).config).toEqual({
      ...saved,
      epochs,
      seed: 3,
    });
    await expect(wish(weights, { preset: "rtx3070" })).rejects.toMatchObject({
      code: "CHECKPOINT_ARCHITECTURE",
    });
    await expect(wish(weights, { overrides: { latent: 9 } })).rejects.toMatchObject({
      data: { differences: ["latent: 8 ≠ 9"] },
    });
    expect((await wish(weights, { fresh: true })).from).toBeUndefined();
    expect((await wish(weights, { preset: "demo" })).state.counters).toEqual(plain.state.counters);
  });

  it("where it was, whatever --start asks for, and says which wish it does not follow", async () => {
    const { weights } = await trainHere(await testFolder(), { maxBatches: 2 });
    const begun = await wish(weights, { overrides: { start: 8, end: 16 } });
    expect(begun.config).toMatchObject({ start: 4, end: 16 });
    expect(begun.place.resolution).toBe(4);
    expect(begun.from!.startIgnored).toBe(8);
    // The same command again asks for nothing new.
    expect((await wish(weights, { overrides: { start: 4 } })).from!.startIgnored).toBeUndefined();
    expect((await wish(weights)).from!.startIgnored).toBeUndefined();
  });

  it("with other batches, counts those that are done in them", async () => {
    const { weights } = await trainHere(await testFolder(), { maxBatches: 2 }); // 16 of 24 images
    const batchSizes = resolutions.map(() => 4);
    expect((await wish(weights, { overrides: { batchSizes } })).place).toMatchObject({ batch: 4, image: 16 });
    expect((await wish(weights)).place).toMatchObject({ batch: 2, image: 16 });
  });

  it("not from progress that it cannot understand, nor as if there were none", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [newest] = await generationsIn(weights);
    const pair = join(folder, "pair");
    await mkdir(pair);
    for (const { network } of newest!.files) {
      const name = `${network}_DRUSEN_local.pth`;
      await copyFile(join(weights, name), join(pair, name));
    }
    const path = join(newest!.folder, "manifest.json");
    const manifest = parseManifest(newest!.id, await readFile(path, "utf8"));
    for (const progress of [
      { ...manifest.metadata, config: { ...(manifest.metadata["config"] as object), learningRate: null } },
      { ...manifest.metadata, threads: 1e6 },
      {},
    ]) {
      await rm(path);
      await writeFile(path, renderManifest({ ...manifest, metadata: progress }));
      const refused = { code: "PROGRESS_UNREADABLE", data: { id: newest!.id } };
      await expect(wish(weights)).rejects.toMatchObject(refused);
      await expect(wish(weights, { resume: newest!.id })).rejects.toMatchObject(refused);
    }
    expect((await wish(pair, { resume: "latest" })).place.batches).toBe(2);
  });

  it("not from a file of ours that no longer says what it belongs to", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [newest] = await generationsIn(weights);
    const { networks } = await loadCheckpoint(newest!);
    for (const [network, state] of networks) {
      const plain = toTorch(state, { step: 1e300 } as never);
      await writeTorchFile(join(folder, `${network}_strange.pth`), plain);
    }
    await expect(
      wish(join(folder, "none"), { resume: join(folder, "generator_strange.pth") }),
    ).rejects.toMatchObject({ code: "PROGRESS_UNREADABLE" });
  });

  it("from a plain pair at the resolution that its Adam has seen last, and anew where that is wished", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 8 });
    const [newest] = await generationsIn(weights);
    const checkpoint = await loadCheckpoint(newest!);
    const resume = await writePlainPair(folder, checkpoint, true);
    const none = join(folder, "none");

    const begun = await wish(none, { preset: "demo", resume });
    expect(begun.config).toEqual({ ...presets.demo, latent: 8, channels: 8, imageChannels: 1 });
    expect(begun.place).toEqual({
      step: 8,
      batches: 8,
      resolution: 8,
      epoch: 0,
      batch: 0,
      image: 0,
      alpha: 1,
    });
    expect(begun.from).toMatchObject({ kind: "imported", hasOptimizer: true, saved: undefined });
    expect(begun.from!.generation).toBeUndefined();
    const networks = toNetworks(begun.state, begun.config, 1e-3);
    expect(stateOf({ ...checkpoint, networks })).toEqual(stateOf(checkpoint));

    const wished = await wish(none, { preset: "demo", resume, overrides: { start: 16, accumulate: 2 } });
    expect(wished.place).toMatchObject({ step: 8, batches: 16, resolution: 16 });
    expect(wished.place.alpha).toBeLessThan(0.001);
    // A plan that ends before: it is trained from its start.
    expect((await wish(none, { preset: "demo", resume, overrides: { end: 4 } })).place.resolution).toBe(4);
    await expect(wish(none, { resume, overrides: { channels: 16 } })).rejects.toMatchObject({
      data: { differences: ["channels: 8 ≠ 16"] },
    });
  });

  it("from a plain pair with its optimizer's options, or says what is other here; whatever it is, at its place", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 8 });
    const [newest] = await generationsIn(weights);
    const checkpoint = await loadCheckpoint(newest!);
    const none = join(folder, "none");
    // As PyTorch 2 recommends with torch.compile.
    const lr = float32Tensor([], Float32Array.of(2e-3));
    const resume = await writePlainPair(folder, checkpoint, true, { lr, weight_decay: pythonFloat(0.01) });
    const begun = await wish(none, { preset: "demo", resume });
    expect(begun.config.learningRate).toBe(2e-3);
    expect(begun.place).toMatchObject({ step: 8, resolution: 8 });
    expect(begun.state.counters.size).toBeGreaterThan(0);
    expect(begun.from!.remarks).toEqual([
      {
        code: "OPTIMIZER_OPTIONS_DIFFER",
        data: { options: [{ network: undefined, name: "weight_decay", there: 0.01, here: 0 }] },
      },
      { code: "LEARNING_RATE_TAKEN", data: { learningRate: 0.002 } },
    ]);
    expect(
      (await wish(none, { preset: "demo", resume, overrides: { learningRate: 0.5 } })).config.learningRate,
    ).toBe(0.5);

    const sgd = await writePlainPair(await testFolder(), checkpoint, "SGD", { momentum: pythonFloat(0.9) });
    const other = await wish(none, { preset: "demo", resume: sgd });
    expect(other.place).toMatchObject({ step: 0, resolution: 8, alpha: 1 });
    expect(other.config.learningRate).toBe(presets.demo.learningRate);
    expect(other.state.counters.size).toBe(0);
    expect(other.from!.remarks).toEqual([
      {
        code: "OPTIMIZER_NOT_ADAM",
        data: {
          optimizers: [
            { network: "generator", kind: "SGD" },
            { network: "critic", kind: "SGD" },
          ],
        },
      },
    ]);
  });

  it("from weights alone without Adam's memory, and knows that", async () => {
    const folder = await testFolder();
    const { weights } = await trainHere(folder, { maxBatches: 2 });
    const [newest] = await generationsIn(weights);
    const resume = await writePlainPair(folder, await loadCheckpoint(newest!), false);
    const begun = await wish(join(folder, "none"), { preset: "demo", resume });
    expect(begun.from).toMatchObject({ hasOptimizer: false });
    expect(begun.state.counters.size).toBe(0);
    expect(begun.place).toMatchObject({ step: 0, resolution: 4 });

    const { events } = await trainHere(join(folder, "next"), { resume, maxBatches: 1 });
    expect(events).toContainEqual(expect.objectContaining({ type: "warning", code: "NO_OPTIMIZER_STATE" }));
    expect(events).toContainEqual(warning("RESOLUTION_UNKNOWN", { start: 4 }));
  });
});
