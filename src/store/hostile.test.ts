/**
 * A weights folder in which others have put something: links that lead out of it, pipes that nobody writes to, sockets,
 * texts of any size and depth. Nothing outside is read, written or removed, nothing waits, and what is whole goes on.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import {
  backup,
  examine,
  keepByHand,
  listBackups,
  listGenerations,
  newestWhole,
  openStore,
  prune,
  resolveReference,
  restore,
  storeStats,
  type StoreOptions,
} from "../checkpoint/index.js";
import { nodeDisk } from "./disk.js";
import { readGeneration } from "./generations.js";
import { readJournal } from "./journal.js";
import { highestSequence, renderManifest, type Manifest } from "./manifest.js";
import { folderPath } from "./brands.js";
import { siteOf } from "./site.js";

const options = (folder: string): StoreOptions => ({
  folder,
  label: "DRUSEN",
  name: "local",
  ballast: false,
});

async function saveInto(folder: string, ...steps: number[]) {
  const store = await openStore(options(folder));
  const reports = [];
  for (const step of steps) reports.push(await store.save(sample(step)));
  await store.close();
  return { opening: store.opening, reports };
}

async function weightsWith(...steps: number[]) {
  const folder = await temporaryFolder();
  const { reports } = await saveInto(folder, ...steps);
  const checkpoints = join(folder, "checkpoints");
  return { folder, checkpoints, ids: reports.map(({ generation }) => generation.id) };
}

/** A folder of someone else's, and a look at whether all of it is as it was. */
async function outside() {
  const folder = await temporaryFolder("someone-");
  const file = join(folder, "thesis.txt");
  await writeFile(file, "precious");
  const untouched = async () => {
    expect(await readdir(folder)).toEqual(["thesis.txt"]);
    expect(await readFile(file, "utf8")).toBe("precious");
  };
  return { folder, file, untouched };
}

const trashOf = (id: string) => `.trash-${id}`;
const oldId = "00000001-auto-20250101_000000";
const newId = "00000099-auto-20990101_000000";
const kinds = process.platform === "win32" ? [] : (["pipe", "socket", "folder", "link to nothing"] as const);

/** Puts something that is no file at a path. */
async function obstruct(path: string, kind: (typeof kinds)[number]): Promise<void> {
  await rm(path, { recursive: true, force: true });
  if (kind === "pipe") execFileSync("mkfifo", [path]);
  else if (kind === "folder") await mkdir(path);
  else if (kind === "link to nothing") await symlink(join(path, "..", "nothing"), path);
  else {
    // A socket's path may not be long.
    const short = join(await temporaryFolder("s-"), "s");
    const server = createServer().listen(short);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    await rename(short, path);
  }
}

describe.skipIf(process.platform === "win32")("a link in a weights folder", () => {
  it.each([`.tmp-${oldId}`, trashOf(oldId), ".tmp-link-generator_DRUSEN_local.pth"])(
    "under the name of something left over, %s, goes without what it leads to",
    async (name) => {
      const { folder, checkpoints } = await weightsWith(1, 2);
      const other = await outside();
      await symlink(other.folder, join(checkpoints, name));
      const { opening } = await saveInto(folder, 3);
      expect(opening.problems).toEqual([]);
      await other.untouched();
      expect(await readdir(checkpoints)).not.toContain(name);
    },
  );

  it("inside something left over goes without what it leads to", async () => {
    const { folder, checkpoints } = await weightsWith(1);
    const other = await outside();
    await mkdir(join(checkpoints, `.tmp-${oldId}`));
    await symlink(other.folder, join(checkpoints, `.tmp-${oldId}`, "generator.pth"));
    const { opening } = await saveInto(folder, 2);
    expect(opening.leftovers).toEqual([`.tmp-${oldId}`]);
    await other.untouched();
  });

  it("in the place of a checkpoint is damage; what it leads to is neither read nor removed", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    const elsewhere = join(await temporaryFolder(), "moved");
    await rename(join(checkpoints, ids[1]!), elsewhere);
    await symlink(elsewhere, join(checkpoints, ids[1]!));
    const { whole, damaged } = await listGenerations(folder);
    expect(whole.map(({ id }) => id)).toEqual([ids[0]]);
    expect(damaged).toEqual([{ id: ids[1], file: ids[1], reason: "not-a-file", found: "link" }]);
    await expect(resolveReference(folder, ids[1]!)).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    await saveInto(folder, 3, 4, 5, 6, 7);
    await prune(folder);
    expect((await readdir(elsewhere)).sort()).toContain("manifest.json");
    expect(await readdir(checkpoints)).toContain(ids[1]);
  });

  it("in the place of a checkpoint's file is damage, however right what it leads to is", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    const file = join(checkpoints, ids[1]!, "critic.pth");
    const elsewhere = join(await temporaryFolder(), "critic.pth");
    await rename(file, elsewhere);
    await symlink(elsewhere, file);
    expect((await listGenerations(folder)).damaged).toEqual([
      { id: ids[1], file: "critic.pth", reason: "not-a-file", found: "link" },
    ]);
    expect((await newestWhole(folder))?.generation.id).toBe(ids[0]);
  });

  it("in the place of the save log is never written through, to a file or to nothing", async () => {
    for (const target of ["thesis.txt", "new"]) {
      const { folder, checkpoints } = await weightsWith(1);
      const other = await outside();
      await rm(join(checkpoints, "journal.jsonl"));
      await symlink(join(other.folder, target), join(checkpoints, "journal.jsonl"));
      const { reports } = await saveInto(folder, 2);
      expect(reports[0]!.problems).toMatchObject([{ what: "journal" }]);
      await other.untouched();
    }
  });

  it("in the place of a mark is replaced by the mark, and not written through", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1);
    const other = await outside();
    const verified = join(checkpoints, ids[0]!, "verified.json");
    await rm(verified);
    await symlink(other.file, verified);
    await saveInto(folder);
    await keepByHand(folder, ids[0]!, true);
    await other.untouched();
    expect((await listGenerations(folder)).whole).toMatchObject([{ keptByHand: true }]);
    expect((await listGenerations(folder)).whole[0]!.verifiedAt).toBeDefined();
  });

  it("at a familiar name is moved aside as it is", async () => {
    const { folder } = await weightsWith(1);
    const other = await outside();
    const name = join(folder, "generator_DRUSEN_local.pth");
    for (const target of [other.file, join(other.folder, "nothing")]) {
      await rm(name);
      await symlink(target, name);
      const { movedAside } = (await saveInto(folder)).opening;
      expect(movedAside).toHaveLength(1);
      expect((await nodeDisk.info(movedAside[0]!))?.kind).toBe("link");
      await rm(movedAside[0]!);
    }
    await other.untouched();
  });

  it("that leads nowhere is told as such, as the weights folder and above it", async () => {
    const weights = join(await temporaryFolder(), "weights");
    await symlink(join(weights, "..", "unmounted"), weights);
    for (const folder of [weights, join(weights, "deep")]) {
      const opening = openStore({ folder, label: "DRUSEN", name: "local" });
      await expect(opening).rejects.toMatchObject({ code: "LINK_LEADS_NOWHERE", data: { path: weights } });
    }
  });

  it("in the place of the checkpoints or the backups is refused, to read and to write", async () => {
    const { folder, checkpoints } = await weightsWith(1);
    const elsewhere = join(await temporaryFolder(), "checkpoints");
    await symlink(elsewhere, join(folder, "backups"));
    await mkdir(elsewhere);
    await mkdir(join(elsewhere, ".tmp-2024-01-01"));
    await expect(backup(folder)).rejects.toMatchObject({ code: "FOLDER_IS_LINK" });
    expect((await listBackups(folder)).damaged).toMatchObject([{ reason: "not-a-file", found: "link" }]);
    expect(await readdir(elsewhere)).toEqual([".tmp-2024-01-01"]);
    await rm(elsewhere, { recursive: true });
    await rename(checkpoints, elsewhere);
    await symlink(elsewhere, checkpoints);
    for (const act of [
      () => listGenerations(folder),
      () => newestWhole(folder),
      () => prune(folder),
      () => openStore(options(folder)),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: "FOLDER_IS_LINK" });
    }
  });

  it("in the place of a backup is damage, and goes without what it leads to", async () => {
    const { folder } = await weightsWith(1);
    const other = await outside();
    const backups = join(folder, "backups");
    await mkdir(backups);
    for (const name of ["2024-01-01", ".tmp-2024-01-02", ".trash-2024-01-03"])
      await symlink(other.folder, join(backups, name));
    await expect(restore(folder, "2024-01-01")).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
    expect((await listBackups(folder)).damaged).toMatchObject([{ id: "2024-01-01", found: "link" }]);
    await backup(folder, { keep: 1 });
    await other.untouched();
  });
});

it.skipIf(process.platform === "win32")(
  "works in a weights folder that is a link itself, or lies under one, as in any other",
  async () => {
    const real = await temporaryFolder();
    const home = join(await temporaryFolder(), "home");
    await symlink(real, home);
    await mkdir(join(real, "weights"));
    const linked = join(real, "linked");
    await symlink(join(real, "weights"), linked);
    for (const [folder, steps] of [
      [join(home, "weights"), [1, 2]],
      [linked, [3]],
    ] as const) {
      const { opening, reports } = await saveInto(folder, ...steps);
      expect([opening, ...reports].flatMap(({ problems }) => problems)).toEqual([]);
      await backup(folder);
      await prune(folder);
      const findings = await examine(folder);
      expect(findings.filter(({ level }) => level === "problem")).toEqual([]);
      // A path that a person has typed may be a link, too.
      const shortcut = join(real, `shortcut-${steps[0]}`);
      await symlink(reports[0]!.generation.folder, shortcut);
      expect((await resolveReference(folder, shortcut)).source).toMatchObject({ from: "generation" });
      expect((await restore(folder, shortcut)).generation.step).toBe(steps[0]);
    }
    expect((await listGenerations(linked)).damaged).toEqual([]);
  },
);

describe.skipIf(kinds.length === 0).each(kinds)("a %s", (kind) => {
  it("in the place of a manifest or of a checkpoint's file is damage, and nobody waits for it", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    await obstruct(join(checkpoints, ids[1]!, "generator.pth"), kind);
    await mkdir(join(checkpoints, newId));
    await obstruct(join(checkpoints, newId, "manifest.json"), kind);
    const { whole, damaged } = await listGenerations(folder);
    expect(whole.map(({ id }) => id)).toEqual([ids[0]]);
    expect(damaged.map(({ id, reason }) => [id, reason])).toEqual([
      [ids[1], "not-a-file"],
      [newId, "not-a-file"],
    ]);
    expect((await newestWhole(folder))?.generation.id).toBe(ids[0]);
    expect((await saveInto(folder, 4)).reports[0]!.problems).toEqual([]);
  });

  it("in the place of the save log, a mark, a lock or what is left over holds nothing up", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    await obstruct(join(checkpoints, "journal.jsonl"), kind);
    await obstruct(join(checkpoints, ids[1]!, "verified.json"), kind);
    await obstruct(join(checkpoints, `.lock-${"0".repeat(32)}`), kind);
    if (kind !== "folder") await obstruct(join(checkpoints, `.tmp-${oldId}`), kind);
    expect((await listGenerations(folder)).whole.map(({ verifiedAt }) => verifiedAt !== undefined)).toEqual([
      false,
      true,
    ]);
    expect(await storeStats(folder)).toMatchObject({ generations: 2, bytesWritten: 0 });
    await saveInto(folder, 3);
    await prune(folder);
    expect((await listGenerations(folder)).whole[0]!.step).toBe(3);
  });
});

/** A manifest with other content, sealed as it should be. */
async function reseal(folder: string, change: (manifest: Record<string, unknown>) => void): Promise<void> {
  const path = join(folder, "manifest.json");
  const { manifest } = JSON.parse(await readFile(path, "utf8")) as { manifest: Record<string, unknown> };
  change(manifest);
  await rm(path);
  await writeFile(path, renderManifest(manifest as unknown as Manifest));
}

describe("a manifest", () => {
  it("that is nested without end, or larger than any, is one damaged checkpoint", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    await rm(join(checkpoints, ids[1]!, "manifest.json"));
    await writeFile(
      join(checkpoints, ids[1]!, "manifest.json"),
      `{"manifest":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
    );
    await mkdir(join(checkpoints, newId));
    await writeFile(join(checkpoints, newId, "manifest.json"), "");
    await truncate(join(checkpoints, newId, "manifest.json"), 2 ** 33);
    const { whole, damaged } = await listGenerations(folder);
    expect(whole.map(({ id }) => id)).toEqual([ids[0]]);
    expect(damaged.map(({ reason }) => reason)).toEqual(["too-deep", "too-large"]);
    expect((await saveInto(folder, 4)).reports[0]!.problems).toEqual([]);
  });

  it.each([
    { sequence: 1e300 },
    { sequence: Number.MAX_SAFE_INTEGER },
    { sequence: highestSequence + 1 },
    { sequence: 1.5 },
    { sequence: -1 },
    { step: 1e300 },
    { label: "../../x" },
    { name: "a/b" },
  ])("that says %j is one damaged checkpoint, and counting goes on from the others", async (said) => {
    const { folder, checkpoints, ids } = await weightsWith(1, 2);
    await reseal(join(checkpoints, ids[1]!), (manifest) => Object.assign(manifest, said));
    expect((await listGenerations(folder)).damaged).toMatchObject([{ id: ids[1], reason: "invalid" }]);
    const { reports } = await saveInto(folder, 3, 4);
    expect(reports.map(({ generation }) => generation.sequence)).toEqual([3, 4]);
    expect((await listGenerations(folder)).whole[0]!.step).toBe(4);
  });

  it("may be anything at all: it is refused as damage, or read", async () => {
    const { folder, checkpoints, ids } = await weightsWith(1);
    const path = join(checkpoints, ids[0]!, "manifest.json");
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json({ depthSize: "large" }),
      fc.record({ manifest: fc.jsonValue(), sha256: fc.string() }).map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        await rm(path);
        await writeFile(path, text);
        await expect(
          readGeneration(nodeDisk, folderPath(join(checkpoints, ids[0]!)), ids[0]!, siteOf(folder)),
        ).rejects.toMatchObject({ code: "CHECKPOINT_DAMAGED" });
      }),
      { numRuns: 60 },
    );
  });
});

describe("the save log", () => {
  it("gives the lines that are right, whatever stands between them", async () => {
    const { folder, checkpoints } = await weightsWith(1, 2);
    const journal = join(checkpoints, "journal.jsonl");
    const [good] = await readJournal(siteOf(folder));
    const bad = [
      { ...good, sequence: 1e300 },
      { ...good, sequence: -1 },
      { ...good, seconds: -5 },
      { ...good, bytes: 0.5 },
      { ...good, at: "yesterday" },
    ].map((entry) => JSON.stringify(entry));
    const deep = `{"at":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    await appendFile(journal, ["", ...bad, deep, "{", "null", "\u0000", JSON.stringify(good), ""].join("\n"));
    expect(await readJournal(siteOf(folder))).toHaveLength(3);
    const stats = await storeStats(folder);
    expect(stats.byKind.auto.saves).toBe(3);
    expect(stats.secondsSaving).toBeGreaterThan(0);
    const { reports } = await saveInto(folder, 3);
    expect(reports[0]!.generation.sequence).toBe(3);
  });

  it("is read from its end where it is longer than any: counting goes on", async () => {
    const { folder, checkpoints } = await weightsWith(1, 2);
    const journal = join(checkpoints, "journal.jsonl");
    const text = await readFile(journal, "utf8");
    await writeFile(journal, "");
    await truncate(journal, 2 ** 32);
    await appendFile(journal, `\n${text}`);
    expect(await readJournal(siteOf(folder))).toHaveLength(2);
  });
});

it("a mark may hold anything: then the checkpoint is not known to be verified, and is marked anew", async () => {
  const { folder, checkpoints, ids } = await weightsWith(1);
  const verified = join(checkpoints, ids[0]!, "verified.json");
  const deep = `${"[".repeat(1000)}${"]".repeat(1000)}`;
  for (const text of ["", "null", deep, `{"at":"never"}`, " ".repeat(10_000)]) {
    await rm(verified);
    await writeFile(verified, text);
    expect((await listGenerations(folder)).whole[0]!.verifiedAt).toBeUndefined();
    await saveInto(folder);
    expect((await listGenerations(folder)).whole[0]!.verifiedAt).toBeDefined();
  }
});

it("what is left over may be dated in the future", async () => {
  const { folder, checkpoints } = await weightsWith(1);
  await mkdir(join(checkpoints, `.tmp-${oldId}`));
  const ahead = new Date("2099-01-01");
  await utimes(join(checkpoints, `.tmp-${oldId}`), ahead, ahead);
  expect((await saveInto(folder)).opening.leftovers).toEqual([`.tmp-${oldId}`]);
  expect(existsSync(join(checkpoints, `.tmp-${oldId}`))).toBe(false);
});
