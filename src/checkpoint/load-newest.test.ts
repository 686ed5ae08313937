import { chmod, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { loadCheckpoint, loadNewest, openStore, type Checkpoint } from "./index.js";
import { hashInThread } from "../store/disk-hash.js";
import { nodeDisk } from "../store/disk.js";
import { hashFile } from "../store/hash-file.js";

const series = { label: "DRUSEN", name: "local" };

/** Files of 36 MB: large enough to be hashed in a thread, and records of several pieces. */
function large(step: number): Checkpoint {
  const weight = { shape: [9_000_000], data: Float32Array.from({ length: 9_000_000 }, (_, i) => i + step) };
  const { networks, ...rest } = sample(step);
  const generator = { ...networks.get("generator")!, stateDict: new Map([["weight", weight]]) };
  return {
    ...rest,
    networks: new Map([["generator", { ...generator, parameters: ["weight"], adam: undefined }]]),
  };
}

/** Changes a byte that no tensor and no checksum of the archive covers: padding before the first record. */
async function changePadding(path: string): Promise<void> {
  await chmod(path, 0o644);
  const file = await open(path, "r+");
  const header = Buffer.alloc(30);
  await file.read(header, 0, 30, 0);
  const last = 30 + header.readUInt16LE(26) + header.readUInt16LE(28) - 1;
  await file.write(Buffer.of(1), 0, 1, last);
  await file.close();
}

describe("the newest checkpoint, loaded while it is verified", () => {
  it("is there only when every byte of its files is right; otherwise the one before it", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, ...series, ballast: false });
    const [first, second] = [await store.save(large(1)), await store.save(large(2))];
    await store.close();
    const newest = await loadNewest(folder, { series });
    expect(newest).toMatchObject({ generation: { id: second.generation.id }, skipped: [] });
    expect(newest!.checkpoint.networks.get("generator")!.stateDict.get("weight")!.data.at(-1)).toBe(
      9_000_001,
    );

    await changePadding(second.generation.files[0]!.path);
    expect((await loadCheckpoint(second.generation)).step).toBe(2);
    const older = await loadNewest(folder, { series });
    expect(older).toMatchObject({
      generation: { id: first.generation.id },
      checkpoint: { step: 1 },
      skipped: [{ id: second.generation.id, file: "generator.pth", reason: "checksum" }],
    });
  });

  it("is undefined where there is none", async () => {
    expect(await loadNewest(await temporaryFolder(), { series })).toBeUndefined();
  });
});

describe("hashing in a thread", () => {
  it("gives what hashing here does, and the same error where there is no file", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "file");
    await writeFile(path, Buffer.alloc(3_000_000, 7));
    expect(await hashInThread(path)).toBe(await hashFile(nodeDisk, path));
    await expect(hashInThread(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
