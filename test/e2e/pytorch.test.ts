/** The familiar files open in the users' own PyTorch program, and draw the same images there. */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadCheckpoint } from "../../src/checkpoint/index.js";
import { stepsOf } from "../../src/progan/parameters.js";
import { latentsOf, openGenerator } from "../../src/training/generate.js";
import { testFolder } from "../harness/folder.js";
import { missingPytorch, pytorches } from "../harness/pytorch.js";
import { generationsIn } from "../harness/state.js";
import { trainHere } from "../harness/training.js";

const program = fileURLToPath(new URL("./networks.py", import.meta.url));

interface Report {
  readonly generator: Restored;
  readonly critic: Restored;
  readonly scores_finite: boolean;
  readonly shape: readonly number[];
}
interface Restored {
  readonly same_order: boolean;
  readonly steps: Readonly<Record<string, number>>;
  readonly shapes_fit: boolean;
}

if (missingPytorch !== "") it.skip(`PyTorch is not here: ${missingPytorch}`);

describe.each(pytorches)(
  "the familiar files in PyTorch $version",
  ({ python }) => {
    it.each([
      ["4x4", 2, 1],
      ["8x8 in the fade-in", 7, 1],
      ["8x8 after it, in colour", 10, 3],
    ])("load whole, with Adam's state, and draw what we draw: %s", async (_, maxBatches, imageChannels) => {
      const folder = await testFolder();
      const { weights, ended } = await trainHere(folder, {
        maxBatches,
        // PyTorch's networks of fewer channels would have layers without any.
        overrides: { channels: 32, imageChannels },
      });
      const { resolution, alpha } = ended.position!;
      const seed = 11;
      const count = 4;
      const drawing = await openGenerator({
        weights,
        reference: undefined,
        seed,
        truncation: 0.7,
        device: "cpu",
        threads: 1,
      });
      expect(drawing).toMatchObject({ resolution, alpha, channels: imageChannels });
      const drawn: number[] = [];
      for await (const { data } of drawing.draw(count)) drawn.push(...data);
      await drawing.close();
      const ours = { data: Float32Array.from(drawn) };

      const [latents, images] = [join(folder, "latents.bin"), join(folder, "images.bin")];
      const latent = 8;
      await writeFile(latents, latentsOf(seed, 0, latent, 0.7).slice(0, count * latent));
      const [generator, critic] = ["generator", "critic"].map((name) =>
        join(weights, `${name}_DRUSEN_local.pth`),
      );
      const printed = execFileSync(
        python,
        [program, generator!, critic!, latents, String(stepsOf(resolution as 4)), String(alpha), images],
        { encoding: "utf8" },
      );
      const report = JSON.parse(printed) as Report;
      expect(report.shape).toEqual([count, imageChannels, resolution, resolution]);
      expect(report.scores_finite).toBe(true);

      const bytes = await readFile(images);
      const theirs = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      expect(theirs.length).toBe(ours.data.length);
      const furthest = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours.data[i]!)), 0);
      expect(furthest).toBeLessThan(1e-4);
      expect(new Set(theirs).size).toBeGreaterThan(count * 8);

      const [newest] = await generationsIn(weights);
      const { networks } = await loadCheckpoint(newest!);
      for (const network of ["generator", "critic"] as const) {
        const { same_order, shapes_fit, steps } = report[network];
        expect({ same_order, shapes_fit }).toEqual({ same_order: true, shapes_fit: true });
        const entries = [...networks.get(network)!.adam!.entries].map(
          ([name, { step }]) => [name, step] as const,
        );
        expect(steps).toEqual(Object.fromEntries(entries));
        expect(entries.length).toBeGreaterThan(0);
      }
    });
  },
  240_000,
);
