/** A checkpoint of the pair at its full size (582 MB at 512 channels), in which every layer has its Adam state. */
import { join } from "node:path";
import { startTorch, train } from "./processes.mjs";

/**
 * Settings of a training of that pair at 16x16 that goes on from the checkpoint in FOLDER.
 * @param {string} folder
 * @param {number} channels
 * @param {number} batchSize
 */
export const fullSettings = (folder, channels, batchSize) => ({
  preset: "full",
  channels,
  latent: channels,
  start: 16,
  end: 16,
  accumulate: 1,
  "batch-sizes": batchSize,
  phantoms: 4 * batchSize,
  epochs: 100000,
  device: "cpu",
  sensor: "none",
  backups: 0,
  weights: join(folder, "weights"),
  samples: join(folder, "samples"),
});

/**
 * Makes it: a pair of PyTorch's that a batch of training turns into a checkpoint of ours. Without PyTorch, layers that 16x16
 * does not reach have no Adam state, and it is smaller (526 MB at most).
 * @param {string} folder
 * @param {ReturnType<typeof fullSettings>} settings
 * @returns {Promise<readonly string[]>} the paths of its files
 */
export async function makeFullPair(folder, settings) {
  const torch = await startTorch(settings.channels);
  await torch?.run("make", folder);
  torch?.stop();
  const from = torch === undefined ? {} : { resume: join(folder, "generator.pth") };
  /** @type {readonly string[]} */
  let files = [];
  await train({ ...settings, ...from, "max-batches": 2 }, (event) => {
    if (event.type === "ended") files = event.files.map(({ path }) => path);
  });
  return files;
}
