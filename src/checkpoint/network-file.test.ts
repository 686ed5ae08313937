import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { float32Tensor, orderedDict, readTorchFile, writeTorchFile } from "../torch/index.js";
import { recordsOf } from "./digest.js";
import { openStore } from "./index.js";
import { fromTorch } from "./network-file.js";

const gold = process.env["GUARDAPESOS_GOLD"] ?? join(import.meta.dirname, "../../../shared/gold");
const python = "/usr/bin/python3";
const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

async function read(path: string, expected?: readonly string[]) {
  const file = await readTorchFile(path);
  try {
    return (await fromTorch(file.value, path, expected)).state;
  } finally {
    await file.close();
  }
}

interface GoldNetwork {
  file: string;
  state_dict_keys_in_order: [string, number[]][];
  keys_that_share_storage: string[][];
  optimizer_index_to_name: string[];
  adam_step_by_index: Record<string, number>;
  param_group: { lr: number; betas: number[]; eps: number };
}

describe.skipIf(!existsSync(join(gold, "nets/nets.json")))(
  "reading the users' PyTorch files (gold/nets)",
  () => {
    const nets = existsSync(gold)
      ? (JSON.parse(readFileSync(join(gold, "nets/nets.json"), "utf8")) as Record<
          string,
          Record<string, GoldNetwork>
        >)
      : {};
    const networks = Object.values(nets).flatMap((net) => [net["generator"]!, net["critic"]!]);

    it.each(networks)("$file: names, shapes, ties, optimizer", async (facts) => {
      const { stateDict, parameters, adam } = await read(join(gold, "nets", facts.file));
      expect([...stateDict].map(([name, { shape }]) => [name, shape])).toEqual(
        facts.state_dict_keys_in_order,
      );
      expect(parameters).toEqual(facts.optimizer_index_to_name);
      for (const [first, ...others] of facts.keys_that_share_storage) {
        for (const other of others) expect(stateDict.get(other)).toBe(stateDict.get(first!));
      }
      const steps = Object.entries(facts.adam_step_by_index).map(([index, step]) => [
        parameters[Number(index)],
        step,
      ]);
      expect([...adam!.entries].map(([name, { step }]) => [name, step])).toEqual(steps);
      const { lr, betas, eps } = facts.param_group;
      expect(adam!.options).toEqual({ lr, betas, eps });
    });
  },
);

describe.skipIf(!existsSync(join(gold, "torchfile")))("reading what else users have (gold/torchfile)", () => {
  const file = (name: string) => join(gold, "torchfile", name);

  it.each(["zip_default", "module_prefix", "adam_step_int", "cuda_location", "legacy_nonzip", "protocol4"])(
    "finds a name for all that Adam remembers in %s.pth",
    async (name) => {
      const { stateDict, parameters, adam } = await read(file(`${name}.pth`));
      expect([...stateDict.keys()].every((key) => !key.startsWith("module."))).toBe(true);
      expect([...adam!.entries.keys()]).toEqual(parameters);
      for (const [key, { step, expAvg }] of adam!.entries) {
        expect(step).toBe(3);
        expect(expAvg.shape).toEqual(stateDict.get(key)!.shape);
      }
    },
  );

  it("turns half and bfloat16 into float32, and takes a bare state_dict", async () => {
    for (const name of ["half.pth", "bfloat16.pth", "bare_state_dict.pth"]) {
      const state = await read(file(name));
      expect(state.stateDict.size).toBeGreaterThan(2);
      expect(state.adam).toBeUndefined();
      const values = [...state.stateDict.values()].flatMap(({ data }) => [...data]);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.1);
    }
  });

  it("keeps the weights when the optimizer is not Adam", async () => {
    const state = await read(file("sgd_momentum.pth"));
    expect(state.adam).toBeUndefined();
    expect(state.stateDict.size).toBeGreaterThan(2);
  });

  it("reads every file that PyTorch wrote, or says what it is not", async () => {
    const index = JSON.parse(readFileSync(file("index.json"), "utf8")) as { file: string }[];
    for (const { file: name } of index) {
      const result = await read(file(name)).catch((error: unknown) => (error as { code: string }).code);
      if (typeof result === "string") expect([name, result]).toEqual([name, "TORCH_FILE_UNSUPPORTED"]);
    }
  });
});

describe("a file in which a conversion has pulled shared tensors apart", () => {
  it("takes the optimizer's order from the caller and ties the names again", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "generator.pth");
    const tensor = (...values: number[]) => float32Tensor([values.length], Float32Array.from(values));
    const entries = [
      ["initial_rgb.bias", tensor(1, 2)],
      ["other.bias", tensor(0, 0)],
      ["third.bias", tensor(0, 0)],
      ["rgb_layers.0.bias", tensor(1, 2)],
    ] as const;
    await writeTorchFile(path, orderedDict([["state_dict", orderedDict(entries)]]));
    const order = ["initial_rgb.bias", "other.bias", "third.bias"];
    const { stateDict, parameters } = await read(path, order);
    expect(parameters).toEqual(order);
    expect(stateDict.get("rgb_layers.0.bias")).toBe(stateDict.get("initial_rgb.bias"));
    expect(stateDict.get("third.bias")).not.toBe(stateDict.get("other.bias"));
  });
});

describe.skipIf(!hasTorch)("real PyTorch", () => {
  it("loads what the store saves: state_dict, Adam, ties, progress; and resaves it for us", async () => {
    const folder = await temporaryFolder();
    const store = await openStore({ folder, label: "DRUSEN", name: "local" });
    const checkpoint = sample(12);
    const report = await store.save(checkpoint);
    await store.close();
    const path = report.files[0]!.path;
    const script = `
import sys, json, torch
c = torch.load(sys.argv[1])
d = c["state_dict"]
assert d["initial_rgb.weight"].data_ptr() == d["rgb_layers.0.weight"].data_ptr(), "ties"
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        def module(name, value):
            m = torch.nn.Module(); setattr(m, name, torch.nn.Parameter(torch.zeros_like(value))); return m
        self.initial_rgb = module("weight", d["initial_rgb.weight"])
        self.conv = module("weight", d["conv.weight"])
        self.rgb_layers = torch.nn.ModuleList([self.initial_rgb])
        self.late = module("bias", d["late.bias"])
net = Net()
net.load_state_dict(d)
opt = torch.optim.Adam(net.parameters())
opt.load_state_dict(c["optimizer"])
assert opt.param_groups[0]["betas"] == (0.0, 0.99) and type(opt.param_groups[0]["betas"][0]) is float
for p in net.parameters(): p.grad = torch.zeros_like(p)
opt.step()
g = c["guardapesos"]
assert type(c) is __import__("collections").OrderedDict and type(g) is dict
assert type(g["progress"]["step"]) is int and type(g["progress"]["alpha"]) is float
print(json.dumps(g["progress"]))
torch.save({"state_dict": net.state_dict(), "optimizer": opt.state_dict()}, sys.argv[2])
`;
    const again = join(folder, "again.pth");
    const told = execFileSync(python, ["-c", script, path, again], { encoding: "utf8" });
    expect(JSON.parse(told)).toEqual(checkpoint.progress);
    const [before, after] = [checkpoint.networks.get("generator")!, await read(again)];
    expect(after.parameters).toEqual(before.parameters);
    expect(after.adam!.entries.get("conv.weight")!.step).toBe(13);
    expect(recordsOf(after)["weights/late.bias"]).toEqual(recordsOf(before)["weights/late.bias"]);
    expect(await readdir(folder)).toContain("again.pth");
  });
});
