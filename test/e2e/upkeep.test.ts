/** The commands that look after checkpoints, as a person calls them, in a folder with spaces and accents in its name. */
import { appendFile, chmod, copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { codecs, listGenerations, openStore, type CheckpointKind } from "../../src/checkpoint/index.js";
import { guardedFolder, openStore as openFiles, siteOf, type CopiedArtifact } from "../../src/store/index.js";
import { sample, spoilt } from "../crash/numbers.js";
import { call, endOf, errorOf, eventsOf, tiny, train } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";
import { stateAt } from "../harness/state.js";

const weights = "mis pesos ñ";

/** A folder whose weights are these saves, by step from 1 on. */
async function folderWith(...kinds: readonly CheckpointKind[]) {
  const folder = await testFolder();
  const store = await openStore({ folder: join(folder, weights), label: "DRUSEN", name: "local" });
  const saved = [];
  for (const [index, kind] of kinds.entries()) {
    saved.push((await store.save(sample(index + 1, kind))).generation);
  }
  const told = async (...typed: string[]) => {
    const ended = await call(folder, [...typed, "--weights", weights]);
    return { ...ended, last: ended.lines.at(-1) as unknown as Readonly<Record<string, unknown>> };
  };
  return { folder, store, saved, told, inside: join(folder, weights) };
}

describe("prune, keep and list", { timeout: 120_000 }, () => {
  it("show, mark and remove, old emergencies first, and never while a training writes", async () => {
    const { store, saved, told } = await folderWith("emergency", "emergency", "epoch", "auto", "auto");
    expect((await told("keep", saved[0]!.id)).last).toMatchObject({ id: saved[0]!.id, keptByHand: true });
    const busy = await told("prune");
    expect([busy.code, errorOf(busy)?.code]).toEqual([75, "WEIGHTS_IN_USE"]);
    const plan = await told("prune", "--dry-run");
    expect(plan.last).toMatchObject({ dryRun: true, removals: [], removed: [], kept: 5 });
    await store.close();

    expect((await told("conservar", saved[0]!.id, "--undo")).last).toMatchObject({ keptByHand: false });
    const { last, code } = await told("limpiar");
    expect(code).toBe(0);
    expect(last).toMatchObject({
      removals: [{ id: saved[0]!.id, kind: "emergency", reason: "enough-newer-of-kind" }],
      removed: [saved[0]!.id],
      freed: saved[0]!.bytes,
      kept: 4,
    });
    const listed = (await told("list")).last["checkpoints"] as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual(
      saved
        .slice(1)
        .map(({ id }) => id)
        .reverse(),
    );
  });
});

describe("one checkpoint of so many steps", { timeout: 120_000 }, () => {
  it("stays for good where training and prune are told so", async () => {
    const folder = await testFolder();
    const settings = { ...tiny, end: 4, epochs: 2, phantoms: 96, autosave: 2, "keep-every": 8, backups: 0 };
    await call(folder, train(settings));
    const steps = async () =>
      (await listGenerations(join(folder, "weights"))).whole
        .filter(({ kind }) => kind === "auto")
        .map(({ step }) => step);
    const kept = await steps();
    expect(kept).toEqual(expect.arrayContaining([2, 8, 16]));
    await call(folder, ["prune", "--keep-every", "8"]);
    expect(await steps()).toEqual(kept);
    await call(folder, ["prune"]);
    expect((await steps()).length).toBeLessThan(kept.length);
  });
});

describe("backup and restore", { timeout: 120_000 }, () => {
  it("copy the newest checkpoint while a training writes, once a day, and bring it back", async () => {
    const { store, saved, told, folder, inside } = await folderWith("auto");
    const none = await told("restore");
    expect([none.code, errorOf(none)?.code]).toEqual([66, "NO_BACKUP"]);
    const { last } = await told("backup", "--daily");
    expect(last).toMatchObject({ type: "backup", id: saved[0]!.id, bytes: saved[0]!.bytes });
    expect((await told("respaldar", "--daily")).last).toMatchObject({ folder: null });
    const elsewhere = join(folder, "una memoria USB");
    expect((await told("backup", elsewhere)).last["folder"]).toMatch(/una memoria USB.\d{4}-\d{2}-\d{2}$/);

    await store.save(sample(2));
    const busy = await told("restore", "--yes");
    expect([busy.code, errorOf(busy)?.code]).toEqual([75, "WEIGHTS_IN_USE"]);
    await store.close();
    const unasked = await told("restore");
    expect([unasked.code, errorOf(unasked)?.code]).toEqual([64, "CONFIRMATION_NEEDED"]);
    expect(unasked.lines[0]).toMatchObject({ type: "backups", backups: [{ step: 1, position: null }] });
    const restored = (await told("restaurar", "--yes")).last;
    expect(restored).toMatchObject({ type: "restored", step: 1, problems: [] });
    const { whole } = await listGenerations(inside);
    expect(whole.map(({ step }) => step)).toEqual([1, 2, 1]);
    expect((await told("list")).last["backups"]).toHaveLength(1);
    expect((await told("restore", "2001-01-01")).code).toBe(66);
  });
});

describe("verify, stats and doctor", { timeout: 120_000 }, () => {
  it("find damage with its place, and say so with their exit code", async () => {
    const { store, saved, told } = await folderWith("auto", "epoch", "stage");
    await store.save(spoilt(sample(4)));
    await store.close();
    expect((await told("verify", "--all", "--deep")).code).toBe(0);
    const { last } = await told("estadisticas");
    expect(last).toMatchObject({ failed: 0, generations: 4, damaged: 0, byKind: { auto: { saves: 2 } } });

    const [, epoch, stage] = saved;
    await chmod(epoch!.files[0]!.path, 0o644);
    await appendFile(epoch!.files[0]!.path, "x");
    await rm(join(stage!.folder, "manifest.json"));
    const one = await told("verify", epoch!.id);
    expect(one.code).toBe(65);
    expect(one.last).toMatchObject({
      whole: false,
      damages: [{ file: "generator.pth", reason: "size", expected: epoch!.files[0]!.bytes }],
    });
    const all = await told("verificar", "--all");
    expect(all.code).toBe(65);
    expect(all.lines.map((line) => (line as unknown as { whole: boolean }).whole)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const doctor = await told("diagnosticar");
    expect(doctor.code).toBe(65);
    const problems = doctor.lines.filter((line) => "level" in line && line.level === "problem");
    expect(problems.map((line) => (line as unknown as { code: string }).code).sort()).toEqual([
      "damaged",
      "damaged",
      "not-finite",
    ]);
  });

  it("look at what is newer and damaged, too, when the newest is meant", async () => {
    const { store, saved, told } = await folderWith("auto", "manual");
    await store.close();
    await rm(join(saved[1]!.folder, "manifest.json"));
    const { code, lines } = await told("verify");
    expect(code).toBe(65);
    expect(lines).toMatchObject([
      { id: saved[0]!.id, whole: true },
      { id: saved[1]!.id, whole: false, damages: [{ file: "manifest.json", reason: "unfinished" }] },
    ]);
  });
});

describe("a folder that is no weights folder", { timeout: 120_000 }, () => {
  it.each(["list", "verify", "prune", "backup", "restore", "stats", "doctor", "keep"])(
    "is refused by %s, and nothing is made in it",
    async (command) => {
      const folder = await testFolder();
      await mkdir(join(folder, "images"));
      await writeFile(join(folder, "images", "a.png"), "");
      const typed = command === "keep" ? [command, "latest"] : [command];
      const refused = await call(folder, [...typed, "--weights", "images"]);
      expect([refused.code, errorOf(refused)?.code]).toEqual([66, "NOT_A_WEIGHTS_FOLDER"]);
      expect(await readdir(join(folder, "images"))).toEqual(["a.png"]);
      const missing = await call(folder, [...typed, "--weights", "nothing"]);
      expect([missing.code, errorOf(missing)?.code]).toEqual([66, "FOLDER_NOT_FOUND"]);
      expect(await readdir(folder)).toEqual(["images"]);
    },
  );
});

describe("two .pth files copied to another folder", { timeout: 120_000 }, () => {
  it("go on exactly where they were, whatever they are called there", async () => {
    const [here, there] = [await testFolder(), await testFolder()];
    const settings = { ...tiny, epochs: 2 };
    await call(here, train({ ...settings, "max-batches": 7 }));
    for (const [network, name] of [
      ["generator", "mi generador.pth"],
      ["critic", "el crítico (copia).pth"],
    ] as const) {
      await copyFile(join(here, "weights", `${network}_DRUSEN_local.pth`), join(there, name));
    }
    const moved = await call(
      there,
      train({ ...settings, weights: "pesos", resume: "el crítico (copia).pth", "max-batches": 12 }),
    );
    expect(eventsOf(moved, "resumed")[0]).toMatchObject({ position: { batches: 7 }, skipped: [] });
    expect(endOf(moved)).toMatchObject({ how: "limit", position: { batches: 12 } });
    await call(here, train({ ...settings, "max-batches": 12 }));
    expect(await stateAt(join(there, "pesos"))).toEqual(await stateAt(join(here, "weights")));
  });
});

describe("the generations of a guarded training", { timeout: 120_000 }, () => {
  /** Three sets of two files in `weights/guardapesos`, saved by nobody's network. */
  async function guarded(inside: string): Promise<readonly string[]> {
    const site = siteOf(inside, { folder: guardedFolder, codecs });
    const files = await openFiles(site, { label: "progan_local", name: "local" });
    const ids: string[] = [];
    const script = await testFolder();
    for (const step of [1, 2, 3]) {
      const artifacts: CopiedArtifact[] = [];
      for (const name of ["model.bin", "notes.txt"]) {
        const from = join(script, name);
        await writeFile(from, `${name} ${step}\n`.repeat(1000));
        artifacts.push({ name, medium: "opaque", bytes: 20_000, from });
      }
      const reason = { why: "other", text: "saved by the script" } as const;
      const report = await files.save({ kind: "manual", reason, artifacts, metadata: {} });
      ids.push(report.generation.id);
    }
    await files.close();
    return ids;
  }

  it("are found by every command, in place of networks", async () => {
    const folder = await testFolder();
    const inside = join(folder, weights);
    const ids = await guarded(inside);
    const told = async (...typed: string[]) => {
      const ended = await call(folder, [...typed, "--weights", weights]);
      expect([typed[0], ended.code, ended.stderr]).toEqual([typed[0], 0, ""]);
      return ended.lines.at(-1) as unknown as Readonly<Record<string, unknown>>;
    };
    const { checkpoints, damaged } = (await told("list")) as {
      checkpoints: Readonly<Record<string, unknown>>[];
      damaged: unknown[];
    };
    expect(damaged).toEqual([]);
    expect(checkpoints.map(({ id }) => id)).toEqual([...ids].reverse());
    expect(checkpoints[0]).toMatchObject({
      store: "guardapesos",
      reason: "saved by the script",
      position: null,
    });
    expect(checkpoints[0]).not.toHaveProperty("step");
    expect(await told("verify", ids[0]!)).toMatchObject({ id: ids[0], whole: true });
    expect(await told("keep", ids[0]!)).toMatchObject({ id: ids[0], keptByHand: true });
    expect(await told("prune")).toMatchObject({ removed: [], kept: 3 });
    const { folder: copy } = await told("backup");
    expect(await readdir(join(folder, String(copy)))).toEqual([
      "manifest.json",
      "model.bin",
      "notes.txt",
      "verified.json",
    ]);
    expect(await told("stats")).toMatchObject({ store: "guardapesos", generations: 3, damaged: 0 });
    await rm(join(inside, guardedFolder), { recursive: true });
    const { id } = await told("restore", "--yes");
    expect(id).toMatch(/^s00000004-manual-/);
    expect(await readdir(inside)).toEqual(["backups", "guardapesos"]);
    expect(await told("verify")).toMatchObject({ id, whole: true });
  });

  it("lie beside those of a training here, and each is told as its own", async () => {
    const { store, saved, told, inside } = await folderWith("auto", "auto");
    await store.close();
    const ids = await guarded(inside);
    const { checkpoints } = (await told("list")).last as { checkpoints: { id: string; store: string }[] };
    expect(checkpoints.map(({ id }) => id)).toEqual([...ids].reverse().concat(saved[1]!.id, saved[0]!.id));
    const all = await told("verify", "--all");
    expect([all.code, all.lines.length]).toEqual([0, 5]);
    const backups = (await told("backup")).lines.map((line) => (line as { id?: string }).id);
    expect(backups).toEqual([saved[1]!.id, ids[2]]);
    expect((await told("keep", ids[2]!)).last).toMatchObject({ id: ids[2], keptByHand: true });
    expect((await told("keep", saved[1]!.id)).last).toMatchObject({ id: saved[1]!.id, keptByHand: true });
    const findings = (await told("doctor")).lines.map((line) => (line as { code?: string }).code);
    expect(findings.filter((code) => code === "checkpoints")).toHaveLength(2);
    expect(findings.filter((code) => code === "writable")).toHaveLength(1);
    expect((await told("restore", saved[0]!.id)).last).toMatchObject({ from: saved[0]!.id, step: 1 });
  });
});
