/** Copies in a folder: the contract of every backend, and what only a folder can be asked. */
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { manifestFile } from "../../src/store/names.js";
import { openFolder, readFolder } from "../../src/store/backends/folder.js";
import { faulty } from "../crash/faults.js";
import { cutPower, describeWreck, layOut, record } from "../crash/power.js";
import { backendContract } from "./backend.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "guardapesos-backend-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = (): Promise<string> => mkdtemp(join(root, "f-"));
const open = (folder: string, disk: Disk = nodeDisk) => openFolder(disk, folder, []);

backendContract("a folder", async () => {
  const folder = await newFolder();
  return {
    open: () => open(folder),
    read: () => readFolder(nodeDisk, folder),
    async breakAt(at, lasting, act) {
      const faults = faulty(nodeDisk);
      const backend = await open(folder, faults.disk);
      faults.arm(at, "EIO", lasting);
      await act(backend).catch((error: unknown) => {
        if (!String(error).startsWith("Error: EIO")) throw error;
      });
      return faults.count() > at ? "failed" : undefined;
    },
  };
});

/** The same numbers from 0 to 1 for the same seed. */
function numbersOf(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const content = (text: string) => ({ bytes: Buffer.byteLength(text), pieces: [Buffer.from(text)] });
const day = "2025-11-06";

describe("a folder with copies", () => {
  it("has lost nothing that was put, and shows no half of anything, after a power cut at any moment", async () => {
    const folder = await newFolder();
    const recording = record(folder);
    const backend = await open(folder, recording.disk);
    const done: [string, number][] = [];
    const gone: [string, number][] = [];
    for (const generation of ["2025-11-06", "2025-11-07"]) {
      for (const file of ["a.pth", "b.pth"])
        await backend.put({ generation, file }, content(file.repeat(300)));
      await backend.put({ generation, file: manifestFile }, content(generation));
      done.push([generation, recording.operations.length]);
    }
    gone.push(["2025-11-06", recording.operations.length]);
    await backend.delete("2025-11-06");
    const seen = new Set<string>();
    for (let count = 0; count <= recording.operations.length; count++) {
      for (let dice = 0; dice < 4; dice++) {
        const random = numbersOf(count * 100 + dice);
        const survives = dice === 0 ? () => true : dice === 1 ? () => false : () => random() < 0.5;
        const left = cutPower(recording, count, survives);
        const looks = `${describeWreck(recording, left)} ${count}`;
        if (seen.has(looks)) continue;
        seen.add(looks);
        const wreck = await layOut(recording, left, root);
        for (const reader of [readFolder(nodeDisk, wreck), await open(wreck)]) {
          for (const [generation, by] of done) {
            const stat = await reader.stat(generation);
            const isGoing = gone.some(([name, from]) => name === generation && count > from);
            if (count >= by && !isGoing) expect(stat, `${generation} after ${count}`).toBeDefined();
            if (stat === undefined) continue;
            expect(stat).toEqual(
              new Map([
                ["a.pth", 1500],
                ["b.pth", 1500],
                [manifestFile, 10],
              ]),
            );
            for (const file of ["a.pth", "b.pth"]) {
              let text = "";
              for await (const piece of reader.get({ generation, file }))
                text += Buffer.from(piece).toString();
              expect(text).toBe(file.repeat(300));
            }
          }
        }
        expect((await readdir(wreck)).filter((name) => name.startsWith("."))).toEqual([]);
        await rm(wreck, { recursive: true });
      }
    }
  });

  it("leaves everything else in it alone, and takes none of it for a copy", async () => {
    const folder = await newFolder();
    await mkdir(join(folder, "photos"));
    await mkdir(join(folder, "2025-01-01"));
    await writeFile(join(folder, "2025-01-01", "holiday.jpg"), "x");
    await writeFile(join(folder, "2025-01-02"), "a file");
    await symlink(join(folder, "photos"), join(folder, "2025-01-03"));
    await writeFile(join(folder, "photos", manifestFile), "{}");
    const before = await readdir(folder, { recursive: true });
    const backend = await open(folder);
    const names: string[] = [];
    for await (const name of backend.list()) names.push(name);
    expect(names).toEqual([]);
    for (const name of ["2025-01-01", "2025-01-02", "2025-01-03", "photos"]) {
      expect(await backend.stat(name)).toBeUndefined();
      expect(await backend.delete(name)).toBe(false);
    }
    await expect(
      backend.put({ generation: "2025-01-01", file: "a.pth" }, content("x")),
    ).resolves.toBeUndefined();
    const last = backend.put({ generation: "2025-01-01", file: manifestFile }, content("{}"));
    await expect(last).rejects.toMatchObject({ fault: "exists" });
    await backend.discard("2025-01-01");
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it("gives no file through a link in a copy", async () => {
    const folder = await newFolder();
    const backend = await open(folder);
    await backend.put({ generation: day, file: manifestFile }, content("{}"));
    await writeFile(join(folder, "secret"), "x");
    await symlink(join(folder, "secret"), join(folder, day, "a.pth"));
    expect([...(await backend.stat(day))!.keys()]).toEqual([manifestFile]);
    await expect(
      backend.get({ generation: day, file: "a.pth" })[Symbol.asyncIterator]().next(),
    ).rejects.toThrow();
  });

  it("keeps a copy that a person has marked", async () => {
    const folder = await newFolder();
    const backend = await open(folder);
    await backend.put({ generation: day, file: manifestFile }, content("{}"));
    await writeFile(join(folder, day, "kept.json"), "{}");
    expect(await backend.delete(day)).toBe(false);
    expect(await backend.stat(day)).toBeDefined();
  });
});
