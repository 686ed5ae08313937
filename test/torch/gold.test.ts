/** Every file that real PyTorch wrote reads to exactly the values that PyTorch recorded. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  dtypes,
  isKind,
  readTorchFile,
  type TorchFile,
  type TorchTensor,
  type TorchValue,
} from "../../src/torch/index.js";
import { valueToJson, type Json, type JsonObject } from "../../src/torch/json.js";
import { isNumeric, numbersOf } from "../../src/torch/numbers.js";
import { pickle } from "../../src/torch/pickle-write.js";
import { openSource } from "../../src/torch/source.js";
import { byteStream } from "../../src/torch/stream.js";
import { readTorch } from "../../src/torch/torch-read.js";
import { readArchive } from "../../src/torch/zip-directory.js";
import { recordReader } from "../../src/torch/zip-record.js";
import { zipWriter } from "../../src/torch/zip-write.js";
import { gold2Files, goldFiles, goldFolder, goldMissing, type GoldTensor } from "./gold.js";

/** A JSON key of the index for a key of ours. */
function keyJson(key: TorchValue): unknown {
  if (typeof key === "bigint") return Number(key);
  if (isKind(key, "tuple")) return key.items.map(keyJson);
  return key;
}

async function hashOf(tensor: TorchTensor): Promise<string> {
  const data = await tensor.read();
  return createHash("sha256").update(data).digest("hex");
}

/** Tensors by their path, as the index writes it. */
function byPath(file: TorchFile): Map<string, TorchTensor> {
  return new Map([...file.tensors()].map(([path, tensor]) => [JSON.stringify(path.map(keyJson)), tensor]));
}

/** "NaN" and the like as numbers. */
const numberIn = (json: unknown): number => (typeof json === "string" ? Number(json) : (json as number));

async function firstEight(tensor: TorchTensor): Promise<unknown[]> {
  const data = await tensor.read();
  if (data instanceof BigInt64Array) return [...data.subarray(0, 8)].map(String);
  if (!isNumeric(tensor.dtype)) {
    const parts = [...(data as Float32Array).subarray(0, 16)];
    return Array.from({ length: parts.length / 2 }, (_, i) => parts.slice(2 * i, 2 * i + 2));
  }
  return [...numbersOf(tensor.dtype, data).subarray(0, 8)];
}

function expectedEight(gold: GoldTensor): unknown[] {
  if (gold.dtype === "int64") return (gold.first8_text ?? gold.first8).map(String);
  if (gold.dtype.startsWith("complex")) return gold.first8.map((pair) => (pair as unknown[]).map(numberIn));
  // 32-bit floats are recorded with the digits that they need, no more.
  const narrow = dtypes[gold.dtype as keyof typeof dtypes].size <= 4;
  return gold.first8.map((value) => (narrow ? Math.fround(numberIn(value)) : numberIn(value)));
}

/** Our JSON of a value in the words of the index, which does not tell an OrderedDict from a dict. */
function inGoldWords(json: Json): unknown {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map(inGoldWords);
  const object = json as JsonObject;
  const [tag, content] = Object.entries(object)[0]!;
  if (tag === "dict") return { dict: inGoldWords(content) };
  if (tag === "set") return { set: (inGoldWords(content) as number[]).sort((a, b) => a - b) };
  if (tag === "global") return { dtype: (content as string).replace(" ", ".") };
  if (content === "torch Size") return { Size: ((object["args"] as Json[])[0] as { tuple: Json[] }).tuple };
  if (content === "torch device") return { device: (object["args"] as Json[])[0] };
  return { [tag]: inGoldWords(content) };
}

describe("files of torch.save", () => {
  it.runIf(goldMissing !== undefined)("are not here", (context) => {
    context.skip(goldMissing);
  });

  for (const gold of goldFiles()) {
    it(`reads ${gold.file}: ${gold.note}`, async () => {
      const file = await readTorchFile(join(goldFolder, "torchfile", gold.file));
      try {
        await file.verify();
        expect(file.format).toBe(gold.format);
        const tensors = byPath(file);
        expect([...tensors.keys()]).toEqual(gold.tensors.map((tensor) => JSON.stringify(tensor.path)));
        for (const wanted of gold.tensors) {
          const tensor = tensors.get(JSON.stringify(wanted.path))!;
          expect({
            dtype: tensor.dtype,
            shape: tensor.shape,
            stride: tensor.strides,
            storage_offset: tensor.offset,
            storage_numel: tensor.storage.length,
            requires_grad: tensor.requiresGrad,
            sha256: await hashOf(tensor),
          }).toEqual({
            dtype: wanted.dtype,
            shape: wanted.shape,
            stride: wanted.stride,
            storage_offset: wanted.storage_offset,
            storage_numel: wanted.storage_numel,
            requires_grad: wanted.requires_grad,
            sha256: wanted.sha256,
          });
          expect(await firstEight(tensor)).toEqual(expectedEight(wanted));
        }
        const shared = new Map<object, string[]>();
        for (const [path, tensor] of tensors) {
          if (tensor.shape.includes(0)) continue;
          shared.set(tensor.storage.identity, [...(shared.get(tensor.storage.identity) ?? []), path]);
        }
        const groups = [...shared.values()].filter((paths) => paths.length > 1);
        expect(groups).toEqual(gold.share_storage.map((paths) => paths.map((path) => JSON.stringify(path))));
        if (gold.values !== undefined) {
          expect(inGoldWords(valueToJson(file.value, () => "<tensor>"))).toEqual(gold.values);
        }
      } finally {
        await file.close();
      }
    });
  }
});

describe("files of PyTorch 2", () => {
  const files = gold2Files();
  it.runIf(files.length === 0)("are not here", (context) => {
    context.skip(`no torch2 folder in ${goldFolder}`);
  });

  for (const gold of files) {
    it(`reads ${gold.file}`, async () => {
      const path = join(goldFolder, "torch2", gold.file);
      if (gold.tensors === undefined) {
        await expect(readTorchFile(path)).rejects.toMatchObject({ code: "TORCH_FILE_INVALID" });
        return;
      }
      const file = await readTorchFile(path);
      try {
        await file.verify();
        const tensors = byPath(file);
        expect([...tensors.keys()]).toEqual(gold.tensors.map((tensor) => JSON.stringify(tensor.path)));
        for (const { path: where, ...wanted } of gold.tensors) {
          const tensor = tensors.get(JSON.stringify(where))!;
          const sha256 = await hashOf(tensor);
          expect({ dtype: tensor.dtype, shape: tensor.shape, sha256 }).toMatchObject({
            dtype: wanted.dtype,
            shape: wanted.shape,
            sha256: wanted.sha256,
          });
        }
      } finally {
        await file.close();
      }
    });
  }
});

describe("our writer and PyTorch's own bytes", () => {
  const files = gold2Files().filter(({ records }) => records !== null);
  it.runIf(files.length === 0)("are not here", (context) => {
    context.skip(`no torch2 folder in ${goldFolder}`);
  });

  for (const { file: name } of files) {
    it(`makes the same pickle and the same archive as PyTorch for ${name}`, async () => {
      const path = join(goldFolder, "torch2", name);
      const original = await readFile(path);
      const source = await openSource(path);
      const file = await readTorch(source);
      const pickled = pickle(file.value);
      const pieces: Uint8Array[] = [];
      const done = () => Promise.resolve();
      const write = (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes.slice()));
      const stream = byteStream({ write, sync: done, close: done, discard: done });
      const zip = zipWriter(stream);
      for (const entry of (await readArchive(source)).entries) {
        const record = new Uint8Array(entry.size);
        await recordReader(source, entry).readInto(0, record);
        // Python writes a text anew that is equal to one before but not the same object; we do not.
        const comparable = entry.name.endsWith("/data.pkl") && name !== "checkpoint.pt";
        if (comparable) expect(Buffer.from(pickled.bytes)).toEqual(Buffer.from(record));
        await zip.add(entry.name, record.length, [record]);
      }
      await zip.end();
      await stream.finish();
      await file.close();
      expect(Buffer.concat(pieces).equals(original)).toBe(true);
    });
  }
});
