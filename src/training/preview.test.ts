import { readdir } from "node:fs/promises";
import sharp from "sharp";
import { expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import type { ImageSet } from "../progan/image-source.js";
import { writeRealImages } from "./preview.js";

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
