/** Both directions with real PyTorch: it opens what we write, bit for bit, and goes on training from it as from its own. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  asParameter,
  dict,
  float32Tensor,
  numberOf,
  orderedDict,
  pythonFloat,
  readTorchFile,
  tensorOf,
  tuple,
  writeTorchFile,
  type Dtype,
  type TorchTensor,
  type TorchValue,
} from "../../src/torch/index.js";
import { tensorOver } from "../../src/torch/tensor.js";
import { missingPytorch, pytorches } from "../harness/pytorch.js";

const script = fileURLToPath(new URL("./pytorch.py", import.meta.url));

if (missingPytorch !== "") it.skip(`PyTorch is not here: ${missingPytorch}`);

interface Facts {
  readonly tensors: readonly {
    readonly path: readonly string[];
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly strides: readonly number[];
    readonly offset: number;
    readonly requires_grad: boolean;
    readonly parameter: boolean;
    readonly sha256: string;
  }[];
  readonly shared: readonly (readonly string[])[];
}

interface Made {
  readonly version: string;
  readonly facts: Facts;
  readonly after: readonly string[];
}

interface Checked {
  readonly copy: Facts;
  readonly after: readonly string[];
  readonly weights_only: Facts | string;
  readonly weights_only_copy: Facts | string;
  readonly weights_only_original: Facts | string;
  readonly dtypes: Facts;
  readonly values: Readonly<Record<string, string>>;
}

/** What we find in a value, in the words of the Python script. */
async function factsOf(tensors: Iterable<readonly [readonly TorchValue[], TorchTensor]>): Promise<Facts> {
  const found: Facts["tensors"][number][] = [];
  const groups = new Map<object, string[][]>();
  for (const [path, tensor] of tensors) {
    const keys = path.map((key) => (typeof key === "string" ? key : String(numberOf(key))));
    const { dtype, shape, strides, offset, requiresGrad, parameter, storage } = tensor;
    const sha256 = createHash("sha256").update(await tensor.read()).digest("hex"); // prettier-ignore
    found.push({ path: keys, dtype, shape, strides, offset, requires_grad: requiresGrad, parameter, sha256 });
    if (!shape.includes(0)) groups.set(storage.identity, [...(groups.get(storage.identity) ?? []), keys]);
  }
  return { tensors: found, shared: [...groups.values()].filter((paths) => paths.length > 1) as never };
}

const dtypeSamples: readonly (readonly [Dtype, TorchTensor])[] = [
  ["float32", tensorOf("float32", [2], Float32Array.of(NaN, -0))],
  ["float64", tensorOf("float64", [1, 2], Float64Array.of(Math.PI, Infinity))],
  ["float16", tensorOf("float16", [2], Uint16Array.of(0x3c00, 0x0001))],
  ["bfloat16", tensorOf("bfloat16", [2], Uint16Array.of(0x3f80, 0xff80))],
  ["int64", tensorOf("int64", [2], BigInt64Array.of(2n ** 62n + 1n, -1n))],
  ["int32", tensorOf("int32", [1], Int32Array.of(-5))],
  ["int16", tensorOf("int16", [1], Int16Array.of(-300))],
  ["int8", tensorOf("int8", [1], Int8Array.of(-7))],
  ["uint8", tensorOf("uint8", [3], Uint8Array.of(0, 128, 255))],
  ["bool", tensorOf("bool", [2], Uint8Array.of(1, 0))],
  ["complex64", tensorOf("complex64", [1], Float32Array.of(1, -2))],
  ["complex128", tensorOf("complex128", [1], Float64Array.of(0.5, 3))],
];

/** Python's repr of each is on the right. */
const values: readonly (readonly [name: string, value: TorchValue, repr: string])[] = [
  ["int", 7, "7"],
  ["float", pythonFloat(7), "7.0"],
  ["negative zero", -0, "-0.0"],
  ["lr", 0.001, "0.001"],
  ["large", 2n ** 80n, "1208925819614629174706176"],
  ["negative", -(2n ** 70n) + 1n, "-1180591620717411303423"],
  ["edges", [127, 128, -128, -129, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1], "[127, 128, -128, -129, 255, 256, 65535, 65536, 2147483647, 2147483648, -2147483648, -2147483649]"], // prettier-ignore
  ["not finite", [NaN, Infinity, -Infinity], "[nan, inf, -inf]"],
  ["none", null, "None"],
  ["flags", tuple(true, false), "(True, False)"],
  ["tuples", tuple(tuple(), tuple(1), tuple(1, 2), tuple(1, 2, 3), tuple(1, 2, 3, 4)), "((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))"], // prettier-ignore
  ["text", "ñ 训练 😀 \n", "'ñ 训练 😀 \\n'"],
  ["empty", ["", [], new Map()], "['', [], {}]"],
  ["bytes", Uint8Array.of(0, 255, 65), "b'\\x00\\xffA'"],
  ["ordered", orderedDict([["b", 1], ["a", 2]]), "OrderedDict([('b', 1), ('a', 2)])"], // prettier-ignore
  ["keys", new Map<TorchValue, TorchValue>([[3, "three"], [tuple(1, 2), "pair"], [null, "none"]]), "{3: 'three', (1, 2): 'pair', None: 'none'}"], // prettier-ignore
  ["set", new Set<TorchValue>([5]), "{5}"],
  [
    "many",
    Array.from({ length: 2500 }, (_, i) => i),
    `[${Array.from({ length: 2500 }, (_, i) => i).join(", ")}]`,
  ],
  ["dtype", { kind: "global", module: "torch", name: "float16" }, "torch.float16"],
];

describe.each(pytorches)("with PyTorch $version", ({ python }) => {
  let folder: string;
  let made: Made;
  let checked: Checked;

  const python3 = async (command: string): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(python, [script, command, folder], { maxBuffer: 2 ** 24 });
    return JSON.parse(stdout) as unknown;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "torch-pytorch-"));
    made = (await python3("make")) as Made;

    const file = await readTorchFile(join(folder, "original.pth"));
    expect(await factsOf(file.tensors())).toEqual(made.facts);
    await writeTorchFile(join(folder, "copy.pth"), file.value);
    await file.close();

    const shared = Float32Array.of(1, 2, 3, 4, 5, 6);
    const whole = float32Tensor([2, 3], shared);
    await writeTorchFile(
      join(folder, "weights.pth"),
      dict({
        a: whole,
        b: float32Tensor([6], shared),
        column: tensorOver({ ...whole, shape: [2], strides: [3], offset: 1 }),
        scalar: float32Tensor([], Float32Array.of(9)),
        empty: float32Tensor([0, 3], new Float32Array(0)),
        parameter: asParameter(float32Tensor([1], Float32Array.of(5))),
        step: 12,
      }),
    );
    await writeTorchFile(join(folder, "dtypes.pth"), new Map<TorchValue, TorchValue>(dtypeSamples));
    await writeTorchFile(
      join(folder, "values.pth"),
      new Map<TorchValue, TorchValue>(values.map(([name, value]) => [name, value])),
    );
    checked = (await python3("check")) as Checked;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("reads a checkpoint of PyTorch and writes it again: same tensors, same sharing", () => {
    expect(checked.copy).toEqual(made.facts);
    expect(made.facts.shared.length).toBeGreaterThan(0);
  });

  it("load_state_dict takes model and Adam, and the next step gives the same numbers as from PyTorch's own file", () => {
    expect(checked.after).toEqual(made.after);
  });

  it("opens our weights with weights_only=True, views, sharing and parameters included", () => {
    if (checked.weights_only === "absent") return;
    const { tensors, shared } = checked.weights_only as Facts;
    expect(shared).toEqual([[["a"], ["b"], ["column"]]]);
    expect(tensors.map(({ path, shape, strides, offset, parameter }) => [path[0], shape, strides, offset, parameter])).toEqual([
      ["a", [2, 3], [3, 1], 0, false],
      ["b", [6], [1], 0, false],
      ["column", [2], [3], 1, false],
      ["scalar", [], [], 0, false],
      ["empty", [0, 3], [3, 1], 0, false],
      ["parameter", [1], [1], 0, true],
    ]); // prettier-ignore
    const column = createHash("sha256").update(Float32Array.of(2, 5)).digest("hex");
    expect(tensors[2]!.sha256).toBe(column);
  });

  it("weights_only=True treats our checkpoint as it treats PyTorch's own", () => {
    // PyTorch 1.13 takes no floats there, so none of its own checkpoints with an optimizer either.
    expect(checked.weights_only_copy).toEqual(checked.weights_only_original);
  });

  it("reads every dtype that we write, to the bit", async () => {
    const ours = await factsOf(dtypeSamples.map(([name, tensor]) => [[name], tensor] as const));
    expect(checked.dtypes).toEqual(ours);
  });

  it("reads the Python values that we write", () => {
    expect(checked.values).toEqual(Object.fromEntries(values.map(([name, , repr]) => [name, repr])));
  });
});
