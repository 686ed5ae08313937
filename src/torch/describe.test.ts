import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeTorchFile } from "./describe.js";
import { statisticsOf, type DescribeOptions } from "./describe-tensor.js";
import { bfloat16ToNumber, halfToNumber } from "../base/half.js";
import { readFloat32 } from "./numbers.js";
import { findStateDict } from "./state-dict.js";
import { asParameter, float32Tensor, tensorOf, tensorOver } from "./tensor.js";
import { readTorchFile } from "./torch-read.js";
import { writeTorchFile } from "./torch-write.js";
import { dict, orderedDict, pythonFloat, tuple, type TorchValue } from "./values.js";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torch-describe-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function described(value: TorchValue, options?: DescribeOptions) {
  const path = join(folder, `${count++}.pth`);
  await writeTorchFile(path, value);
  const file = await readTorchFile(path);
  try {
    return await describeTorchFile(file, options);
  } finally {
    await file.close();
  }
}

const shared = Float32Array.of(1, NaN, 3, -Infinity, 6, 0);
const rgb = float32Tensor([2, 3], shared);
const step = (n: number) => float32Tensor([], Float32Array.of(n));
const moments = dict({
  exp_avg: float32Tensor([1], Float32Array.of(0)),
  exp_avg_sq: float32Tensor([1], Float32Array.of(0)),
});
const value = dict({
  state_dict: orderedDict([
    ["initial_rgb.w", rgb],
    ["rgb_layers.0.w", float32Tensor([2, 3], shared)],
    ["turned", tensorOver({ ...rgb, shape: [3, 2], strides: [1, 3] })],
    ["p", asParameter(tensorOf("int64", [2], BigInt64Array.of(1n, 2n)))],
  ]),
  optimizer: dict({
    state: new Map<TorchValue, TorchValue>([
      [0, new Map([...dict({ step: step(3) }), ...moments])],
      [1, new Map([...dict({ step: step(8) }), ...moments])],
    ]),
    param_groups: [dict({ lr: 0.001, betas: tuple(pythonFloat(0), 0.99), foreach: null, params: [0, 1, 2] })],
  }),
  guardapesos: dict({ format: 1, step: 1200, alpha: 0.5, losses: [1.5, NaN] }),
}); // prettier-ignore

describe("describing a file", () => {
  it("says what is in it: keys, weights, optimizer, progress, storages", async () => {
    expect(await described(value)).toMatchObject({
      format: "zip",
      keys: ["state_dict", "optimizer", "guardapesos"],
      stateDict: { key: "state_dict", tensors: 4, elements: 20, parallel: false },
      optimizers: [
        {
          name: "optimizer",
          kind: "Adam",
          parameters: 3,
          withState: 2,
          steps: [3, 8],
          groups: [{ lr: 0.001, betas: [0, 0.99], foreach: null }],
        },
      ],
      progress: { format: 1, step: 1200, alpha: 0.5, losses: [1.5, "NaN"] },
      storages: { count: 6, bytes: 24 + 16 + 4 + 4 + 4 + 4 },
    });
  });

  it("says of each tensor what is particular to it", async () => {
    const { tensors } = await described(value);
    expect(tensors.slice(0, 4)).toEqual([
      { name: "state_dict.initial_rgb.w", dtype: "float32", shape: [2, 3], elements: 6, bytes: 24 },
      { name: "state_dict.rgb_layers.0.w", dtype: "float32", shape: [2, 3], elements: 6, bytes: 24, shares: "state_dict.initial_rgb.w" },
      { name: "state_dict.turned", dtype: "float32", shape: [3, 2], elements: 6, bytes: 24, shares: "state_dict.initial_rgb.w", strides: [1, 3] },
      { name: "state_dict.p", dtype: "int64", shape: [2], elements: 2, bytes: 16, parameter: true, requiresGrad: true },
    ]); // prettier-ignore
  });

  it("counts NaN and infinite elements once, though two names share them", async () => {
    const { tensors, nonFinite } = await described(dict({ a: rgb, b: float32Tensor([2, 3], shared) }), {
      stats: true,
    });
    expect(tensors[0]!.statistics).toEqual({ min: 0, max: 6, mean: 2.5, nan: 1, infinite: 1 });
    expect(tensors[1]!.statistics).toEqual(tensors[0]!.statistics);
    expect(nonFinite).toBe(2);
  });

  it("knows optimizers by their state", async () => {
    const kind = async (state: TorchValue) =>
      (
        await described(
          dict({ o: dict({ state, param_groups: [dict({ betas: tuple(0.5, 0.9), params: [] })] }) }),
        )
      ).optimizers[0]!.kind;
    const entry = (key: string) =>
      new Map<TorchValue, TorchValue>([[0, dict({ [key]: step(0), exp_avg_sq: step(0) })]]);
    expect(await kind(new Map())).toBe("Adam");
    expect(await kind(entry("max_exp_avg_sq"))).toBe("Adam (AMSGrad)");
    expect(await kind(new Map([[0, dict({ momentum_buffer: step(0) })]]))).toBe("SGD");
    expect(await kind(new Map([[0, dict({ something: 1 })]]))).toBeUndefined();
  });
});

it("statistics have nothing to say of complex numbers and of no numbers", async () => {
  expect(await statisticsOf(tensorOf("complex64", [1], Float32Array.of(1, 2)))).toBeUndefined();
  const none = { min: null, max: null, mean: null, nan: 0, infinite: 0 };
  expect(await statisticsOf(float32Tensor([0], new Float32Array(0)))).toEqual(none);
});

describe("finding the state_dict", () => {
  const w = rgb;
  it("bare, wrapped, or from DataParallel", () => {
    expect(findStateDict(orderedDict([["w", w]]))).toMatchObject({ key: undefined, parallel: false });
    expect(findStateDict(dict({ model: dict({ w }), epoch: 1 }))).toMatchObject({ key: "model" });
    const parallel = findStateDict(dict({ "module.a": w, "module.b": w }))!;
    expect([...parallel.tensors.keys()]).toEqual(["a", "b"]);
    expect(parallel.parallel).toBe(true);
  });
  it("none in what is none", () => {
    expect(findStateDict(dict({}))).toBeUndefined();
    expect(findStateDict(dict({ state_dict: dict({ w, epoch: 1 }) }))).toBeUndefined();
    expect(findStateDict([w])).toBeUndefined();
  });
});

describe("16-bit floats", () => {
  it("are the numbers that their bits say", () => {
    const halves = [[0x3c00, 1], [0xc000, -2], [0x7bff, 65504], [0x0001, 2 ** -24], [0x0400, 2 ** -14], [0x7c00, Infinity], [0xfc00, -Infinity], [0x8000, -0], [0x3555, 0.333251953125]] as const; // prettier-ignore
    for (const [word, number] of halves) expect(halfToNumber(word)).toBe(number);
    expect(halfToNumber(0x7e01)).toBeNaN();
    for (const [word, number] of [
      [0x3f80, 1],
      [0xc049, -3.140625],
      [0xff80, -Infinity],
    ] as const) {
      expect(bfloat16ToNumber(word)).toBe(number);
    }
  });

  it("and other types are read as float32", async () => {
    expect(await readFloat32(tensorOf("float16", [2], Uint16Array.of(0x3c00, 0xc000)))).toEqual(
      Float32Array.of(1, -2),
    );
    expect(await readFloat32(tensorOf("bfloat16", [1], Uint16Array.of(0x3f80)))).toEqual(Float32Array.of(1));
    expect(await readFloat32(tensorOf("float64", [1], Float64Array.of(0.1)))).toEqual(Float32Array.of(0.1));
    expect(await readFloat32(tensorOf("int64", [1], BigInt64Array.of(-7n)))).toEqual(Float32Array.of(-7));
    expect(await readFloat32(tensorOf("bool", [2], Uint8Array.of(1, 0)))).toEqual(Float32Array.of(1, 0));
  });
});
