/** The pictures that show a person how far the generator is: a grid from latent vectors that never change. */
import { join } from "node:path";
import { truncatedNormal } from "../base/random.js";
import type { TrainingConfig } from "../progan/config.js";
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
