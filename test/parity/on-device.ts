/** The same few steps on any device, to be held beside one another. */
import { normal } from "../../src/base/random.js";
import type { Precision } from "../../src/engine/precision.js";
import type { Provider } from "../../src/engine/providers.js";
import type { Architecture, Resolution } from "../../src/progan/config.js";
import { createTrainer } from "../../src/trainer/trainer.js";
import { freshState, type TrainState } from "../../src/trainer/state.js";

/** One optimizer step: batches of these sizes. */
export interface PlannedStep {
  readonly resolution: Resolution;
  readonly alpha: number;
  readonly sizes: readonly number[];
}

export interface Trained {
  /** Every loss of every step. */
  readonly losses: readonly number[];
  /** The state before the last step, as it was handed over, and the one after it. */
  readonly before: TrainState;
  readonly after: TrainState;
  /** Two images drawn after the last step. */
  readonly images: Float32Array;
}

/** Small enough that no gradient of these tests overflows in half, so that no update is skipped. */
const lowScale = { scale: 1024, steady: 0, skipped: 0 };

/** Trains from a fresh state, the last step with its state handed over. */
export async function trainOn(
  provider: Provider,
  architecture: Architecture,
  plan: readonly PlannedStep[],
  precision: Precision = "float32",
): Promise<Trained> {
  const options = { architecture, seed: 7, engine: { provider, threads: 1 }, learningRate: 1e-3, precision };
  const scales = precision === "mixed" ? { generator: lowScale, critic: lowScale } : undefined;
  const trainer = createTrainer(options, { ...freshState(architecture, 7), scales });
  const losses: number[] = [];
  let before: TrainState | undefined;
  let index = 0;
  for (const [k, { resolution, alpha, sizes }] of plan.entries()) {
    const total = sizes.reduce((a, b) => a + b);
    const batches = sizes.map((size) => {
      const values = size * architecture.imageChannels * resolution ** 2;
      const images = normal(1, "phantom", index, values).map(Math.tanh);
      return { index: index++, start: 0, size, weight: size / total, images };
    });
    const handOver = k === plan.length - 1;
    const result = await trainer.step({ resolution, alpha, batches, handOver });
    losses.push(...Object.values(result.losses as unknown as Record<string, number>));
    before = result.before ?? before;
  }
  const { resolution, alpha } = plan.at(-1)!;
  const latents = { shape: [2, architecture.latent], data: normal(7, "preview", 0, 2 * architecture.latent) };
  const images = await trainer.images({ resolution, alpha, latents });
  const after = await trainer.take();
  await trainer.release();
  return { losses, before: before!, after, images: images.data };
}

/** The largest difference of two elements, relative where they are large. REQUIRES: as many of both. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((max, v, i) => Math.max(max, Math.abs(v - b[i]!) / (1 + Math.abs(b[i]!))), 0);
}

/** Norm of the difference of two arrays over the norm of the second. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  return norm(Array.from(a, (v, i) => v - b[i]!)) / norm(Array.from(b));
}
