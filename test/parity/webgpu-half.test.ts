/**
 * Half precision as a device really computes it, on a Vulkan driver with shader-f16: Mesa's lavapipe (Mesa 25, Debian 13), which
 * needs no GPU. Gradients are looked at, which Adam with a first beta of 0 keeps as they are: after one step "exp_avg" is the
 * gradient. (Adam moves a weight by the sign of its gradient in its first steps, so weights part sooner.)
 */
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { requireHalf } from "../../src/engine/session.js";
import { relativeDistance, trainOn, type PlannedStep, type Trained } from "./on-device.js";

const driver = "/usr/share/vulkan/icd.d/lvp_icd.json";
const architecture = { latent: 16, channels: 16, imageChannels: 1 };
const step: PlannedStep = { resolution: 8, alpha: 0.5, sizes: [4, 2] };

/** All gradients of the last step, one after another. */
const gradients = ({ after }: Trained): number[] =>
  [...after.arrays].flatMap(([name, { data }]) => (name.endsWith("/exp_avg") ? [...data] : []));

/** Debian 12's Mesa has a lavapipe without half; whether this one has it, the engine says. */
async function computesHalf(): Promise<boolean> {
  if (!existsSync(driver)) return false;
  process.env["VK_ICD_FILENAMES"] = driver;
  return requireHalf({ provider: "webgpu", threads: 1 }).then(
    () => true,
    () => false,
  );
}
const available = await computesHalf();

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

describe.skipIf(!available)(
  `half precision on WebGPU${available ? "" : " (skipped: no lavapipe with shader-f16)"}`,
  () => {
    let exact: Trained;
    beforeAll(async () => void (exact = await trainOn("cpu", architecture, [step])));

    it("gives float32's gradients to the rounding of half, as does its imitation on the processor", async () => {
      const imitated = await trainOn("cpu", architecture, [step], "mixed");
      const half = await trainOn("webgpu", architecture, [step], "mixed");
      const [far, near] = [half, imitated].map((each) =>
        relativeDistance(gradients(each), gradients(exact)),
      ) as [number, number];
      // Measured: 0.062 and 0.015. A kernel may add up in half, which the imitation does not.
      expect(near).toBeGreaterThan(1e-4);
      expect(near).toBeLessThan(0.03);
      expect(far).toBeGreaterThan(1e-4);
      expect(far).toBeLessThan(0.12);
    });

    it("is half: float32 on the same device is a hundred times nearer", async () => {
      const float32 = await trainOn("webgpu", architecture, [step]);
      expect(relativeDistance(gradients(float32), gradients(exact))).toBeLessThan(1e-5);
    });

    it("trains on: 8 batches without an overflow, and the images are nearly float32's", async () => {
      const plan = Array.from({ length: 8 }, () => ({ ...step, sizes: [2] }));
      const [float32, half] = [
        await trainOn("cpu", architecture, plan),
        await trainOn("webgpu", architecture, plan, "mixed"),
      ];
      expect(half.after.scales).toMatchObject({ generator: { skipped: 0 }, critic: { skipped: 0 } });
      expect(relativeDistance(half.images, float32.images)).toBeLessThan(0.1);
    });
  },
);
