/**
 * Skipped updates where the state lives on a device. No device here computes in half, so the graphs of mixed precision,
 * scales and all, are computed in float32: what is tested is which tensors are kept, given back and handed over.
 */
import { existsSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { normal } from "../../src/base/random.js";
import { firstScales } from "../../src/trainer/loss-scale.js";
import { freshState, type TrainState } from "../../src/trainer/state.js";
import { createTrainer } from "../../src/trainer/trainer.js";
import { hashOf } from "../harness/state.js";

vi.mock("../../src/engine/session.js", async (original) => {
  const real = await original<typeof import("../../src/engine/session.js")>();
  const createSession: typeof real.createSession = (what, outputs, options, toMemory) =>
    real.createSession(what, outputs, options, toMemory);
  return { ...real, createSession };
});

const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const loader = ["/usr/lib/x86_64-linux-gnu/libvulkan.so.1", "/usr/lib/aarch64-linux-gnu/libvulkan.so.1"].some(
  existsSync,
);
const architecture = { latent: 4, channels: 4, imageChannels: 1 };
/** Beyond float32 for any gradient of ordinary size. */
const huge = 2 ** 127;

const hashes = ({ arrays, counters }: TrainState, network: string): Record<string, string | number> =>
  Object.fromEntries([
    ...[...arrays].flatMap(([name, array]) => (name.startsWith(network) ? [[name, hashOf(array)]] : [])),
    ...[...counters].filter(([name]) => name.startsWith(network)),
  ]) as Record<string, string | number>;

describe.skipIf(!existsSync(driver) || !loader)(
  "WebGPU, when updates are skipped",
  () => {
    it("keeps the critic on the device, trains the generator, and hands over each state before", async () => {
      process.env["VK_ICD_FILENAMES"] = driver;
      const state = freshState(architecture, 7);
      const scales = { ...firstScales, critic: { ...firstScales.critic, scale: huge } };
      const engine = { provider: "webgpu", threads: 1 } as const;
      const trainer = createTrainer(
        { architecture, seed: 7, engine, learningRate: 1e-3, precision: "mixed" },
        { ...state, arrays: new Map(state.arrays), scales },
      );
      const step = async (index: number) => {
        const images = normal(1, "phantom", index, 2 * 4 * 4).map(Math.tanh);
        const batches = [{ index, start: 0, size: 2, weight: 1, images }];
        const { before, skipped } = await trainer.step({
          resolution: 4,
          alpha: 1,
          batches,
          handOver: true,
        });
        return { before: before!, skipped };
      };
      const [first, second, third] = [await step(0), await step(1), await step(2)];
      const after = await trainer.take();
      await trainer.release();

      expect([first, second, third].map(({ skipped }) => skipped)).toEqual(
        [1, 2, 3].map((skipped) => [{ network: "critic", scale: huge / 2 ** skipped, skipped }]),
      );
      for (const { before } of [second, third, { before: after }]) {
        expect(hashes(before, "critic")).toEqual(hashes(first.before, "critic"));
      }
      const generators = [first.before, second.before, third.before, after].map((one) =>
        JSON.stringify(hashes(one, "generator")),
      );
      expect(new Set(generators).size).toBe(4);
      expect(after.counters.get("generator/initial.1.bias")).toBe(3);
      expect(after.counters.get("critic/final_block.0.bias")).toBeUndefined();
    });
  },
  600_000,
);
