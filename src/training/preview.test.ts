import { readdir } from "node:fs/promises";
import sharp from "sharp";
import { expect, it } from "vitest";
import { truncatedNormal } from "../base/random.js";
import type { Engine } from "./engine.js";
import { testFolder } from "../../test/harness/folder.js";
import type { ImageSet } from "../progan/image-source.js";
import { presets } from "../progan/config.js";
import { previewBatch, writePreview, writeRealImages } from "./preview.js";

it("shows real images, byte for byte as training has them, from all over the data", async () => {
  const set: ImageSet = {
    count: 64,
    resolution: 8,
    channels: 1,
    fingerprint: "",
    pixels: (index) =>
      Promise.resolve(Uint8Array.from({ length: 64 }, (_, i) => (i === 63 ? 255 : index * 3))),
  };
  const folder = await testFolder();
  const path = await writeRealImages(set, folder, "DRUSEN_local");
  expect(await readdir(folder)).toEqual(["DRUSEN_local_real_0008.png"]);
  const { data, info } = await sharp(path).toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([256, 256]);
  // Four rows of four, each pixel eight wide.
  const firsts = Array.from({ length: 16 }, (_, i) => data[Math.floor(i / 4) * 64 * 256 + (i % 4) * 64]);
  expect(firsts).toEqual(Array.from({ length: 16 }, (_, i) => i * 4 * 3));
  expect(data[63 * 256 + 63]).toBe(255);
});

it.each([
  [1, 1],
  [3, 2],
  [6, 4],
  [16, 16],
  [64, 16],
])("draws a preview no more at once than a batch of %i holds", async (batch, atOnce) => {
  const config = { ...presets.demo, batchSizes: Array<number>(9).fill(batch), latent: 2, imageChannels: 1 };
  const asked: number[] = [];
  const noise: number[] = [];
  const images: Engine["images"] = ({ latents }) => {
    const [count] = latents.shape;
    asked.push(count!);
    noise.push(...latents.data);
    const data = Float32Array.from({ length: count! * 64 }, (_, i) => (i % 64 === 0 ? latents.data[0]! : -1));
    return Promise.resolve({ shape: [count!, 1, 8, 8], data });
  };
  const folder = await testFolder();
  const place = { resolution: 8, epoch: 3, alpha: 1 } as const;
  const path = await writePreview({ images }, config, place, folder, "DRUSEN_local");
  expect(path.endsWith("DRUSEN_local_0008_epoch_003.png")).toBe(true);
  expect(previewBatch(config, 8)).toBe(atOnce);
  expect(new Set(asked)).toEqual(new Set([atOnce]));
  expect(asked).toHaveLength(16 / atOnce);
  // The same sixteen, however they are divided.
  expect(noise).toEqual([...truncatedNormal(config.seed, "preview", 0, 32, 0.7)]);
});
