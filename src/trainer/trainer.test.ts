/** The trainer in this thread: what it gives away is final, what it is given back goes on exactly. */
import { afterEach, describe, expect, it } from "vitest";
import { hashOf } from "../../test/harness/state.js";
import { normal } from "../base/random.js";
import type { Architecture, Resolution } from "../progan/config.js";
import { activeParameters, networks, stepsOf } from "../progan/parameters.js";
import { freshState, ownBuffers, type TrainState } from "./state.js";
import { createTrainer } from "./trainer.js";
import type { BatchData, StepRequest, Trainer } from "./contract.js";

const architecture: Architecture = { latent: 6, channels: 8, imageChannels: 1 };
const size = 4;

const made: Trainer[] = [];
afterEach(async () => {
  for (const trainer of made.splice(0)) await trainer.release();
});

/** A trainer over copies of a state's arrays, as after a message to its thread. */
function trainerOver({ arrays, counters }: TrainState): Trainer {
  const own = new Map([...arrays].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const trainer = createTrainer(
    { architecture, seed: 5, engine: { provider: "cpu", threads: 1 }, learningRate: 1e-3 },
    { arrays: own, counters: new Map(counters) },
  );
  made.push(trainer);
  return trainer;
}

function batchAt(index: number, resolution: Resolution, weight = 1): BatchData {
  const images = normal(9, "latent", index, size * resolution ** 2);
  return { index, start: 0, size, weight, images };
}

const stepAt = (
  index: number,
  { resolution = 8, alpha = 0.5, handOver = false, batches = 1, spare }: Partial<Options> = {},
): StepRequest => ({
  resolution,
  alpha,
  batches: Array.from({ length: batches }, (_, i) => batchAt(index + i, resolution, 1 / batches)),
  handOver,
  ...(spare ? { spare } : {}),
});
interface Options {
  resolution: Resolution;
  alpha: number;
  handOver: boolean;
  batches: number;
  spare: readonly ArrayBuffer[];
}

const hashes = ({ arrays, counters }: TrainState): Record<string, string | number> => ({
  ...Object.fromEntries([...arrays].map(([name, array]) => [name, hashOf(array)])),
  ...Object.fromEntries([...counters].map(([name, count]) => [`${name} steps`, count])),
});

/** Without the moments that are all zeros and belong to parameters that never had a step: they need not be there. */
function lasting(state: TrainState): Record<string, string | number> {
  const moment = /^(.*)\/exp_avg(_sq)?$/;
  const arrays = new Map(
    [...state.arrays].filter(([name]) => {
      const parameter = moment.exec(name)?.[1];
      return parameter === undefined || (state.counters.get(parameter) ?? 0) > 0;
    }),
  );
  return hashes({ arrays, counters: state.counters });
}

describe.each([1, 2])("a trainer, with %i batches to a step", (batches) => {
  it("hands over the state before a step, and never writes to it again", async () => {
    const trainer = trainerOver(freshState(architecture, 1));
    await trainer.step(stepAt(0, { batches }));
    const then = hashes(await trainer.copy());
    const { before } = await trainer.step(stepAt(batches, { handOver: true, batches }));
    expect(hashes(before!)).toEqual(then);
    for (const turn of [2, 3]) await trainer.step(stepAt(turn * batches, { batches }));
    await trainer.step(stepAt(20, { resolution: 16, batches }));
    expect(hashes(before!)).toEqual(then);
    expect(hashes(await trainer.copy())).not.toEqual(then);
  });

  it("goes on in the memory of states that were given back, exactly as without", async () => {
    const [first, second] = [1, 1].map((seed) => trainerOver(freshState(architecture, seed)));
    const used = async (trainer: Trainer) => ownBuffers(await trainer.view());
    const { before } = await first!.step(stepAt(0, { handOver: true, batches }));
    const buffers = ownBuffers(before);
    expect(buffers.length).toBeGreaterThan(0);
    for (const buffer of buffers) new Float32Array(buffer).fill(NaN);
    await first!.step(stepAt(batches, { batches, spare: buffers, handOver: true }));
    const now = await used(first!);
    expect(buffers.filter((buffer) => now.includes(buffer)).length).toBeGreaterThan(buffers.length / 2);
    for (const turn of [0, 1]) await second!.step(stepAt(turn * batches, { batches }));
    for (const turn of [2, 3]) {
      await first!.step(stepAt(turn * batches, { batches }));
      await second!.step(stepAt(turn * batches, { batches }));
    }
    expect(hashes(await first!.copy())).toEqual(hashes(await second!.copy()));
  });

  it("goes on from a state as the one that it came from, also at another resolution and beyond the fade-in", async () => {
    const first = trainerOver(freshState(architecture, 1));
    await first.step(stepAt(0, { resolution: 4, batches }));
    await first.step(stepAt(2, { batches }));
    const second = trainerOver(await first.copy());
    for (const one of [
      stepAt(4, { batches }),
      stepAt(6, { alpha: 1, batches }),
      stepAt(8, { resolution: 16, batches }),
    ]) {
      const [a, b] = [await first.step(one), await second.step(one)];
      expect(b.losses).toEqual(a.losses);
      expect(lasting(await second.copy())).toEqual(lasting(await first.copy()));
    }
  });
});

describe("a trainer", () => {
  it("counts the steps of exactly the parameters that a resolution uses", async () => {
    const trainer = trainerOver(freshState(architecture, 1));
    await trainer.step(stepAt(0, { resolution: 4 }));
    await trainer.step(stepAt(1, { resolution: 8 }));
    const { counters } = await trainer.copy();
    const used = (resolution: Resolution): string[] =>
      networks.flatMap((network) =>
        activeParameters(network, architecture, stepsOf(resolution)).map(({ name }) => `${network}/${name}`),
      );
    const both = new Set(used(4).filter((name) => used(8).includes(name)));
    expect(both.size).toBeGreaterThan(0);
    for (const name of new Set([...used(4), ...used(8)]))
      expect(counters.get(name), name).toBe(both.has(name) ? 2 : 1);
    expect(counters.size).toBe(new Set([...used(4), ...used(8)]).size);
  });

  it("still has its last finished state after a step that failed", async () => {
    const trainer = trainerOver(freshState(architecture, 1));
    await trainer.step(stepAt(0));
    const then = hashes(await trainer.copy());
    const broken = stepAt(1);
    const short = { ...broken.batches[0]!, images: new Float32Array(3) };
    await expect(trainer.step({ ...broken, batches: [short] })).rejects.toThrow();
    expect(hashes(await trainer.take())).toEqual(then);
  });

  it("gives its state away once, every array in a buffer of its own", async () => {
    const trainer = trainerOver(freshState(architecture, 1));
    await trainer.step(stepAt(0));
    const then = hashes(await trainer.copy());
    const state = await trainer.take();
    expect(hashes(state)).toEqual(then);
    expect(new Set([...state.arrays.values()].map(({ data }) => data.buffer)).size).toBe(state.arrays.size);
    expect((await trainer.take()).arrays.size).toBe(0);
  });

  it("draws images without changing anything, many as few", async () => {
    const trainer = trainerOver(freshState(architecture, 1));
    await trainer.step(stepAt(0));
    const then = lasting(await trainer.copy());
    const latents = { shape: [20, 6], data: normal(3, "preview", 0, 120) };
    const many = await trainer.images({ resolution: 8, alpha: 0.5, latents });
    expect(many.shape).toEqual([20, 1, 8, 8]);
    const last = { shape: [4, 6], data: latents.data.slice(96) };
    const few = await trainer.images({ resolution: 8, alpha: 0.5, latents: last });
    expect(many.data.slice(16 * 64)).toEqual(few.data);
    // Another resolution in between, as a preview never asks for, would not change it either.
    await trainer.images({ resolution: 16, alpha: 1, latents: last });
    expect(lasting(await trainer.copy())).toEqual(then);
  });

  it("draws images with the generator alone", async () => {
    const whole = freshState(architecture, 1);
    const arrays = new Map([...whole.arrays].filter(([name]) => name.startsWith("generator/")));
    const latents = { shape: [2, 6], data: normal(3, "preview", 0, 12) };
    const request = { resolution: 16, alpha: 1, latents } as const;
    const alone = await trainerOver({ arrays, counters: new Map() }).images(request);
    expect(alone.data).toEqual((await trainerOver(whole).images(request)).data);
  });
});
