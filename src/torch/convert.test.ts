import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertFile } from "./convert.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { openWhole } from "../base/file-sink.js";
import { asParameter, float32Tensor, tensorOf } from "./tensor.js";
import { readTorchFile } from "./torch-read.js";
import { writeTorchFile } from "./torch-write.js";
import { dict, orderedDict, pythonFloat, tuple, type TorchValue } from "./values.js";

let folder: string;
let count = 0;
const fresh = (ending: string): string => join(folder, `${count++}.${ending}`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torch-convert-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function torchFile(value: TorchValue): Promise<string> {
  const path = fresh("pth");
  await writeTorchFile(path, value);
  return path;
}

const shared = Float32Array.of(1, 2, 3);
const metadata = orderedDict([["version", 1]]);
const state = orderedDict([
  ["initial_rgb.bias", float32Tensor([3], shared)],
  ["rgb_layers.0.bias", float32Tensor([3], shared)],
  ["half", asParameter(tensorOf("float16", [2], Uint16Array.of(1, 2)))],
]);
state.attributes = dict({ _metadata: metadata });
const checkpoint = dict({
  state_dict: state,
  optimizer: dict({
    state: new Map<TorchValue, TorchValue>([[0, dict({ step: pythonFloat(3), exp_avg: float32Tensor([1], Float32Array.of(9)) })]]),
    param_groups: [dict({ lr: 0.001, betas: tuple(pythonFloat(0), 0.99), params: [0, 1] })],
  }),
  meta: dict({ big: 2n ** 70n, nan: NaN, zero: -0, bytes: Uint8Array.of(0, 255), set: new Set<TorchValue>([1]), none: null,
    dtype: { kind: "global", module: "torch", name: "float16" },
    size: { kind: "object", type: { kind: "global", module: "torch", name: "Size" }, args: [tuple(1, 2)] } }),
  "meta.big": float32Tensor([1], Float32Array.of(4)),
}); // prettier-ignore

describe("converting", () => {
  it("a checkpoint to safetensors and back gives the same file, byte for byte", async () => {
    const torch = await torchFile(checkpoint);
    const [safe, back] = [fresh("safetensors"), fresh("pth")];
    await convertFile(torch, safe);
    await convertFile(safe, back);
    expect((await readFile(back)).equals(await readFile(torch))).toBe(true);
  });

  it("a bare state_dict has its own names in safetensors", async () => {
    const safe = fresh("safetensors");
    await convertFile(await torchFile(state), safe);
    const file = await readSafetensors(safe);
    expect([...file.tensors.keys()].sort()).toEqual([...state.keys()].sort());
    expect(await file.tensors.get("rgb_layers.0.bias")!.read()).toEqual(shared);
    await file.close();
  });

  it("of the weights alone leaves the rest, and the prefix of DataParallel", async () => {
    const parallel = orderedDict([["module.w", float32Tensor([1], Float32Array.of(1))]]);
    const safe = fresh("safetensors");
    await convertFile(await torchFile(dict({ model: parallel, epoch: 3 })), safe, { weightsOnly: true });
    const file = await readSafetensors(safe);
    expect([...file.tensors.keys()]).toEqual(["w"]);
    await file.close();
    const none = convertFile(await torchFile(dict({ epoch: 3 })), fresh("pth"), { weightsOnly: true });
    await expect(none).rejects.toMatchObject({ code: "TORCH_FILE_UNSUPPORTED" });
  });

  it("a safetensors file from elsewhere gives a state_dict", async () => {
    const [safe, torch] = [fresh("safetensors"), fresh("pth")];
    await writeSafetensors(safe, [["w", float32Tensor([2], Float32Array.of(1, 2))]]);
    await convertFile(safe, torch);
    const file = await readTorchFile(torch);
    expect(file.value).toMatchObject({ pythonType: "collections.OrderedDict" });
    expect([...file.tensors()].map(([path]) => path)).toEqual([["w"]]);
    await file.close();
  });

  it("two paths that read the same get two names", async () => {
    const one = float32Tensor([1], Float32Array.of(1));
    const two = float32Tensor([1], Float32Array.of(2));
    const safe = fresh("safetensors");
    await convertFile(await torchFile(dict({ "a.b": one, a: dict({ b: two }) })), safe);
    const file = await readSafetensors(safe);
    expect([...file.tensors.keys()]).toEqual(["a.b", "a.b#2"]);
    await file.close();
  });

  it("never writes over a file", async () => {
    const to = fresh("safetensors");
    await writeFile(to, "mine");
    await expect(convertFile(await torchFile(state), to)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(to, "utf8")).toBe("mine");
  });

  it("refuses a structure that lies", async () => {
    const w = float32Tensor([1], Float32Array.of(1));
    const structures = [
      "no JSON",
      "[1]",
      "1.5",
      "{}",
      `{"tensor":"v"}`,
      `{"tensor":"w","same":"v"}`,
      `{"global":"os system"}`,
      `{"object":"os system","args":[]}`,
      `{"object":"torch float32","args":[]}`,
      `{"dict":[[1]]}`,
      `{"dict":[],"type":"os.system"}`,
      `{"dict":[],"attributes":1}`,
      `{"dict":[[{"list":[]},1]]}`,
      `{"dict":[${Array.from({ length: 12_000 }, (_, i) => `[{"int":"${(BigInt(i + 1) << 64n) + 5n}"},1]`).join()}]}`,
      `{"set":[{"dict":[]}]}`,
      `{"object":"torch Size","args":[],"state":1}`,
      `{"object":"torch._utils _rebuild_tensor_v2","args":[]}`,
      `{"int":"1e9"}`,
      `{"float":"1"}`,
      `{"bytes_hex":"0"}`,
      `{"list":{"length":4294967295}}`,
      `{"list":[`.repeat(300) + "]}".repeat(300),
    ];
    for (const structure of structures) {
      const safe = fresh("safetensors");
      await writeSafetensors(safe, [["w", w]], [["guardapesos.structure", structure]]);
      await expect(convertFile(safe, fresh("pth"))).rejects.toMatchObject({ code: "TORCH_FILE_INVALID" });
    }
  });
});

describe("names and texts", () => {
  const safe = async (path: string) => {
    const file = await readSafetensors(path);
    await file.close();
    return { names: [...file.tensors.keys()].sort(), metadata: file.metadata };
  };

  it("keeps every name of one tensor object, and joins them again on the way back", async () => {
    const one = float32Tensor([2], Float32Array.of(1, 2));
    const weights = orderedDict([["w", one]]);
    const from = await torchFile(orderedDict([["embed.w", one], ["head.w", one], ["params", weights], ["params_ema", weights]])); // prettier-ignore
    const [to, back] = [fresh("safetensors"), fresh("pth")];
    await convertFile(from, to);
    expect((await safe(to)).names).toEqual(["embed.w", "head.w", "params.w", "params_ema.w"]);
    await convertFile(to, back);
    const file = await readTorchFile(back);
    const tensors = [...file.tensors()].map(([, tensor]) => tensor);
    await file.close();
    expect(tensors).toHaveLength(4);
    expect(new Set(tensors).size).toBe(1);
  });

  it("keeps what another program wrote beside the tensors, there and back again", async () => {
    const [from, same, torch, again] = [
      fresh("safetensors"),
      fresh("safetensors"),
      fresh("pth"),
      fresh("safetensors"),
    ];
    const told = [["format", "pt"], ["modelspec.title", "mine"]] as const; // prettier-ignore
    await writeSafetensors(from, [["a", float32Tensor([1], Float32Array.of(1))]], told);
    await convertFile(from, same);
    await convertFile(from, torch);
    await convertFile(torch, again);
    for (const path of [same, again])
      expect(Object.fromEntries((await safe(path)).metadata)).toMatchObject(Object.fromEntries(told));
    expect((await safe(again)).metadata).toEqual((await safe(same)).metadata);
  });
});

describe("the file that is made", () => {
  const value = dict({ a: float32Tensor([4], new Float32Array(4)) });
  const hiddenIn = async (place: string) =>
    (await readdir(place)).filter((name) => name.startsWith(".guardapesos-"));

  it("has its name only once it is whole", async () => {
    const place = await mkdtemp(join(folder, "whole-"));
    const path = join(place, "made.pth");
    const sink = await openWhole(path);
    await sink.write(Uint8Array.of(1, 2));
    expect(existsSync(path)).toBe(false);
    expect(await hiddenIn(place)).toHaveLength(1);
    await sink.sync();
    await sink.close();
    expect([...(await readFile(path))]).toEqual([1, 2]);
    expect(await readdir(place)).toEqual(["made.pth"]);
  });

  it("never takes the place of another, also of one that came meanwhile", async () => {
    const place = await mkdtemp(join(folder, "taken-"));
    const path = join(place, "made.pth");
    const sink = await openWhole(path);
    await writeFile(path, "mine");
    await expect(sink.close()).rejects.toMatchObject({ code: "EEXIST" });
    await sink.discard();
    expect(await readFile(path, "utf8")).toBe("mine");
    expect(await readdir(place)).toEqual(["made.pth"]);
    await expect(openWhole(path)).rejects.toMatchObject({ code: "EEXIST", syscall: "open" });
  });

  it("is not there after a stop, nor anything of it", async () => {
    const place = await mkdtemp(join(folder, "stopped-"));
    const stopping = new AbortController();
    const from = await torchFile(value);
    const onProgress = () => stopping.abort("SIGINT");
    const work = convertFile(from, join(place, "made.pth"), { signal: stopping.signal, onProgress });
    await expect(work).rejects.toBe("SIGINT");
    expect(await readdir(place)).toEqual([]);
  });

  it("takes away what a killed process of this computer left, and nothing of one that lives", async () => {
    const place = await mkdtemp(join(folder, "left-"));
    await openWhole(join(place, "first.pth")).then((sink) => sink.sync());
    const [mine] = await hiddenIn(place);
    const dead = spawnSync(process.execPath, ["-e", "0"]).pid;
    const left = mine!.replace(`-${process.pid}-`, `-${dead}-`);
    await writeFile(join(place, left), "half");
    await convertFile(await torchFile(value), join(place, "made.pth"));
    expect((await readdir(place)).sort()).toEqual([mine, "made.pth"]);
  });
});
