/** Other people's pairs: which file holds which network, and which two belong together. */
import { mkdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/crash/sample.js";
import { dict, float32Tensor, orderedDict, writeTorchFile, type TorchValue } from "../torch/index.js";
import { loadCheckpoint, resolveReference, type PlainChoice } from "./index.js";
import { partnerNames } from "./network-names.js";

const weights = (network: string, value: number, prefix = "") =>
  orderedDict([[`${prefix}${network}.weight`, float32Tensor([1], Float32Array.of(value))]]);
const recognise = (names: ReadonlySet<string>) =>
  ["generator", "critic"].find((network) => names.has(`${network}.weight`));

/** Files by name, each with what it holds. */
async function folderWith(files: Readonly<Record<string, TorchValue>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, value] of Object.entries(files)) await writeTorchFile(join(folder, name), value);
  return folder;
}

async function resolved(path: string, choice: PlainChoice = {}, networks?: readonly string[]) {
  const { source } = await resolveReference("none", path, { networks, plain: { recognise, ...choice } });
  const { networks: found } = await loadCheckpoint(source);
  if (source.from !== "plain") throw new Error("a plain pair was expected");
  return [...source.files].map(
    ([network, file]) => [network, basename(file), found.get(network)!.stateDict.get(`${network}.weight`)!.data[0]] as const, // prettier-ignore
  );
}

const generator = weights("generator", 1);
const critic = weights("critic", 2);
const pair = (one: string, other: string) => [["generator", one, 1], ["critic", other, 2]]; // prettier-ignore

describe("a plain pair", () => {
  it.each([
    ["generator_v11.pth", "critic_v11.pth"],
    ["generator.pth", "discriminator.pth"],
    ["netG_epoch_20.pth", "netD_epoch_20.pth"],
    ["G.pt", "D.pt"],
    ["ckpt_g_7.pth", "ckpt_d_7.pth"],
    ["Generator.ckpt", "Critic.ckpt"],
    ["gen.pth.tar", "disc.pth.tar"],
    ["gen-final.pth", "crit-final.pth"],
  ])("is found by its names, from either file: %s", async (one, other) => {
    // Files of another save lie there, too.
    const folder = await folderWith({ [one]: generator, [other]: critic, "x_other.pth": critic, "y_other.pth": generator });
    expect(await resolved(join(folder, one))).toEqual(pair(one, other));
    expect(await resolved(join(folder, other))).toEqual(expect.arrayContaining(pair(one, other)));
  }); // prettier-ignore

  it("of any names is found by what the files hold, where there is one of each", async () => {
    const folder = await folderWith({ "lunes.pth": generator, "martes.bin": critic });
    expect(await resolved(join(folder, "lunes.pth"))).toEqual(pair("lunes.pth", "martes.bin"));
    expect(await resolved(join(folder, "martes.bin"))).toEqual(expect.arrayContaining(pair("lunes.pth", "martes.bin"))); // prettier-ignore
    // With one more of either, it would be a guess.
    await writeTorchFile(join(folder, "jueves.pth"), critic);
    await expect(resolved(join(folder, "lunes.pth"))).rejects.toMatchObject({
      code: "CHECKPOINT_PARTNER_AMBIGUOUS",
      data: { network: "critic", candidates: ["jueves.pth", "martes.bin"].map((name) => join(folder, name)) },
    });
    await rename(join(folder, "jueves.pth"), join(folder, "jueves.txt"));
    await writeTorchFile(join(folder, "sabado.pth"), generator);
    await expect(resolved(join(folder, "lunes.pth"))).rejects.toMatchObject({ code: "CHECKPOINT_PARTNER_AMBIGUOUS" });
    // Said, it is none: beside the file, or anywhere.
    expect(await resolved(join(folder, "lunes.pth"), { partner: "martes.bin" })).toEqual(pair("lunes.pth", "martes.bin"));
    await mkdir(join(folder, "deep"));
    await rename(join(folder, "martes.bin"), join(folder, "deep", "martes.bin"));
    expect(await resolved(join(folder, "lunes.pth"), { partner: join(folder, "deep", "martes.bin") })).toEqual(pair("lunes.pth", "martes.bin"));
    await expect(resolved(join(folder, "lunes.pth"), { partner: "nada.pth" })).rejects.toMatchObject({ code: "CHECKPOINT_PARTNER_MISSING" });
  }); // prettier-ignore

  it("whose names say the opposite of what they hold is refused, unless each file is given for what it is", async () => {
    const folder = await folderWith({ "generator.pth": critic, "critic.pth": generator });
    const path = join(folder, "generator.pth");
    const other = { code: "CHECKPOINT_OTHER_NETWORK", data: { file: path, holds: "critic", wanted: "generator" } };
    await expect(resolved(path)).rejects.toMatchObject(other);
    await expect(resolved(path, { partner: "critic.pth" })).rejects.toMatchObject(other);
    expect(await resolved(join(folder, "critic.pth"), { partner: "generator.pth" })).toEqual(pair("critic.pth", "generator.pth"));
    await writeTorchFile(join(folder, "generator_2.pth"), generator);
    await writeTorchFile(join(folder, "critic_2.pth"), generator);
    await expect(resolved(join(folder, "generator_2.pth"), { partner: "critic_2.pth" })).rejects.toMatchObject({
      code: "CHECKPOINT_OTHER_NETWORK",
      data: { file: join(folder, "critic_2.pth"), holds: "generator", wanted: "critic" },
    });
  }); // prettier-ignore

  it("may be one file, whatever its keys; which weights are meant is said, never guessed", async () => {
    const folder = await folderWith({
      "both.pth.tar": dict({
        epoch: 3,
        netG: dict({ state_dict: generator }),
        netD: weights("critic", 2, "module."),
      }),
      "lightning.ckpt": dict({ state_dict: orderedDict([...weights("generator", 1, "gen."), ...weights("critic", 2, "crit._orig_mod.")]) }), // prettier-ignore
      "ema.pth": dict({ g: generator, g_ema: weights("generator", 7), d: critic }),
    });
    expect(await resolved(join(folder, "both.pth.tar"))).toEqual(pair("both.pth.tar", "both.pth.tar"));
    expect(await resolved(join(folder, "lightning.ckpt"))).toEqual(pair("lightning.ckpt", "lightning.ckpt"));
    const path = join(folder, "ema.pth");
    await expect(resolved(path)).rejects.toMatchObject({
      code: "STATE_DICT_AMBIGUOUS",
      data: { file: path, network: "generator", names: ["g", "g_ema"] },
    });
    expect(await resolved(path, { stateDicts: ["g"] })).toEqual(pair("ema.pth", "ema.pth"));
    expect(await resolved(path, { stateDicts: ["g_ema"] }, ["generator"])).toEqual([
      ["generator", "ema.pth", 7],
    ]);
    await expect(resolved(path, { stateDicts: ["nada"] })).rejects.toMatchObject({
      code: "STATE_DICT_UNKNOWN",
      data: { wanted: "nada", names: ["g", "g_ema", "d"] },
    });
  });

  it("is not needed to draw: the generator's file is enough, and a critic's is told apart", async () => {
    const folder = await folderWith({ "a.pth": generator, "b.pth": critic });
    expect(await resolved(join(folder, "a.pth"), {}, ["generator"])).toEqual([["generator", "a.pth", 1]]);
    await expect(resolved(join(folder, "b.pth"), {}, ["generator"])).rejects.toMatchObject({
      code: "CHECKPOINT_OTHER_NETWORK",
      data: { holds: "critic", wanted: "generator" },
    });
  });
});

it("a network that is none of those known is refused before a tensor of it is read", async () => {
  const folder = await folderWith({ "resnet.pth": dict({ model: weights("layer1", 3) }) });
  await expect(resolved(join(folder, "resnet.pth"), {}, ["generator"])).rejects.toMatchObject({
    code: "CHECKPOINT_ARCHITECTURE",
    data: { differences: ["generator: layer1.weight, ..."], options: false },
  });
});

it("names of partners keep the case and the rest of a name", () => {
  expect(partnerNames("GENERATOR_1.pth")).toContain("CRITIC_1.pth");
  expect(partnerNames("netD.pth")).toEqual(["netG.pth"]);
  expect(partnerNames("gan_D_3.pth")).toContain("gan_G_3.pth");
  expect(partnerNames("weights.pth")).toEqual([]);
  expect(partnerNames("diagonal.pth")).toEqual([]);
});
