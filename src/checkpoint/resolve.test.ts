import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, spoilt, temporaryFolder } from "../../test/crash/sample.js";
import { float32Tensor, orderedDict, writeTorchFile } from "../torch/index.js";
import {
  listGenerations,
  loadCheckpoint,
  newestWhole,
  openStore,
  resolveReference,
  type CheckpointKind,
} from "./index.js";
import { parseManifest, renderManifest } from "../store/manifest.js";

async function weightsWith(...saves: [number, CheckpointKind][]) {
  const folder = await temporaryFolder();
  const store = await openStore({ folder, label: "DRUSEN", name: "local" });
  const reports = [];
  for (const [step, kind] of saves) reports.push(await store.save(sample(step, kind)));
  await store.close();
  return { folder, reports };
}

async function load(folder: string, reference: string) {
  const { source, skipped } = await resolveReference(folder, reference);
  return { source, skipped, checkpoint: await loadCheckpoint(source) };
}

async function plain(path: string, value: number): Promise<void> {
  const tensor = float32Tensor([1], Float32Array.of(value));
  await writeTorchFile(path, orderedDict([["state_dict", orderedDict([["a.weight", tensor]])]]));
}

describe("a reference", () => {
  it("is latest, an id, a kind, a folder, or either file of a pair by any of its names", async () => {
    const { folder, reports } = await weightsWith([1, "emergency"], [2, "epoch"], [3, "auto"]);
    const [emergency, epoch, auto] = reports;
    const steps: [string, number][] = [
      ["latest", 3],
      ["emergency", 1],
      ["epoch", 2],
      [epoch!.generation.id, 2],
      [epoch!.generation.folder, 2],
      [folder, 3],
      [emergency!.files[1]!.path, 1],
      [basename(emergency!.files[0]!.path), 1],
      ["critic_DRUSEN_local.pth", 3],
      [auto!.generation.files[0]!.path, 3],
    ];
    for (const [reference, step] of steps) {
      const { checkpoint } = await load(folder, reference);
      expect([reference, checkpoint]).toEqual([reference, sample(step, checkpoint.kind)]);
    }
  });

  it("that means nothing names what there is", async () => {
    const { folder, reports } = await weightsWith([1, "auto"]);
    for (const reference of ["stage", "nothing.pth", "00000099-auto-20200101_000000"]) {
      await expect(resolveReference(folder, reference)).rejects.toMatchObject({
        code: "CHECKPOINT_NOT_FOUND",
        data: { reference, known: [reports[0]!.generation.id] },
      });
    }
    const empty = await temporaryFolder();
    await expect(resolveReference(empty, "latest")).rejects.toMatchObject({ code: "CHECKPOINT_NOT_FOUND" });
    expect(await newestWhole(join(empty, "not", "there"))).toBeUndefined();
  });

  it("skips newer ones that are not whole, says why, and leaves them where they are", async () => {
    const { folder, reports } = await weightsWith([1, "manual"], [2, "manual"], [3, "manual"], [4, "manual"]);
    const [, second, third, fourth] = reports.map((one) => one.generation);
    await rm(join(fourth!.folder, "manifest.json"));
    const damaged = third!.files[0]!.path;
    await chmod(damaged, 0o644);
    await writeFile(damaged, Buffer.alloc(third!.files[0]!.bytes));
    const { source, skipped, checkpoint } = await load(folder, "latest");
    expect(checkpoint.step).toBe(2);
    expect(source).toMatchObject({ from: "generation", generation: { id: second!.id } });
    expect(skipped.map(({ id }) => id)).toEqual([fourth!.id, third!.id]);
    expect(skipped[0]).toEqual({ id: fourth!.id, file: "manifest.json", reason: "unfinished" });
    expect(skipped[1]).toMatchObject({
      file: "generator.pth",
      reason: "torch",
      problem: { reason: "zeros" },
    });
    expect(await readdir(join(folder, "checkpoints"))).toEqual(
      expect.arrayContaining([third!.id, fourth!.id]),
    );
    await expect(resolveReference(folder, third!.id)).rejects.toMatchObject({
      code: "CHECKPOINT_DAMAGED",
      data: { id: third!.id, file: "generator.pth" },
    });
  });
});

describe("when there are generations and not one is whole", () => {
  it("latest says so instead of finding nothing", async () => {
    const { folder, reports } = await weightsWith([1, "manual"], [2, "manual"]);
    const [, newest] = reports.map((one) => one.generation);
    for (const { generation } of reports) {
      await chmod(generation.files[0]!.path, 0o644);
      await writeFile(generation.files[0]!.path, Buffer.alloc(generation.files[0]!.bytes));
    }
    const damaged = { code: "CHECKPOINT_DAMAGED", data: { id: newest!.id } };
    await expect(newestWhole(folder)).rejects.toMatchObject(damaged);
    for (const { generation } of reports) await rm(generation.files[0]!.path);
    await expect(newestWhole(folder)).rejects.toMatchObject(damaged);
  });
});

describe("weights that are not numbers", () => {
  it("are passed over by latest and by a kind, and taken only by their id", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, label: "DRUSEN", name: "local" });
    const diverged = async (step: number, kind: CheckpointKind) =>
      (await store.save(spoilt(sample(step, kind)))).generation.id;
    const first = await diverged(1, "epoch");
    const none = { code: "WEIGHTS_NOT_FINITE", data: { id: first } };
    await expect(resolveReference(folder, "latest")).rejects.toMatchObject(none);
    await store.save(sample(2, "emergency"));
    const third = await diverged(3, "emergency");
    await store.close();
    for (const reference of ["latest", "emergency"]) {
      const { checkpoint, skipped } = await load(folder, reference);
      expect(checkpoint.step).toBe(2);
      expect(skipped).toEqual([
        { id: third, file: "manifest.json", reason: "not-finite", values: expect.any(Number) as number },
      ]);
    }
    await expect(resolveReference(folder, "epoch")).rejects.toMatchObject(none);
    expect((await load(folder, third)).checkpoint.step).toBe(3);
  });
});

describe("a damaged manifest, which cannot say whose it is", () => {
  it("is never taken for nothing, although another name's checkpoints are whole", async () => {
    const { folder, reports } = await weightsWith([1, "auto"]);
    const other = await openStore({ folder, label: "DRUSEN", name: "night" });
    await other.save(sample(2, "epoch"));
    await other.close();
    await rm(join(reports[0]!.generation.folder, "manifest.json"));
    const series = { label: "DRUSEN", name: "local" };
    const damaged = { code: "CHECKPOINT_DAMAGED", data: { id: reports[0]!.generation.id } };
    await expect(newestWhole(folder, { series })).rejects.toMatchObject(damaged);
    await expect(resolveReference(folder, "latest", { series })).rejects.toMatchObject(damaged);
    // Its name does say what kind it is not.
    await expect(resolveReference(folder, "stage", { series })).rejects.toMatchObject({
      code: "CHECKPOINT_NOT_FOUND",
    });
    expect((await newestWhole(folder, { series: { ...series, name: "night" } }))?.generation.step).toBe(2);
  });

  it("of a newer format is not called damaged", async () => {
    const { folder, reports } = await weightsWith([1, "auto"]);
    const path = join(reports[0]!.generation.folder, "manifest.json");
    const manifest = { ...parseManifest(reports[0]!.generation.id, await readFile(path, "utf8")), format: 4 };
    await rm(path);
    await writeFile(path, renderManifest(manifest));
    const newer = { code: "CHECKPOINT_FORMAT_NEWER", data: { id: manifest.id, format: 4 } };
    await expect(resolveReference(folder, "latest")).rejects.toMatchObject(newer);
    await expect(resolveReference(folder, manifest.id)).rejects.toMatchObject(newer);
  });
});

describe("two files copied by hand to another folder", () => {
  it("resume exactly, by path, by folder, and as latest, whatever they are called", async () => {
    const { reports } = await weightsWith([5, "auto"]);
    const elsewhere = await temporaryFolder("otra carpeta ñ-");
    const [one, two] = [join(elsewhere, "mi generador.pth"), join(elsewhere, "crítico.pth")];
    await copyFile(reports[0]!.files[0]!.path, one);
    await copyFile(reports[0]!.files[1]!.path, two);
    for (const reference of [one, two, elsewhere, "latest"]) {
      const { source, checkpoint } = await load(elsewhere, reference);
      expect(source.from).toBe("files");
      expect(checkpoint).toEqual(sample(5));
    }
  });

  it("are refused when they are of different saves, with the right partner named", async () => {
    const { folder, reports } = await weightsWith([5, "manual"], [6, "manual"]);
    const elsewhere = await temporaryFolder();
    const [old, other] = reports.map((one) => one.generation);
    const generator = join(elsewhere, "generator_DRUSEN_local.pth");
    await copyFile(old!.files[0]!.path, generator);
    await copyFile(other!.files[1]!.path, join(elsewhere, "critic_DRUSEN_local.pth"));
    await expect(resolveReference(elsewhere, generator)).rejects.toMatchObject({
      code: "CHECKPOINT_PAIR_MISMATCH",
      data: { generator, critic: join(elsewhere, "critic_DRUSEN_local.pth"), partner: undefined },
    });
    await copyFile(old!.files[1]!.path, join(elsewhere, "spare.pth"));
    expect((await load(elsewhere, generator)).checkpoint.step).toBe(5);
    await mkdir(join(elsewhere, "deep"));
    await rename(join(elsewhere, "spare.pth"), join(elsewhere, "deep", "spare.pth"));
    await expect(resolveReference(join(elsewhere, "deep"), generator)).rejects.toMatchObject({
      data: { partner: join(elsewhere, "deep", "spare.pth") },
    });
    // In the folder where they come from, the file's own generation is taken.
    expect((await load(folder, generator)).checkpoint.step).toBe(5);
  });

  it("need not be two for a caller that needs one", async () => {
    const { reports } = await weightsWith([5, "auto"]);
    const elsewhere = await temporaryFolder();
    const generator = join(elsewhere, "generator.pth");
    await copyFile(reports[0]!.files[0]!.path, generator);
    await expect(resolveReference(elsewhere, generator)).rejects.toMatchObject({
      code: "CHECKPOINT_PARTNER_MISSING",
    });
    const { source } = await resolveReference(elsewhere, generator, { networks: ["generator"] });
    expect([...(await loadCheckpoint(source)).networks.keys()]).toEqual(["generator"]);
  });
});

describe("a mixture of familiar names, as a crash between the two renames leaves it", () => {
  it("resolves to the generation of the file that is named, and is mended when the store opens", async () => {
    const { folder, reports } = await weightsWith([1, "auto"], [2, "auto"]);
    const critic = join(folder, "critic_DRUSEN_local.pth");
    await rm(critic);
    const { link } = await import("node:fs/promises");
    await link(reports[0]!.generation.files[1]!.path, critic);
    expect((await load(folder, critic)).checkpoint.step).toBe(1);
    expect((await load(folder, "generator_DRUSEN_local.pth")).checkpoint.step).toBe(2);
    await (await openStore({ folder, label: "DRUSEN", name: "local" })).close();
    expect((await load(folder, critic)).checkpoint.step).toBe(2);
    expect((await readdir(folder)).filter((name) => name.startsWith("OLD_"))).toEqual([]);
    expect((await listGenerations(folder)).whole).toHaveLength(2);
  });
});

describe("a plain PyTorch pair", () => {
  it("is found from either file, imported without progress", async () => {
    const folder = await temporaryFolder();
    await plain(join(folder, "generator_DRUSEN_v11.pth"), 1);
    await plain(join(folder, "critic_DRUSEN_v11.pth"), 2);
    for (const reference of ["generator_DRUSEN_v11.pth", join(folder, "critic_DRUSEN_v11.pth")]) {
      const { source, checkpoint } = await load(folder, reference);
      expect(source.from).toBe("plain");
      expect(checkpoint).toMatchObject({ kind: "imported", step: 0, progress: {} });
      const values = ["generator", "critic"].map(
        (network) => checkpoint.networks.get(network)!.stateDict.get("a.weight")!.data[0],
      );
      expect(values).toEqual([1, 2]);
    }
  });

  it("with its partner missing, or with one that belongs to another save, is refused", async () => {
    const { folder, reports } = await weightsWith([1, "auto"]);
    await plain(join(folder, "generator_old.pth"), 1);
    await expect(resolveReference(folder, "generator_old.pth")).rejects.toMatchObject({
      code: "CHECKPOINT_PARTNER_MISSING",
      data: { file: join(folder, "generator_old.pth"), partner: join(folder, "critic_old.pth") },
    });
    await copyFile(reports[0]!.files[1]!.path, join(folder, "critic_old.pth"));
    await expect(resolveReference(folder, "generator_old.pth")).rejects.toMatchObject({
      code: "CHECKPOINT_PAIR_MISMATCH",
    });
  });

  it("is the latest where there is nothing else", async () => {
    const folder = await temporaryFolder();
    await plain(join(folder, "generator_DRUSEN_local.pth"), 1);
    await plain(join(folder, "critic_DRUSEN_local.pth"), 2);
    expect((await resolveReference(folder, "latest")).source.from).toBe("plain");
    const { folder: weights, reports } = await weightsWith([3, "auto"]);
    await plain(join(weights, "generator_DRUSEN_v11.pth"), 1);
    await plain(join(weights, "critic_DRUSEN_v11.pth"), 2);
    const { source } = await resolveReference(weights, "latest");
    expect(source).toMatchObject({ generation: { id: reports[0]!.generation.id } });
  });
});
