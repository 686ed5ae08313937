/**
 * The same training on WebGPU as on the CPU: a few steps, with and without accumulation, over a resolution change, with
 * a state handed over in between. Runs on Debian's SwiftShader, which needs no GPU; skipped where there is none.
 */
import { existsSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { sizeOf } from "../../src/base/named-arrays.js";
import { normal } from "../../src/base/random.js";
import { createGraph, input, isInput } from "../../src/engine/graph.js";
import { conv, convInputGradient, convWeightGradient } from "../../src/engine/ops.js";
import { createSession, fromEngine, requireHalf, toEngine } from "../../src/engine/session.js";
import { criticGradients, oneClock } from "../../src/trainer/step-graph.js";
import { errorOf, eventsOf, start, tiny, train as trainCommand } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { evaluate } from "../engine/reference.js";
import { toFloat64 } from "./gold.js";
import { distance, trainOn, type PlannedStep } from "./on-device.js";

const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const loader = ["/usr/lib/x86_64-linux-gnu/libvulkan.so.1", "/usr/lib/aarch64-linux-gnu/libvulkan.so.1"].some(
  existsSync,
);
const available = existsSync(driver) && loader;

const architecture = { latent: 8, channels: 8, imageChannels: 1 };

const plan: readonly PlannedStep[] = [
  { resolution: 4, alpha: 1, sizes: [1] },
  { resolution: 8, alpha: 0.5, sizes: [2, 1] },
];

// SwiftShader compiles every shader for the processor first.
vi.setConfig({ testTimeout: 600_000 });

describe.skipIf(!available)("WebGPU", () => {
  // Channel counts around the multiples of 3 and 4, which its convolution treats differently.
  it.each([
    { c: 6, o: 8 },
    { c: 9, o: 8 },
    { c: 9, o: 7 },
    { c: 33, o: 4 },
  ])("convolves $c channels to $o, and back, as the definition says", async ({ c, o }) => {
    process.env["VK_ICD_FILENAMES"] = driver;
    const graph = createGraph();
    const x = input(graph, "x", [2, c, 4, 4]);
    const weight = input(graph, "weight", [o, c, 3, 3]);
    const dy = input(graph, "dy", [2, o, 4, 4]);
    const outputs = new Map([
      ["y", conv(x, weight, undefined, 1)],
      ["dx", convInputGradient(dy, weight, 1)],
      ["dw", convWeightGradient(x, dy, 1)],
    ]);
    const arrays = new Map(
      [x, weight, dy].filter(isInput).map(({ attributes: { name, shape } }, i) => {
        return [name, { shape, data: normal(i, "weights", 0, sizeOf(shape)) }] as const;
      }),
    );
    const engine = { provider: "webgpu", threads: 1 } as const;
    const session = await createSession("a test", outputs, engine, new Set(outputs.keys()));
    const results = await session.run(new Map([...arrays].map(([name, array]) => [name, toEngine(array)])));
    await session.release();
    const exact = evaluate([...outputs.values()], toFloat64(arrays));
    [...outputs.keys()].forEach((name, i) => {
      expect(distance(fromEngine(results.get(name)!).data, exact[i]!.data), name).toBeLessThan(1e-4);
    });
  });

  // SwiftShader has no shader-f16, so nothing can be computed in half here; kernels are chosen all the same.
  it("takes the graph in mixed precision, and tells before training that its device computes no half", async () => {
    process.env["VK_ICD_FILENAMES"] = driver;
    const engine = { provider: "webgpu", threads: 1 } as const;
    const shape = { architecture, resolution: 16, batchSize: 2, fading: true, scaled: true } as const;
    const outputs = criticGradients({ ...shape, clocks: oneClock(architecture, 16) });
    await (await createSession("a test", outputs, engine, new Set(["losses"]), "mixed")).release();
    await expect(requireHalf(engine)).rejects.toMatchObject({ code: "DEVICE_NO_HALF" });
    await expect(requireHalf({ ...engine, provider: "cpu" })).resolves.toBeUndefined();

    const settings = { ...tiny, device: "webgpu", precision: "mixed" };
    const environment = { VK_ICD_FILENAMES: driver };
    const ended = await start(await testFolder(), trainCommand(settings), { environment }).ended;
    expect(ended.code).toBe(69);
    const told = { how: "failed", code: "DEVICE_NO_HALF", batchesLost: 0, files: [] };
    expect(eventsOf(ended, "ended")).toMatchObject([told]);
    expect(errorOf(ended)?.message).toContain("--precision float32");
  });

  it("trains as the CPU does, keeps its state on the device, and gives it back whole", async () => {
    process.env["VK_ICD_FILENAMES"] = driver;
    const onCpu = await trainOn("cpu", architecture, plan);
    const onGpu = await trainOn("webgpu", architecture, plan);
    expect(distance(onGpu.losses, onCpu.losses)).toBeLessThan(1e-3);
    expect(distance(onGpu.images, onCpu.images)).toBeLessThan(1e-2);
    for (const state of ["before", "after"] as const) {
      expect(onGpu[state].counters).toEqual(onCpu[state].counters);
      expect([...onGpu[state].arrays.keys()].sort()).toEqual([...onCpu[state].arrays.keys()].sort());
      for (const [name, { data }] of onCpu[state].arrays) {
        // Adam's first steps move an element by the sign of its gradient, whichever way rounding turned it.
        const far = data.filter(
          (v, i) => Math.abs(v - onGpu[state].arrays.get(name)!.data[i]!) > 1e-3 * (1 + Math.abs(v)),
        );
        expect(far.length / data.length, name).toBeLessThan(0.02);
      }
    }
  });
});
