import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertFile } from "./convert.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
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
