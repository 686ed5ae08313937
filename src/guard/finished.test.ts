/** Which files are one checkpoint, and when one is finished. */
import { describe, expect, it } from "vitest";
import { familyOf, isPair, setsOf, stillFor, storedNames, withLook, type LooseFile } from "./finished.js";

const file = (path: string, changed: number, more: Partial<LooseFile> = {}): LooseFile => ({
  path,
  bytes: 1000,
  changed,
  born: changed,
  progress: {},
  ...more,
});

describe("a checkpoint that is looked at", () => {
  it("is still from the first look that saw it so, and anew after each change", () => {
    const at = (signature: string) => [{ path: "a", signature }];
    const first = withLook(new Map(), at("1"), 10);
    const second = withLook(first, at("1"), 13);
    expect(stillFor(second, "a", 13)).toBe(3);
    expect(stillFor(withLook(second, at("2"), 15), "a", 15)).toBe(0);
    expect(withLook(second, [], 16).size).toBe(0);
  });
});

describe("files of one save", () => {
  it.each([
    ["w/generator_DRUSEN_local.pth", "w/critic_DRUSEN_local.pth", true],
    ["w/netG_epoch_3.pth", "w/netD_epoch_3.pth", true],
    ["w/netG_epoch_3.pth", "w/netD_epoch_4.pth", false],
    ["a/generator.pth", "b/critic.pth", false],
    ["g/best.pth", "g/last.pth", false],
    ["w/model_best.pt", "w/optimizer_best.pt", true],
  ])("%s and %s have one family: %s", (one, other, same) => {
    expect(familyOf(one) !== undefined && familyOf(one) === familyOf(other)).toBe(same);
  });

  it("are a pair where they were written right after each other and agree", () => {
    expect(isPair(file("g.pth", 1000), file("c.pth", 1500))).toBe(true);
    expect(isPair(file("g.pth", 1000), file("c.pth", 9000))).toBe(false);
    const epoch = { progress: { epoch: 3 } };
    expect(isPair(file("g.pth", 1000, epoch), file("c.pth", 9000, epoch))).toBe(true);
  });

  it("are none where their steps, epochs or optimizers contradict each other", () => {
    const saying = (progress: LooseFile["progress"], other: LooseFile["progress"]) =>
      isPair(file("g.pth", 1000, { progress }), file("c.pth", 1100, { progress: other }));
    expect(saying({ step: 10 }, { step: 9 })).toBe(false);
    expect(saying({ epoch: 10 }, { epoch: 9 })).toBe(false);
    expect(saying({ updates: 10 }, { updates: 9 })).toBe(false);
    expect(saying({ updates: 0 }, { updates: 9 })).toBe(false);
    // Five updates of the critic to each of the generator.
    expect(saying({ updates: 10 }, { updates: 50 })).toBe(true);
    expect(saying({ updates: 10 }, { updates: 45 })).toBe(false);
  });

  it("are none where the one that is saved first was written last: the save was cut off between them", () => {
    const generator = file("generator.pth", 2000, { born: 100 });
    const critic = file("critic.pth", 1900, { born: 200 });
    expect(isPair(generator, critic)).toBe(false);
    expect(isPair(critic, generator)).toBe(false);
    expect(isPair({ ...generator, changed: 1800 }, critic)).toBe(true);
  });

  it("are kept together, all others by themselves, oldest first", () => {
    const sets = setsOf([
      file("w/critic_a.pth", 1100),
      file("w/other.pt", 500),
      file("w/generator_a.pth", 1000),
      file("w/critic_b.pth", 90_000),
    ]);
    expect(sets.map((set) => set.map(({ path }) => path))).toEqual([
      ["w/other.pt"],
      ["w/generator_a.pth", "w/critic_a.pth"],
      ["w/critic_b.pth"],
    ]);
  });
});

it("gives files of a folder names that any system takes, no two the same", () => {
  expect(storedNames([".metadata", "a/b.pt", "a__b.pt", "manifest.json", "epoch=1-step=8.ckpt"])).toEqual([
    "_metadata",
    "a__b.pt",
    "2-a__b.pt",
    "_manifest.json",
    "epoch=1-step=8.ckpt",
  ]);
});
