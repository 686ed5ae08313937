import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { putBack } from "./put-back.js";

it("puts a script's files back under its own names, and what stood there aside", async () => {
  const folder = await testFolder();
  const store = join(folder, "s1");
  await mkdir(store);
  for (const name of ["g.pth", "c.pth"]) await writeFile(join(store, name), `kept ${name}`, { mode: 0o444 });
  await writeFile(join(folder, "g.pth"), "newer");
  const place = (name: string) => ({ name, path: join(folder, "deep", "..", name) });
  const metadata = { guarded: { files: [place("g.pth"), place("c.pth"), { name: "snapshot.pth" }] } };
  const kept = ["g.pth", "c.pth"].map((name) => ({ path: join(store, name), bytes: 10 }));
  const { files, aside } = await putBack(metadata, kept, new Date(2025, 10, 6, 15, 30, 45));
  expect(files.map(({ path }) => path)).toEqual([join(folder, "g.pth"), join(folder, "c.pth")]);
  expect(aside).toEqual([join(folder, "OLD_g_20251106_153045.pth")]);
  expect(await readFile(join(folder, "g.pth"), "utf8")).toBe("kept g.pth");
  expect(await readFile(aside[0]!, "utf8")).toBe("newer");
  await writeFile(join(folder, "g.pth"), "the script saves again");
  expect(await readFile(join(store, "g.pth"), "utf8")).toBe("kept g.pth");
  expect((await readdir(folder)).sort()).toEqual(["OLD_g_20251106_153045.pth", "c.pth", "g.pth", "s1"]);
  expect(await putBack({ epoch: 3 }, kept, new Date())).toEqual({ files: [], aside: [] });
});

it("puts a folder back as a whole, with nothing of the newer one in it", async () => {
  const place = await testFolder();
  const [store, runs] = [join(place, "s1"), join(place, "runs")];
  const folder = join(runs, "checkpoint");
  for (const made of [store, runs, folder]) await mkdir(made);
  await writeFile(join(folder, "newer"), "n");
  const kept = [];
  for (const name of ["_metadata", "a.distcp"]) {
    await writeFile(join(store, name), name, { mode: 0o444 });
    kept.push({ path: join(store, name), bytes: name.length });
  }
  const files = [
    { name: "_metadata", path: join(folder, ".metadata") },
    { name: "a.distcp", path: join(folder, "a.distcp") },
  ];
  const metadata = { guarded: { kind: "dcp", watched: runs, checkpoint: ["checkpoint"], files } };
  const { aside } = await putBack(metadata, kept, new Date(2025, 10, 6, 15, 30, 45));
  expect((await readdir(folder)).sort()).toEqual([".metadata", "a.distcp"]);
  expect(aside).toEqual([join(runs, "OLD_checkpoint_20251106_153045")]);
  expect(await readdir(aside[0]!)).toEqual(["newer"]);
  // Where it was gone, nothing is put aside.
  for (const made of [folder, ...aside]) await rm(made, { recursive: true });
  expect((await putBack(metadata, kept, new Date(2025, 10, 6, 15, 30, 45))).aside).toEqual([]);
  expect(await readdir(runs)).toEqual(["checkpoint"]);
});
