/** What pictures, and graphs that are needed no more, may cost a training. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { trainHere } from "../../test/harness/training.js";
import { normal } from "../base/random.js";
import { GuardapesosError } from "../base/errors.js";
import type { Architecture } from "../progan/config.js";
import { freshState } from "./state.js";
import { createTrainer } from "./trainer.js";
import type { StepRequest } from "./contract.js";

const hooks = vi.hoisted(() => ({ open: [] as string[], previewFails: undefined as Error | undefined }));
vi.mock("../engine/session.js", async (original) => {
  const real = await original<typeof import("../engine/session.js")>();
  const createSession: typeof real.createSession = async (what, ...rest) => {
    const session = await real.createSession(what, ...rest);
    hooks.open.push(what);
    return {
      ...session,
      release() {
        hooks.open.splice(hooks.open.indexOf(what), 1);
        return session.release();
      },
    };
  };
  return { ...real, createSession };
});
vi.mock("../training/preview.js", async (original) => {
  const real = await original<typeof import("../training/preview.js")>();
  const writePreview: typeof real.writePreview = (...drawing) =>
    hooks.previewFails ? Promise.reject(hooks.previewFails) : real.writePreview(...drawing);
  return { ...real, writePreview };
});
beforeEach(() => {
  hooks.open = [];
  hooks.previewFails = undefined;
});

const architecture: Architecture = { latent: 6, channels: 8, imageChannels: 1 };

function stepAt(index: number, alpha: number, batches: number): StepRequest {
  const images = (): Float32Array<ArrayBuffer> => normal(9, "latent", index, 4 * 64);
  const weight = 1 / batches;
  return {
    resolution: 8,
    alpha,
    batches: Array.from({ length: batches }, (_, i) => ({
      index: index + i,
      start: 0,
      size: 4,
      weight,
      images: images(),
    })),
    handOver: false,
  };
}

describe.each([1, 2])("the graphs of a training with %i batches to a step", (batches) => {
  it("are those of the step alone once a picture is drawn and the next step is done", async () => {
    const trainer = createTrainer(
      { architecture, seed: 5, engine: { provider: "cpu", threads: 1 }, learningRate: 1e-3 },
      freshState(architecture, 1),
    );
    await trainer.step(stepAt(0, 0.5, batches));
    const before = [...hooks.open];
    const latents = { shape: [2, 6], data: normal(3, "preview", 0, 12) };
    await trainer.images({ resolution: 8, alpha: 0.5, latents });
    expect(hooks.open).toHaveLength(before.length + 1);
    await trainer.step(stepAt(2, 0.5, batches));
    expect(hooks.open).toEqual(before);
    await trainer.release();
  });

  it("are no more after the fade-in than in it, and training goes on from the same numbers", async () => {
    const made = () =>
      createTrainer(
        { architecture, seed: 5, engine: { provider: "cpu", threads: 1 }, learningRate: 1e-3 },
        freshState(architecture, 1),
      );
    const trainer = made();
    await trainer.step(stepAt(0, 0.5, batches));
    const before = hooks.open.length;
    const state = await trainer.copy();
    const faded = await trainer.step(stepAt(2, 1, batches));
    expect(hooks.open).toHaveLength(before);
    const again = createTrainer(
      { architecture, seed: 5, engine: { provider: "cpu", threads: 1 }, learningRate: 1e-3 },
      state,
    );
    expect((await again.step(stepAt(2, 1, batches))).losses).toEqual(faded.losses);
    await trainer.release();
    await again.release();
  });
});

describe("a training whose picture cannot be drawn", { timeout: 120_000 }, () => {
  it.each([
    new GuardapesosError("ENGINE_MEMORY", { what: "images, 8x8", reason: "bad_alloc" }),
    new GuardapesosError("ENGINE_FAILED", { what: "images, 8x8", reason: "Conv" }),
    new GuardapesosError("OUTPUT_NOT_WRITABLE", { path: "samples/a.png", reason: "EACCES" }),
  ])("goes on, and says so: $code", async (error) => {
    hooks.previewFails = error;
    const { ended, events } = await trainHere(await testFolder(), { overrides: { end: 4 } });
    expect(ended.how).toBe("finished");
    const warnings = events.filter(
      (event) => event.type === "warning" && event.code === "SAMPLES_NOT_WRITTEN",
    );
    expect(warnings).toHaveLength(2);
  });
});
