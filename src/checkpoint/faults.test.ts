/** Reading what was saved, and the copy in memory, on a disk that fails at each operation in turn. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faulty } from "../../test/crash/faults.js";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { isGuardapesosError } from "../base/errors.js";
import { nodeDisk } from "../store/index.js";
import { loadCheckpoint, openStore, resolveReference, verifyGeneration } from "./index.js";
import {
  copiesLeft,
  createMirrorFile,
  openMirrorFile,
  publishFacts,
  readArrays,
  whichFolder,
} from "./mirror-file.js";
import { mirrorNames } from "./mirror-names.js";

/** Plays with each operation failing once, until none is left that could. @returns how many there were */
async function eachFailing(
  play: (disk: ReturnType<typeof faulty>["disk"]) => Promise<void>,
): Promise<number> {
  const faults = faulty(nodeDisk);
  for (let at = 0; ; at++) {
    faults.arm(at, "EIO");
    await play(faults.disk);
    const reached = faults.count();
    faults.disarm();
    if (reached <= at) return at;
  }
}

const codeOf = (error: unknown): string => {
  if (!isGuardapesosError(error)) throw error;
  return error.code;
};

describe("a disk that fails", () => {
  it("while a checkpoint is found and loaded: it is said, or what is given is what was saved", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, label: "DRUSEN", name: "local", ballast: false });
    const saved = sample(1);
    const { generation } = await store.save(saved);
    await store.close();
    const weight = saved.networks.get("critic")!.stateDict.get("conv.weight")!.data;
    const codes = new Set<string>();
    const name = join(folder, "critic_DRUSEN_local.pth");
    for (const reference of [generation.id, name]) {
      const operations = await eachFailing(async (disk) => {
        try {
          const { source } = await resolveReference(folder, reference, {}, disk);
          const { networks } = await loadCheckpoint(source, {}, disk);
          expect(networks.get("critic")!.stateDict.get("conv.weight")!.data).toEqual(weight);
        } catch (error) {
          codes.add(codeOf(error));
        }
      });
      // Its archives are read through the same disk: their headers, directories and tensors.
      expect(operations).toBeGreaterThan(40);
    }
    expect([...codes].sort()).toEqual(
      expect.arrayContaining(["CHECKPOINT_DAMAGED", "FOLDER_NOT_READABLE", "TORCH_FILE_UNREADABLE"]),
    );
  });

  it("while a checkpoint is verified: it is told as damage", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, label: "DRUSEN", name: "local", ballast: false });
    const { generation } = await store.save(sample(1));
    await store.close();
    let damaged = 0;
    const operations = await eachFailing(async (disk) => {
      const result = await verifyGeneration(generation, { deep: true }, disk).catch((error: unknown) => {
        if ((error as { code?: string }).code !== "EIO") throw error;
        return undefined;
      });
      if (result?.whole !== true) damaged++;
    });
    expect(damaged).toBe(operations);
  });

  it("while a copy in memory is made or read: there is none, or it is the one that was made", async () => {
    const folder = await temporaryFolder();
    const weights = join(folder, "weights");
    await mkdir(join(weights, "checkpoints"), { recursive: true });
    const before = process.env["GUARDAPESOS_MIRROR"];
    process.env["GUARDAPESOS_MIRROR"] = folder;
    const numbers = { shape: [300], data: Float32Array.from({ length: 300 }, (_, i) => i) };
    const paths = mirrorNames(folder, ["test"]);
    let given = 0;
    try {
      const operations = await eachFailing(async (disk) => {
        try {
          if (await createMirrorFile(paths, disk)) {
            const file = openMirrorFile(paths, 1200)!;
            const { layout, crc } = file.write(new Map([["a", numbers]]));
            const facts = { arrays: { layout, crc }, ...(await whichFolder(weights, disk)) };
            const about = { series: { label: "A", name: "b" }, run: "r", step: 1, content: {} };
            await publishFacts(paths, { ...facts, ...about, at: new Date().toISOString() }, disk);
          }
          for (const copy of await copiesLeft(weights, undefined, disk)) {
            const arrays = await readArrays({ path: copy.paths.arrays, ...copy.facts.arrays }, disk);
            if (arrays) expect(arrays.get("a")!.data).toEqual(numbers.data);
            if (arrays) given++;
          }
        } catch (error) {
          // What could not be made anew may not be there, either.
          expect((error as { code?: string }).code).toMatch(/^E(IO|NOENT)$/);
        }
        for (const { paths: left } of await copiesLeft(weights)) openMirrorFile(left, 1)?.remove();
        openMirrorFile(paths, 1)?.remove();
      });
      expect(operations).toBeGreaterThan(10);
      expect(given).toBeGreaterThan(0);
    } finally {
      if (before === undefined) delete process.env["GUARDAPESOS_MIRROR"];
      else process.env["GUARDAPESOS_MIRROR"] = before;
    }
  });
});
