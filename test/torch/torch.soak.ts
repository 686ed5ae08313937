/** What takes too long for every run: 200,000 damaged files, and a file of more than 4 GiB on a real disk. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dict, float32Tensor, readTorchFile, writeTorchFile } from "../../src/torch/index.js";
import { tensorOver } from "../../src/torch/tensor.js";
import { anyPickles, damagedFiles, goodFiles, goodRecords, hostilePickles } from "./mutations.js";

describe("damage by chance", () => {
  it("reads 120,000 damaged files rightly or not at all", async () => {
    await fc.assert(damagedFiles(await goodFiles()), { numRuns: 120_000 });
  });

  it("ends on 50,000 pickles that were changed", async () => {
    await fc.assert(hostilePickles(await goodRecords()), { numRuns: 50_000 });
  });

  it("ends on 30,000 pickles of opcodes by chance", async () => {
    await fc.assert(anyPickles(), { numRuns: 30_000 });
  });
});

describe("more than 4 GiB", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "torch-large-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is written with little memory, read back, and opened by PyTorch", async () => {
    const path = join(folder, "large.pth");
    const length = 2 ** 30 + 7;
    const piece = new Uint8Array(Float32Array.from({ length: 2 ** 20 }, (_, i) => i).buffer);
    const small = float32Tensor([2], Float32Array.of(1, 2));
    const large = tensorOver({
      ...small,
      shape: [length],
      storage: {
        ...small.storage,
        length,
        identity: {},
        async *chunks() {
          for (let at = 0; at < length * 4; at += piece.length) yield await Promise.resolve(piece.subarray(0, length * 4 - at));
        },
      },
    }); // prettier-ignore
    const before = process.memoryUsage();
    let peak = 0;
    const onProgress = () => {
      const { arrayBuffers, external } = process.memoryUsage();
      peak = Math.max(peak, arrayBuffers + external - before.arrayBuffers - before.external);
    };
    const written = await writeTorchFile(
      path,
      dict({ large, small, after: float32Tensor([1], Float32Array.of(3)) }),
      {
        onProgress,
      },
    );
    expect(written.bytes).toBeGreaterThan(2 ** 32);
    expect(peak).toBeLessThan(32 * 2 ** 20);

    const file = await readTorchFile(path);
    await file.verify();
    const tensors = new Map([...file.tensors()].map(([[name], tensor]) => [name, tensor]));
    expect(tensors.get("large")!.shape).toEqual([length]);
    expect(await tensors.get("small")!.read()).toEqual(Float32Array.of(1, 2));
    expect(await tensors.get("after")!.read()).toEqual(Float32Array.of(3));
    const end = new Uint8Array(28);
    await tensors.get("large")!.storage.readInto(length * 4 - 28, end);
    expect(new Float32Array(end.buffer)).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5, 6));
    await file.close();

    const python = process.env["GUARDAPESOS_PYTHON"] ?? "/usr/bin/python3";
    const program = `import torch; f = torch.load(${JSON.stringify(path)}); print(f["small"].tolist(), f["after"].tolist(), f["large"].numel(), f["large"][-7:].tolist())`;
    const said = execFileSync(python, ["-c", program], { encoding: "utf8" });
    expect(said.trim()).toBe(`[1.0, 2.0] [3.0] ${length} [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]`);
  });
});
