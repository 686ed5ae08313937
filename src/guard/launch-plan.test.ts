import { describe, expect, it } from "vitest";
import { canResume, extrasOf, launchOf, needsAgent, planLaunch } from "./launch-plan.js";
import { networkOf, type ResumePoint } from "./placeholders.js";
import { notRestored, recipeOf, shippedRecipes } from "./recipe.js";
import { shellWords } from "./shell-words.js";

const point: ResumePoint = {
  id: "7-script",
  folder: "/store/it's here",
  files: [
    { name: "weights/generator_DRUSEN_local.pth", path: "/store/it's here/generator_DRUSEN_local.pth" },
    { name: String.raw`weights\critic_DRUSEN_local.pth`, path: "/store/it's here/critic_DRUSEN_local.pth" },
    { name: "training_state.pth", path: "/store/it's here/training_state.pth" },
  ],
  imageSize: 64,
};
const values = (extras: ReturnType<typeof extrasOf>) =>
  extras.set?.set.map(({ name, value }) => `${name}=${value}`);
const having = (facts: object): unknown => expect.objectContaining(facts);
const code = (expected: string): unknown => having({ code: expected });

describe("words of a shell", () => {
  it.each([
    ["", []],
    ["  ", []],
    ["--resume x.pth  --n 3", ["--resume", "x.pth", "--n", "3"]],
    [`--a 'b c' "d e" f\\ g`, ["--a", "b c", "d e", "f g"]],
    [`a''b "" '' c"d"'e'`, ["ab", "", "", "cde"]],
    [`"a\\"b\\\\c\\d" '\\"'`, [`a"b\\c\\d`, `\\"`]],
    ["a\\\nb\nc", ["ab", "c"]],
    ["a\\", ["a\\"]],
    ["$HOME `x` *", ["$HOME", "`x`", "*"]],
  ])("of %j", (text, words) => {
    expect(shellWords(text, "linux")).toEqual(words);
  });

  it("leave the backslashes of Windows' paths alone", () => {
    const text = String.raw`--resume C:\new\x "C:\a b\\" \"q\" '\"' "a\\\"b" x\\`;
    const words = ["--resume", "C:\\new\\x", "C:\\a b\\", '"q"', '\\"', 'a\\"b', "x\\\\"];
    expect(shellWords(text, "win32")).toEqual(words);
  });

  it.each(["'a", '"a', `a "b\\"`])("do not guess where %j ends", (text) => {
    expect(shellWords(text, "linux")).toBeUndefined();
    expect(() => planLaunch({}, { resumeArgs: text })).toThrow(code("QUOTE_NOT_CLOSED"));
  });
});

describe("what a start gets", () => {
  it("nothing where nothing was asked for", () => {
    const extras = extrasOf(planLaunch({}, {}), point, true);
    expect(extras).toEqual({ args: [], environment: {}, set: undefined, from: undefined });
  });

  it("--set at every start, the rest only where there is something to go on from", () => {
    const plan = planLaunch(
      {},
      {
        set: ["LR=1", "LOAD_MODEL=False"],
        resumeSet: ["LOAD_MODEL=True", "G={generator}"],
        resumeArgs: "--resume {file:training_state.pth} --from={dir}",
        resumeEnv: ["CKPT={critic}"],
      },
    );
    const anew = extrasOf(plan, undefined, false);
    expect([values(anew), anew.args, anew.environment, anew.from]).toEqual([
      ["LR=1", "LOAD_MODEL=False"],
      [],
      {},
      undefined,
    ]);
    const resumed = extrasOf(plan, point, false);
    expect(values(resumed)).toEqual([
      "LR=1",
      "LOAD_MODEL=True",
      String.raw`G='/store/it\'s here/generator_DRUSEN_local.pth'`,
    ]);
    // A placeholder stays one argument, whatever is in it.
    expect(resumed.args).toEqual([
      "--resume",
      "/store/it's here/training_state.pth",
      "--from=/store/it's here",
    ]);
    expect(resumed.environment).toEqual({ CKPT: "/store/it's here/critic_DRUSEN_local.pth" });
    expect(resumed.set?.args).toEqual(resumed.args);
    expect(resumed.from).toBe("7-script");
  });

  it("paths as they are in a text, and Python's own braces untouched", () => {
    const plan = planLaunch(
      {},
      { resumeSet: ["A:={dir}/x", "B={'a': {1, 2}}", "C=f'{LR}'", "D=Path({dir}) / 'x'"] },
    );
    expect(values(extrasOf(plan, point, false))).toEqual([
      "A=/store/it's here/x",
      "B={'a': {1, 2}}",
      "C=f'{LR}'",
      String.raw`D=Path('/store/it\'s here') / 'x'`,
    ]);
  });

  it("--heat-set after heat, and from then on", () => {
    const plan = planLaunch({}, { set: ["B=16"], heatSet: ["B=8", "A=4"], resumeArgs: "-r" });
    const launch = launchOf(plan, {});
    const causes = ["start", "heat", "crash"] as const;
    const seen = causes.map((cause) => values(launch.extras({ attempt: 1, cause, point })));
    expect(seen).toEqual([["B=16"], ["B=8", "A=4"], ["B=8", "A=4"]]);
  });

  it("what the command line says over what the recipe says", () => {
    const plan = planLaunch({ set: ["A=1", "B=1"], resumeArgs: "-r" }, { set: ["B=2"], resumeArgs: "-v" });
    const extras = extrasOf(plan, point, false);
    expect([values(extras), extras.args]).toEqual([
      ["A=1", "B=2"],
      ["-r", "-v"],
    ]);
  });

  it("an error where a placeholder stands for nothing, or for several", () => {
    const filled = (resumeArgs: string, files = point.files) =>
      extrasOf(planLaunch({}, { resumeArgs }), { ...point, files }, false);
    expect(() => filled("{file:other.pth}")).toThrow(code("PLACEHOLDER_EMPTY"));
    expect(() => filled("{generator}", [])).toThrow(code("PLACEHOLDER_EMPTY"));
    const two = [...point.files, { name: "old/critic_v11.pth", path: "/store/c" }];
    expect(() => filled("{critic}", two)).toThrow(having({ data: having({ several: true }) }));
    expect(filled("{file:old/critic_v11.pth} {file:weights/critic_DRUSEN_local.pth}", two).args).toEqual([
      "/store/c",
      "/store/it's here/critic_DRUSEN_local.pth",
    ]);
    for (const typo of ["{generater}", "{Critic}", "{dirs}"]) {
      expect(() => planLaunch({}, { resumeSet: [`A=${typo}`] })).toThrow(code("PLACEHOLDER_UNKNOWN"));
    }
    expect(planLaunch({}, { resumeSet: ["A={LR}", "B={x: y}"] }).resumeSet).toHaveLength(2);
  });

  it("tells what it needs", () => {
    expect(canResume(planLaunch({}, { set: ["A=1"], heatSet: ["B=1"] }))).toBe(false);
    expect(canResume(planLaunch({}, { resumeArgs: "--resume" }))).toBe(true);
    expect(needsAgent(planLaunch({}, { resumeEnv: ["A=1"] }))).toBe(false);
    expect(needsAgent(planLaunch({}, { heatSet: ["A=1"] }))).toBe(true);
  });
});

describe("the network of a file", () => {
  it.each([
    ["generator_DRUSEN_local.pth", "generator"],
    ["weights/EMERGENCY_critic_20251106_153045.pth", "critic"],
    ["gen_12.pt", "generator"],
    ["netG.pth", "generator"],
    ["netD_epoch_3.pth", "critic"],
    ["discriminator.pth", "critic"],
    ["gen_and_critic.pth", undefined],
    ["generation7.pth", undefined],
    ["generator/state.pth", undefined],
    ["model.pth", undefined],
  ])("%s", (name, network) => {
    expect(networkOf({ name })).toBe(network);
  });
});

describe("recipes", () => {
  const shipped = shippedRecipes["progan-local"]!;

  it("of the page's script: where it goes on, at which resolution, and after heat", () => {
    const plan = planLaunch(recipeOf("progan-local", {}), {});
    const path = (file: string) => String.raw`'/store/it\'s here/${file}_DRUSEN_local.pth'`;
    expect(extrasOf(plan, undefined, false).set).toBeUndefined();
    expect(values(extrasOf(plan, point, true))).toEqual([
      "LOAD_MODEL=True",
      `CHECKPOINT_GEN=${path("generator")}`,
      `CHECKPOINT_CRITIC=${path("critic")}`,
      "START_TRAIN_AT_IMG_SIZE=64",
      "BATCH_SIZES=[8, 8, 6, 4, 3, 2, 2, 2, 2]",
      "GRADIENT_ACCUMULATION_STEPS=4",
    ]);
    const unknown = values(extrasOf(plan, { ...point, imageSize: undefined }, false));
    expect(unknown).not.toContainEqual(expect.stringContaining("START_TRAIN"));
    expect(unknown).toHaveLength(3);
  });

  it("say what is not taken up again", () => {
    expect(notRestored(shipped, undefined, true)).not.toContain("resolution");
    expect(notRestored(shipped, undefined, false)).toContain("resolution");
    expect(notRestored({}, ["model", "optimizer", "epoch", "rng_state"], true)).toEqual([
      "data-order",
      "half-step",
    ]);
    expect(notRestored({}, ["state_dict"], true)).toEqual([
      "optimizer",
      "epoch",
      "random-state",
      "data-order",
      "half-step",
    ]);
  });

  it("of one's own go before shipped ones; unknown ones are told with the nearest", () => {
    const own = { "progan-local": { set: ["A=1"] }, mine: {} };
    expect(recipeOf("progan-local", own).set).toEqual(["A=1"]);
    expect(recipeOf("mine", own)).toEqual({});
    for (const name of ["progan-locl", "constructor", "__proto__"]) {
      expect(() => recipeOf(name, own)).toThrow(code("RECIPE_UNKNOWN"));
    }
    expect(() => recipeOf("progan-locl", {})).toThrow(
      having({ data: having({ suggestion: "progan-local" }) }),
    );
  });
});
