/** Real image files, for tests of training on a folder. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

/** Writes `count` small PNG and JPEG files, each unlike the others and unlike its mirror image. */
export async function writeImages(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const side = 16;
  for (let index = 0; index < count; index++) {
    const pixels = Uint8Array.from(
      { length: side * side },
      (_, i) => (i * (index + 3) + (i % side) * 5) % 256,
    );
    const image = sharp(pixels, { raw: { width: side, height: side, channels: 1 } });
    const name = `scan${String(index).padStart(3, "0")}`;
    if (index % 2 === 0) await image.png().toFile(join(folder, `${name}.png`));
    else await image.jpeg({ quality: 90 }).toFile(join(folder, `${name}.jpg`));
  }
}
