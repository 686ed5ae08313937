import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { GuardapesosError } from "../base/errors.js";
import { mergeSettings, parseSetting, parseVariable, pythonText, settingName } from "./settings.js";

const parsed = (typed: string) => parseSetting("--set", typed);

describe("NAME=VALUE", () => {
  it.each([
    ["LR=1e-4", { module: null, name: "LR", value: "1e-4", text: false }],
    ["LR:=1e-4", { module: null, name: "LR", value: "1e-4", text: true }],
    [" LR = 1e-4 ", { module: null, name: "LR", value: " 1e-4 ", text: false }],
    ["A==b:=c", { module: null, name: "A", value: "=b:=c", text: false }],
    ["A=x:=1", { module: null, name: "A", value: "x:=1", text: false }],
    ["A:=", { module: null, name: "A", value: "", text: true }],
    ["A=", { module: null, name: "A", value: "", text: false }],
    ["W=C:\\x\n", { module: null, name: "W", value: "C:\\x\n", text: false }],
    ["config.LR=1", { module: "config", name: "LR", value: "1", text: false }],
    ["a.b_2.LR=1", { module: "a.b_2", name: "LR", value: "1", text: false }],
    ["__main__.LR=1", { module: null, name: "LR", value: "1", text: false }],
    ["año=1", { module: null, name: "año", value: "1", text: false }],
    ["ﬁ=1", { module: null, name: "fi", value: "1", text: false }],
  ])("reads %j", (typed, setting) => {
    expect(parsed(typed)).toEqual(setting);
  });

  it.each([
    ["LR", "no-sign"],
    ["", "no-sign"],
    ["=1", "name"],
    ["1x=1", "name"],
    ["a b=1", "name"],
    ["a..b=1", "name"],
    ["a.=1", "name"],
    ["x[0]=1", "name"],
    ["--x=1", "name"],
    ["a:b=1", "name"],
  ])("refuses %j", (typed, problem) => {
    expect(() => parsed(typed)).toThrow(
      expect.objectContaining({
        code: "SETTING_INVALID",
        data: expect.objectContaining({ problem }) as unknown,
      }),
    );
  });

  it("reads variables of the environment", () => {
    expect(parseVariable("CKPT={dir}/a=b")).toEqual(["CKPT", "{dir}/a=b"]);
    expect(() => parseVariable("CKPT")).toThrow(GuardapesosError);
    expect(() => parseVariable("=1")).toThrow(GuardapesosError);
  });
});

it("lets the last one of a name win, each name once", () => {
  const merged = mergeSettings([parsed("A=1"), parsed("m.A=1")], [parsed("B=1"), parsed("A=2")]);
  expect(merged.map((one) => `${settingName(one)}=${one.value}`)).toEqual(["A=2", "m.A=1", "B=1"]);
});

const texts = [
  "",
  "/a b/generator.pth",
  String.raw`C:\new\x'y`,
  'a "b"\n\t\0\u007f',
  "ñ \u00a0 \u2028 漢 😀",
  "\ud800",
  "{x}",
];

it("writes a text as Python reads it", () => {
  expect(pythonText(String.raw`C:\x'`)).toBe(String.raw`'C:\\x\''`);
  expect(pythonText("ñ")).toBe(String.raw`'\xf1'`);
  const program = `print([${texts.map(pythonText).join(", ")}] == __import__("json").loads(${pythonText(JSON.stringify(texts))}))`;
  const python = spawnSync("python3", ["-c", program], { encoding: "utf8" });
  if (python.error) return; // no Python here: the two lines above hold
  expect(python.stdout.trim(), python.stderr).toBe("True");
});
