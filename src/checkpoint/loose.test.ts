/** Pairs of files without a store: which are there, and which one a training goes on from. */
import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { float32Tensor, orderedDict, writeTorchFile } from "../torch/index.js";
import { chooseLoose, loosePairs, openStore, resolveReference, type LooseChoice } from "./index.js";

const series = { label: "DRUSEN", name: "local", class: null };
const choice: LooseChoice = { series, isSure: false, generations: [] };

/** A pair of a user's script, in a folder. */
async function plain(folder: string, generator: string, critic = generator.replace("generator", "critic")) {
  for (const name of new Set([generator, critic])) {
    const tensor = float32Tensor([1], Float32Array.of(1));
    await writeTorchFile(
      join(folder, name),
      orderedDict([["state_dict", orderedDict([["a.weight", tensor]])]]),
    );
  }
}

/** Saves of one training; `copy` takes the files of one of them elsewhere, under other names. */
async function saves(label: string, ...steps: number[]) {
  const weights = await temporaryFolder();
  const store = await openStore({ folder: weights, label, name: "local" });
  const made = [];
  for (const step of steps) made.push((await store.save(sample(step, "manual"))).generation);
  await store.close();
  return made.map(({ files, pair }) => ({
    pair,
    copy: async (folder: string, nameOf: (network: string) => string) => {
      for (const { network, path } of files) await copyFile(path, join(folder, nameOf(network)));
    },
  }));
}

const familiar = (network: string) => `${network}_DRUSEN_local.pth`;
const chosen = async (folder: string, wishes: Partial<LooseChoice> = {}) =>
  chooseLoose(folder, await loosePairs(folder), { ...choice, ...wishes });
const ambiguous = { code: "LOOSE_PAIR_AMBIGUOUS" };

describe("the pair that is gone on from", () => {
  it.each([
    "generator_DRUSEN_local.pth",
    "EMERGENCY_generator_20251106_153045.pth",
    "generator_DRUSEN_v11.pth",
  ])("is a script's only one, %s", async (name) => {
    const folder = await temporaryFolder();
    await plain(folder, name);
    await writeFile(join(folder, "notes.txt"), "not mine");
    await writeFile(join(folder, "broken_generator.pth"), "no torch file");
    const found = await chosen(folder);
    expect(found!.header).toBeUndefined();
    expect(found!.files.get("generator")).toBe(join(folder, name));
    expect(found!.files.get("critic")).toBe(join(folder, name.replace("generator", "critic")));
    const { source } = await resolveReference(folder, "latest");
    expect(source).toMatchObject({ from: "plain", files: found!.files });
  });

  it("is none where there is a half, or what was moved aside", async () => {
    const folder = await temporaryFolder();
    expect(await chosen(folder)).toBeUndefined();
    expect(await chosen(join(folder, "not", "there"))).toBeUndefined();
    await plain(folder, "generator_DRUSEN_local.pth", "generator_DRUSEN_local.pth");
    await plain(folder, "OLD_generator_DRUSEN_local_20251106_153045.pth");
    await mkdir(join(folder, "generator_folder.pth"));
    await symlink(join(folder, "nowhere"), join(folder, "generator_link.pth"));
    expect(await chosen(folder)).toBeUndefined();
  });

  it("is asked for among several of a script's", async () => {
    const folder = await temporaryFolder();
    for (const version of ["v10", "v11"]) await plain(folder, `generator_DRUSEN_${version}.pth`);
    const files = ["v10", "v11"].map((version) => join(folder, `generator_DRUSEN_${version}.pth`));
    await expect(chosen(folder)).rejects.toMatchObject({ ...ambiguous, data: { folder, files } });
    await expect(resolveReference(folder, "latest")).rejects.toMatchObject(ambiguous);
  });

  it("is not one that is called after another class, and asked for where there is no other", async () => {
    const folder = await temporaryFolder();
    await plain(folder, "generator_CNV_v11.pth");
    expect(await chosen(folder)).toBeDefined();
    await expect(chosen(folder, { isSure: true })).rejects.toMatchObject(ambiguous);
    await plain(folder, "generator_DRUSEN_v3.pth");
    const found = await chosen(folder, { isSure: true });
    expect(found!.files.get("generator")).toBe(join(folder, "generator_DRUSEN_v3.pth"));
    await expect(chosen(folder)).rejects.toMatchObject(ambiguous);
  });

  it("is the newest of one training of ours, whatever the files are called", async () => {
    const folder = await temporaryFolder();
    const [old, newer] = await saves("DRUSEN", 1, 2);
    await old!.copy(folder, familiar);
    await newer!.copy(folder, (network) => `EMERGENCY_${network}_20251106_153045.pth`);
    const found = await chosen(folder, { isSure: true });
    expect(found!.header).toMatchObject({ step: 2 });
    expect([...found!.files.keys()]).toEqual(["generator", "critic"]);
    // Half of a pair is none: the other save is older, and whole.
    const elsewhere = await temporaryFolder();
    await old!.copy(elsewhere, familiar);
    await newer!.copy(elsewhere, () => "half.pth");
    expect((await chosen(elsewhere))!.header).toMatchObject({ step: 1 });
  });

  it("of several trainings is that of the class, by any of its names, and otherwise asked for", async () => {
    const folder = await temporaryFolder();
    const [drusen] = await saves("DRUSEN", 1);
    const [cnv, later] = await saves("CNV", 5, 6);
    await drusen!.copy(folder, familiar);
    await cnv!.copy(folder, (network) => `${network}_CNV_local.pth`);
    await later!.copy(folder, (network) => `EMERGENCY_${network}_20251106_153045.pth`);
    await expect(chosen(folder)).rejects.toMatchObject(ambiguous);
    expect((await chosen(folder, { isSure: true }))!.header).toMatchObject({ step: 1 });
    const other = { series: { ...series, label: "CNV" }, isSure: true };
    expect((await chosen(folder, other))!.header).toMatchObject({ step: 6 });
  });

  it("beside checkpoints of others is only what is called exactly so, and belongs to none of them", async () => {
    const folder = await temporaryFolder();
    const [own] = await saves("DRUSEN", 1);
    await own!.copy(folder, familiar);
    await plain(folder, "generator_DRUSEN_v11.pth");
    expect(await chosen(folder, { generations: [{ pair: own!.pair }] })).toBeUndefined();
    const beside = await chosen(folder, { generations: [{ pair: "another" }] });
    expect(beside!.header).toMatchObject({ step: 1 });
  });
});
