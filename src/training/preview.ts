/** The pictures that show a person how far the generator is: a grid from latent vectors that never change. */
import { join } from "node:path";
import { truncatedNormal } from "../base/random.js";
import type { TrainingConfig } from "../progan/config.js";
import type { ImageSet } from "../progan/image-source.js";
import { writeGrid } from "../progan/picture.js";
import type { Place } from "../progan/schedule.js";
import type { Engine } from "./engine.js";

const images = 16;
/** Standard deviations beyond which latent numbers are drawn again. */
export const defaultTruncation = 0.7;
/** Fewest pixels of an image in the grid. */
const tile = 64;

/** Draws the preview of a place (the end of an epoch). @returns its path @throws OUTPUT_NOT_WRITABLE */
export async function writePreview(
  engine: Engine,
  { seed, latent }: TrainingConfig,
  { resolution, epoch, alpha }: Place,
  folder: string,
  label: string,
): Promise<string> {
  const data = truncatedNormal(seed, "preview", 0, images * latent, defaultTruncation);
  const made = await engine.images({ resolution, alpha, latents: { shape: [images, latent], data } });
  const size = String(resolution).padStart(4, "0");
  const path = join(folder, `${label}_${size}_epoch_${String(epoch).padStart(3, "0")}.png`);
  await writeGrid(path, { data: made.data, count: images, channels: made.shape[1]!, resolution }, { tile });
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
