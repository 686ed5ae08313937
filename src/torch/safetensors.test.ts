import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuardapesosError } from "../base/errors.js";
import { describeTensors } from "./describe-tensor.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { float32Tensor, tensorOf, tensorOver } from "./tensor.js";

let folder: string;
let count = 0;
const fresh = (): string => join(folder, `${count++}.safetensors`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file with this header and so many bytes of data. */
function bytesOf(header: string, data = Buffer.alloc(0), length = Buffer.byteLength(header)): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(length));
  return Buffer.concat([size, Buffer.from(header), data]);
}

async function read(bytes: Uint8Array): Promise<Map<string, unknown>> {
  const path = fresh();
  await writeFile(path, bytes);
  const file = await readSafetensors(path);
  try {
    const elements = new Map<string, unknown>();
    for (const [name, tensor] of file.tensors) elements.set(name, await tensor.read());
    return elements;
  } finally {
    await file.close();
  }
}

const entry = (dtype: string, shape: number[], begin: number, end: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

it("reads the example of the format's own page", async () => {
  const data = Buffer.from(Float32Array.of(1, 2).buffer);
  const header = `{"__metadata__":{"a":"b"},"test":${entry("F32", [2], 0, 8)}}  `;
  expect(await read(bytesOf(header, data))).toEqual(new Map([["test", Float32Array.of(1, 2)]]));
});

const threeAndFive = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

it("gives tensors of a type that is not known as their bytes, and the others as they are", async () => {
  const path = fresh();
  await writeFile(
    path,
    bytesOf(`{"a":${entry("F6_E2M3", [4], 0, 3)},"b":${entry("U8", [5], 3, 8)}}`, Buffer.from(threeAndFive)),
  );
  const file = await readSafetensors(path);
  const { tensors } = await describeTensors(
    [...file.allTensors].map(([name, tensor]) => [[name], tensor] as const),
    { digests: true },
  );
  await file.close();
  expect([...file.tensors.keys()]).toEqual(["b"]);
  const sha256 = createHash("sha256").update(Buffer.from(threeAndFive).subarray(0, 3)).digest("hex");
  const storage = { dtype: "uint8", shape: [3], sha256 };
  expect(tensors).toMatchObject([
    { name: "a", dtype: "F6_E2M3", shape: [4], parts: [storage] },
    { name: "b" },
  ]);
});

describe("a header that lies", () => {
  const eight = Buffer.alloc(8);
  const cases: readonly (readonly [what: string, bytes: () => Buffer, code?: string])[] = [
    ["nothing", () => Buffer.alloc(0)],
    ["seven bytes", () => Buffer.alloc(7)],
    ["a header longer than the file", () => bytesOf("{}", Buffer.alloc(0), 3)],
    ["a header of 2^60 bytes", () => bytesOf("{}", Buffer.alloc(0), 2 ** 60)],
    ["no JSON", () => bytesOf("weights")],
    ["spaces before it", () => bytesOf(" {}")],
    ["a list", () => bytesOf("[]")],
    ["not closed", () => bytesOf("{")],
    ["a comma too many", () => bytesOf(`{"a":${entry("F32", [2], 0, 8)},}`, eight)],
    ["more after it", () => bytesOf("{}{}")],
    ["bytes that are not UTF-8", () => Buffer.concat([bytesOf("{}", Buffer.alloc(0), 4), Buffer.from([0xc3, 0x28])])],
    ["a name that stands twice", () => bytesOf(`{"a":${entry("F32", [2], 0, 8)},"a":${entry("F32", [2], 0, 8)}}`, eight)],
    ["a name twice, once in escapes", () => bytesOf(`{"a":${entry("F32", [2], 0, 8)},"\\u0061":${entry("F32", [2], 0, 8)}}`, eight)],
    ["an unknown type that ends before it begins", () => bytesOf(`{"a":${entry("F4", [2], 8, 0)}}`, eight)],
    ["an unknown type beyond the end", () => bytesOf(`{"a":${entry("F4", [2], 0, 16)}}`, eight)],
    ["no type", () => bytesOf(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, eight)],
    ["one key too many", () => bytesOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, eight)],
    ["a negative size", () => bytesOf(`{"a":${entry("F32", [-2], 0, 8)}}`, eight)],
    ["a size of 1.5", () => bytesOf(`{"a":${entry("F32", [1.5], 0, 6)}}`, Buffer.alloc(6))],
    ["a size of 2^60", () => bytesOf(`{"a":${entry("F32", [2 ** 60], 0, 8)}}`, eight)],
    ["sizes that overflow", () => bytesOf(`{"a":${entry("U8", [2 ** 32, 2 ** 32], 0, 0)}}`)],
    ["offsets that do not fit the shape", () => bytesOf(`{"a":${entry("F32", [1], 0, 8)}}`, eight)],
    ["offsets the wrong way round", () => bytesOf(`{"a":${entry("F32", [2], 8, 0)}}`, eight)],
    ["three offsets", () => bytesOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, eight)],
    ["data that is cut off", () => bytesOf(`{"a":${entry("F32", [2], 0, 8)}}`, Buffer.alloc(7))],
    ["data that nobody has", () => bytesOf(`{"a":${entry("F32", [2], 0, 8)}}`, Buffer.alloc(9))],
    ["a gap", () => bytesOf(`{"a":${entry("U8", [1], 0, 1)},"b":${entry("U8", [1], 2, 3)}}`, Buffer.alloc(3))],
    ["an overlap", () => bytesOf(`{"a":${entry("U8", [2], 0, 2)},"b":${entry("U8", [2], 1, 3)}}`, Buffer.alloc(3))],
    ["metadata that is no text", () => bytesOf(`{"__metadata__":{"a":1}}`)],
    ["metadata that is no object", () => bytesOf(`{"__metadata__":["a"]}`)],
    ["a million brackets", () => bytesOf(`{"a":${"[".repeat(2 ** 20)}`)],
  ]; // prettier-ignore

  for (const [what, bytes, code = "TORCH_FILE_INVALID"] of cases) {
    it(`is refused: ${what}`, async () => {
      await expect(read(bytes())).rejects.toMatchObject({ code });
    });
  }

  it("never gives anything but a clean error, whatever is changed", async () => {
    const good = bytesOf(`{"__metadata__":{"a":"b"},"t":${entry("F32", [2], 0, 8)}}`, eight);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        const error: unknown = await read(bytes).then(() => undefined, (reason: unknown) => reason); // prettier-ignore
        expect(error === undefined || error instanceof GuardapesosError).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("writing", () => {
  it("gives every type back, each aligned to its size, in views as they are", async () => {
    const types = (Object.keys(dtypes) as Dtype[]).filter((name) => dtypes[name].safetensors !== undefined);
    const tensors = types.map((dtype) => {
      const data = dtypes[dtype].array(new Uint8Array(3 * dtypes[dtype].size).map((_, i) => i + 1).buffer);
      return [dtype, tensorOf(dtype, [3], data as never)] as const;
    });
    const view = tensorOver({
      ...float32Tensor([4], Float32Array.of(1, 2, 3, 4)),
      shape: [2],
      strides: [2],
      offset: 1,
    });
    const path = fresh();
    await writeSafetensors(path, [...tensors, ["view", view]], [["note", "ñ"]]);
    const file = await readSafetensors(path);
    expect(file.metadata).toEqual(new Map([["note", "ñ"]]));
    for (const [name, tensor] of tensors)
      expect(await file.tensors.get(name)!.read()).toEqual(await tensor.read());
    expect(await file.tensors.get("view")!.read()).toEqual(Float32Array.of(2, 4));
    await file.close();
    const header = JSON.parse((await readFile(path)).subarray(8).toString("latin1").split("}}")[0]! + "}}") as Record<string, { data_offsets: number[] }>; // prettier-ignore
    const start = Number((await readFile(path)).readBigUInt64LE());
    for (const [name] of tensors)
      expect((start + header[name]!.data_offsets[0]!) % dtypes[name].size).toBe(0);
  });

  it("keeps names that JavaScript would put in another order or take for its own", async () => {
    const names = ["b", "10", "9", "__proto__", "constructor", ""];
    const path = fresh();
    await writeSafetensors(
      path,
      names.map((name, i) => [name, float32Tensor([1], Float32Array.of(i))] as const),
    );
    const file = await readSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(names);
    await file.close();
  });

  it("refuses what the format cannot hold", async () => {
    const complex = tensorOf("complex128", [1], Float64Array.of(1, 2));
    await expect(writeSafetensors(fresh(), [["z", complex]])).rejects.toMatchObject({
      code: "TORCH_FILE_UNSUPPORTED",
    });
  });
});
