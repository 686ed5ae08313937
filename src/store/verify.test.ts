import { chmod, open, readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  listGenerations,
  loadCheckpoint,
  openStore,
  verifyGeneration,
  type Generation,
} from "../checkpoint/index.js";

async function generations(...steps: number[]): Promise<{ folder: string; whole: readonly Generation[] }> {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, label: "DRUSEN", name: "local" });
  for (const step of steps) await store.save(sample(step));
  await store.close();
  const { whole } = await listGenerations(folder);
  for (const one of whole)
    for (const name of await readdir(one.folder)) await chmod(join(one.folder, name), 0o644);
  return { folder, whole };
}

async function flip(path: string, bit: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, Math.floor(bit / 8));
  byte[0]! ^= 1 << (bit % 8);
  await file.write(byte, 0, 1, Math.floor(bit / 8));
  await file.close();
}

describe("verification", () => {
  it("finds nothing in a generation as it was saved, shallow or deep", async () => {
    const { whole } = await generations(1, 2);
    const [newest, parent] = whole;
    for (const deep of [false, true]) {
      const shares: number[] = [];
      const result = await verifyGeneration(newest!, {
        deep,
        parent: parent!,
        onProgress: (s) => shares.push(s),
      });
      expect(result).toEqual({
        id: newest!.id,
        whole: true,
        damages: [],
        gone: false,
        bytes: newest!.bytes,
        nonFinite: 0,
        stale: false,
      });
      expect(shares.at(-1)).toBe(1);
    }
  });

  it("reports a flipped bit anywhere in any file, with the file and a place", async () => {
    const { folder, whole } = await generations(1);
    const [one] = whole;
    const files = ["generator.pth", "critic.pth", "manifest.json"];
    const sizes = await Promise.all(
      files.map(async (name) => (await readFile(join(one!.folder, name))).length),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (which, share) => {
          const path = join(one!.folder, files[which]!);
          const bit = Math.floor(share * sizes[which]! * 8);
          await flip(path, bit);
          try {
            const { whole: sound, damages } = await verifyGeneration(one!);
            expect(sound).toBe(false);
            expect(damages[0]!.file).toBe(files[which]);
            expect(damages[0]!.reason).toMatch(
              which === 2 ? /./ : /torch|refused|unsupported|tensor|shape|checksum/,
            );
            // A damaged generation is never loaded, whatever says that it is whole.
            if (which === 2) expect((await listGenerations(folder)).damaged).toHaveLength(1);
          } finally {
            await flip(path, bit);
          }
        },
      ),
      { numRuns: 120 },
    );
    expect((await verifyGeneration(one!)).whole).toBe(true);
  });

  it("names the tensor in which the damage lies", async () => {
    const { whole } = await generations(1);
    const [one] = whole;
    const bytes = await readFile(one!.files[0]!.path);
    const { data } = sample(1).networks.get("generator")!.stateDict.get("late.bias")!;
    const at = bytes.indexOf(Buffer.from(data.buffer));
    expect(at).toBeGreaterThan(0);
    await flip(one!.files[0]!.path, at * 8 + 3);
    const { damages } = await verifyGeneration(one!);
    expect(damages).toHaveLength(1);
    expect(JSON.stringify(damages[0])).toMatch(/data\/\d+|late\.bias/);
    await expect(loadCheckpoint(one!)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
  });

  it("reports a file that is cut off, empty or gone", async () => {
    const { folder, whole } = await generations(1);
    const [one] = whole;
    const path = one!.files[1]!.path;
    await truncate(path, 1000);
    expect((await verifyGeneration(one!)).damages[0]).toMatchObject({
      file: "critic.pth",
      reason: "size",
      bytes: 1000,
    });
    await truncate(path, 0);
    expect((await verifyGeneration(one!)).damages[0]).toMatchObject({ file: "critic.pth", reason: "size" });
    await rm(path);
    expect((await verifyGeneration(one!)).damages[0]).toEqual({ file: "critic.pth", reason: "missing" });
    expect(await listGenerations(folder)).toEqual({
      whole: [],
      damaged: [{ id: one!.id, file: "critic.pth", reason: "missing" }],
    });
  });

  it("recognises a generation that repeats its parent's weights", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, label: "DRUSEN", name: "local" });
    const first = await store.save(sample(1));
    const second = await store.save({ ...sample(1), step: 9 });
    await store.close();
    const result = await verifyGeneration(second.generation, { parent: first.generation });
    expect(result).toMatchObject({ whole: true, stale: true });
  });
});
