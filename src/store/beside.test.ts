/** Readers beside a training, whose retention removes what they have found before they have read it. */
import { appendFile, chmod, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  backup,
  examine,
  listBackups,
  listGenerations,
  newestWhole,
  openStore,
  resolveReference,
  verifyGeneration,
  type Generation,
} from "../checkpoint/index.js";
import { nodeDisk, type Disk } from "./disk.js";

async function folderWith(...steps: number[]) {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, label: "DRUSEN", name: "local", ballast: false });
  const saved: Generation[] = [];
  for (const step of steps) saved.push((await store.save(sample(step, "manual"))).generation);
  await store.close();
  return { folder, saved };
}

/** As retention does: first the name, then the files. */
async function take(folder: string): Promise<void> {
  const trash = join(folder, "..", `.trash-${basename(folder)}`);
  await rename(folder, trash);
  await rm(trash, { recursive: true });
}

/** A disk on which a folder is removed right before one of its files is read, once. */
function takingAway(folder: string, file: string): Disk {
  let done = false;
  const before = async (path: string): Promise<void> => {
    if (done || path !== join(folder, file)) return;
    done = true;
    await take(folder);
  };
  return {
    ...nodeDisk,
    async readText(path, ...rest) {
      await before(path);
      return nodeDisk.readText(path, ...rest);
    },
    async *chunks(path) {
      await before(path);
      yield* nodeDisk.chunks(path);
    },
    async info(path) {
      await before(path);
      return nodeDisk.info(path);
    },
  };
}

const files = ["manifest.json", "generator.pth", "critic.pth"];

describe.each(files)("a checkpoint that is removed when its %s is about to be read", (file) => {
  it("is not listed, and is not damaged", async () => {
    const { folder, saved } = await folderWith(1, 2, 3);
    const { whole, damaged } = await listGenerations(folder, takingAway(saved[1]!.folder, file));
    expect(damaged).toEqual([]);
    expect(whole.map(({ step }) => step)).toEqual([3, 1]);
  });

  it("is gone when it is verified, and no problem to the doctor", async () => {
    const { folder, saved } = await folderWith(1, 2, 3);
    const checked = await verifyGeneration(saved[2]!, {}, takingAway(saved[2]!.folder, file));
    expect(checked).toMatchObject({ whole: false, gone: true });
    const findings = await examine(folder, Date.now(), takingAway(saved[1]!.folder, file));
    expect(findings.filter(({ level }) => level === "problem")).toEqual([]);
  });

  it("is not passed over as damaged when the newest is meant", async () => {
    const { folder, saved } = await folderWith(1, 2, 3);
    const found = await newestWhole(folder, {}, takingAway(saved[2]!.folder, file));
    expect(found).toMatchObject({ generation: { step: 2 }, skipped: [] });
  });

  it("is said not to be there when it is asked for by its id", async () => {
    const { folder, saved } = await folderWith(1, 2);
    const asked = resolveReference(folder, saved[1]!.id, {}, takingAway(saved[1]!.folder, file));
    await expect(asked).rejects.toMatchObject({
      code: "CHECKPOINT_NOT_FOUND",
      data: { reference: saved[1]!.id, known: [saved[0]!.id] },
    });
  });
});

describe("a backup that is removed while it is read", () => {
  it("is not listed as damaged", async () => {
    const { folder } = await folderWith(1);
    const made = (await backup(folder)).backup!;
    expect(await listBackups(folder, takingAway(made.folder, "critic.pth"))).toEqual({
      whole: [],
      damaged: [],
    });
  });
});

describe("what is there and damaged", () => {
  it("is told all the same", async () => {
    const { folder, saved } = await folderWith(1, 2, 3);
    const { path } = saved[1]!.files[0]!;
    await chmod(path, 0o644);
    await appendFile(path, "x");
    const disk = takingAway(saved[0]!.folder, "critic.pth");
    const { whole, damaged } = await listGenerations(folder, disk);
    expect(whole.map(({ step }) => step)).toEqual([3]);
    expect(damaged).toMatchObject([{ id: saved[1]!.id, reason: "size" }]);
  });
});

describe("the doctor's own trial file", () => {
  it("may be cleared away by a training that begins, which is no fault of the disk", async () => {
    const { folder } = await folderWith(1);
    let cleared = false;
    const disk: Disk = {
      ...nodeDisk,
      async link(existing, path) {
        if (!cleared) await rm(existing);
        cleared = true;
        return nodeDisk.link(existing, path);
      },
    };
    const codes = (await examine(folder, Date.now(), disk)).map(({ code }) => code);
    expect(codes).toContain("links");
    expect(codes).not.toContain("no-links");
  });
});
