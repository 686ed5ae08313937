/** Copies in a folder that everyone may write to: nothing in it is believed, or touched, that is not ours. */
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/crash/sample.js";
import {
  claimMirrorFile,
  copiesLeft,
  openMirrorFile,
  publishFacts,
  readArrays,
  removeMirror,
  whichFolder,
  type MirrorFacts,
  type MirrorPaths,
} from "./index.js";

const series = { label: "DRUSEN", name: "local" };
const arrays = new Map([["generator/a", { shape: [2], data: Float32Array.of(1, 2) }]]);
const windows = process.platform === "win32";
const root = process.getuid?.() === 0;

async function place() {
  const [memory, weights] = [await temporaryFolder(), await temporaryFolder()];
  await mkdir(join(weights, "checkpoints"));
  vi.stubEnv("GUARDAPESOS_MIRROR", memory);
  return { memory, weights };
}

async function copyInto(paths: MirrorPaths, weights: string, facts: Partial<MirrorFacts> = {}) {
  const filed = openMirrorFile(paths, 8)!.write(arrays);
  await publishFacts(paths, {
    arrays: filed,
    ...(await whichFolder(weights)),
    series,
    opened: 0,
    began: 0,
    run: "a",
    step: 5,
    at: new Date().toISOString(),
    content: {},
    ...facts,
  });
  return filed;
}

async function leave(weights: string, facts?: Partial<MirrorFacts>) {
  const paths = (await claimMirrorFile(weights, series))!;
  await copyInto(paths, weights, facts);
  return paths;
}

describe("a copy in memory", () => {
  it("is found by the folder that it is of and its class, and by no other", async () => {
    const { memory, weights } = await place();
    const paths = await leave(weights);
    const [found, ...more] = await copiesLeft(weights, series);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ paths, facts: { step: 5, series } });
    expect(await readArrays({ path: paths.arrays, ...found!.facts.arrays })).toEqual(arrays);
    expect(await copiesLeft(weights, { ...series, label: "CNV" })).toEqual([]);
    expect(await copiesLeft(weights)).toHaveLength(1);
    // Another folder at the same path: it was deleted and made anew, or its disk is not mounted.
    await rm(join(weights, "checkpoints"), { recursive: true });
    await mkdir(join(weights, "other"));
    await mkdir(join(weights, "checkpoints"));
    expect(await copiesLeft(weights, series)).toEqual([]);
    const next = await leave(weights);
    expect(basename(next.facts)).not.toBe(basename(paths.facts));
    expect(await readdir(memory)).toContain(basename(paths.facts));
  });

  it("that cannot be understood stays, and the next one lies beside it", async () => {
    const { memory, weights } = await place();
    const paths = await leave(weights);
    for (const text of ["{}", "", `{"format":1,"content":${"[".repeat(100_000)}`]) {
      await writeFile(paths.facts, text);
      expect(await copiesLeft(weights, series)).toEqual([]);
      const beside = await leave(weights);
      expect(await copiesLeft(weights, series)).toMatchObject([{ paths: beside }]);
      await removeMirror(beside);
      expect((await readdir(memory)).sort()).toEqual([basename(paths.arrays), basename(paths.facts)].sort());
    }
  });

  it("that was cut off in the middle makes room for the next", async () => {
    const { weights } = await place();
    const paths = await leave(weights);
    await rm(paths.facts);
    expect(await claimMirrorFile(weights, series)).toEqual(paths);
  });

  it("takes no memory for arrays that cannot be there", async () => {
    const { weights } = await place();
    const paths = (await claimMirrorFile(weights, series))!;
    const { crc } = await copyInto(paths, weights);
    const layout = [{ name: "generator/a", shape: [2 ** 20, 2 ** 20] }];
    expect(await readArrays({ path: paths.arrays, layout, crc })).toBeUndefined();
  });
});

describe.skipIf(windows)("somebody else in the folder", () => {
  const names = ["facts", "arrays"] as const;

  it.each([...names, "new"] as const)(
    "who puts a link under the name of %s has nothing written, read or removed through it",
    async (name) => {
      const { weights } = await place();
      const outside = join(await temporaryFolder(), "bashrc");
      await writeFile(outside, "export PATH=important");
      const paths = (await claimMirrorFile(weights, series))!;
      const path = name === "new" ? `${paths.facts}.new` : paths[name];
      await rm(path, { force: true });
      await symlink(outside, path);
      if (name === "arrays") expect(openMirrorFile(paths, 8)).toBeUndefined();
      else if (name === "new") await expect(copyInto(paths, weights)).rejects.toThrow();
      else {
        expect(await copiesLeft(weights, series)).toEqual([]);
        await copyInto(paths, weights);
      }
      await claimMirrorFile(weights, series);
      expect(await readFile(outside, "utf8")).toBe("export PATH=important");
    },
  );

  it("who puts a pipe there holds nobody up", async () => {
    const { weights } = await place();
    const paths = await leave(weights);
    for (const path of [paths.facts, paths.arrays]) {
      await rm(path);
      execFileSync("mkfifo", [path]);
    }
    expect(await copiesLeft(weights, series)).toEqual([]);
    expect(openMirrorFile(paths, 8)).toBeUndefined();
    expect(await claimMirrorFile(weights, series)).not.toEqual(paths);
  });

  it("whose file it is, or who could write to it, is not believed, and the file stays", async () => {
    const { weights } = await place();
    const paths = await leave(weights);
    await chmod(paths.facts, 0o666);
    expect(await copiesLeft(weights, series)).toEqual([]);
    await chmod(paths.facts, 0o600);
    expect(await copiesLeft(weights, series)).toHaveLength(1);
    if (!root) return;
    await chown(paths.facts, 65534, 65534);
    expect(await copiesLeft(weights, series)).toEqual([]);
    expect(await claimMirrorFile(weights, series)).not.toEqual(paths);
    await rm(paths.facts);
    await chown(paths.arrays, 65534, 65534);
    expect(await claimMirrorFile(weights, series)).not.toEqual(paths);
    expect(openMirrorFile(paths, 8)).toBeUndefined();
  });
});
