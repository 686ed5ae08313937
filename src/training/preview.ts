/** The pictures that show a person how far the generator is: a grid from latent vectors that never change. */
import { join } from "node:path";
import { truncatedNormal } from "../base/random.js";
import type { Resolution, TrainingConfig } from "../progan/config.js";
import type { ImageSet } from "../progan/image-source.js";
import { writeGrid } from "../progan/picture.js";
import { batchSizeAt, type Place } from "../progan/schedule.js";
import type { Engine } from "./engine.js";

const images = 16;
/** Standard deviations beyond which latent numbers are drawn again. */
export const defaultTruncation = 0.7;
/** Fewest pixels of an image in the grid. */
const tile = 64;

/** Images of a preview that are drawn together: no more than training has in a batch, so that they fit where it does. */
export function previewBatch(config: TrainingConfig, resolution: Resolution): number {
  const most = Math.min(images, batchSizeAt(config, resolution));
  // A power of two, so that one graph draws all of them.
  return 2 ** Math.floor(Math.log2(most));
}

/**
 * Draws the preview of a place (the end of an epoch).
 * @returns its path
 * @throws OUTPUT_NOT_WRITABLE, ENGINE_*
 */
export async function writePreview(
  engine: Pick<Engine, "images">,
  config: TrainingConfig,
  { resolution, epoch, alpha }: Pick<Place, "resolution" | "epoch" | "alpha">,
  folder: string,
  label: string,
): Promise<string> {
  const { seed, latent, imageChannels: channels } = config;
  const noise = truncatedNormal(seed, "preview", 0, images * latent, defaultTruncation);
  const some = previewBatch(config, resolution);
  // Bytes: a quarter of what the engine answers.
  const pixels = new Uint8ClampedArray(images * channels * resolution ** 2);
  for (let start = 0; start < images; start += some) {
    const data = noise.slice(start * latent, (start + some) * latent);
    const drawn = await engine.images({ resolution, alpha, latents: { shape: [some, latent], data } });
    const offset = start * channels * resolution ** 2;
    for (const [i, value] of drawn.data.entries()) pixels[offset + i] = (value + 1) * 127.5;
  }
  const size = String(resolution).padStart(4, "0");
  const path = join(folder, `${label}_${size}_epoch_${String(epoch).padStart(3, "0")}.png`);
  await writeGrid(
    path,
    { data: new Uint8Array(pixels.buffer), count: images, channels, resolution },
    { tile },
  );
  return path;
}

/** Writes some of the real images, evenly chosen, as training sees them. @returns its path @throws OUTPUT_NOT_WRITABLE */
export async function writeRealImages(set: ImageSet, folder: string, label: string): Promise<string> {
  const { channels, resolution } = set;
  const count = Math.min(images, set.count);
  const size = channels * resolution ** 2;
  const data = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    data.set(await set.pixels(Math.floor((i * set.count) / count)), i * size);
  }
  const path = join(folder, `${label}_real_${String(resolution).padStart(4, "0")}.png`);
  await writeGrid(path, { data, count, channels, resolution }, { tile });
  return path;
}
