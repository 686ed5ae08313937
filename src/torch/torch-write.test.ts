import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workerEntry } from "../base/worker-entry.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { valueToJson } from "./json.js";
import type { FileSink } from "../base/file-sink.js";
import type { ByteStream } from "./stream.js";
import { asParameter, float32Tensor, tensorOf, tensorOver } from "./tensor.js";
import { readTorch, type TorchFile } from "./torch-read.js";
import { writeTorchFile } from "./torch-write.js";
import {
  dict,
  isKind,
  orderedDict,
  pythonFloat,
  tuple,
  type TorchTensor,
  type TorchValue,
} from "./values.js";
import { readArchive } from "./zip-directory.js";
import { recordReader } from "./zip-record.js";
import { zipWriter } from "./zip-write.js";
import { openSource } from "./source.js";

let folder: string;
let count = 0;
const fresh = (): string => join(folder, `${count++}.pth`);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "torch-write-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A sink in memory that fails at the nth write, if asked. */
function memorySink(failAt = Infinity) {
  const pieces: Uint8Array[] = [];
  const calls: string[] = [];
  const sink: FileSink = {
    write: (bytes) => {
      if (pieces.length === failAt)
        return Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }));
      pieces.push(bytes.slice());
      return Promise.resolve();
    },
    sync: () => Promise.resolve(void calls.push("sync")),
    close: () => Promise.resolve(void calls.push("close")),
    discard: () => Promise.resolve(void calls.push("discard")),
  };
  return { sink, pieces, calls };
}

/** Writes and opens again, in memory: a sync of a real disk would take most of the time. */
async function written<T>(value: TorchValue, use: (file: TorchFile) => Promise<T> | T): Promise<T> {
  const { sink, pieces } = memorySink();
  await writeTorchFile("", value, { open: () => Promise.resolve(sink) });
  const bytes = Buffer.concat(pieces);
  const file = await readTorch({
    path: "memory.pth",
    size: bytes.length,
    readInto: (position, target) =>
      Promise.resolve(void bytes.copy(target, 0, position, position + target.length)),
    close: () => Promise.resolve(),
  });
  await file.verify();
  return use(file);
}

const json = (value: TorchValue) =>
  valueToJson(value, (part) => (isKind(part, "tensor") ? { dtype: part.dtype, shape: part.shape } : null));

const leaves = fc.oneof(
  fc.constantFrom<TorchValue>(null, true, false),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }).map((n) => (BigInt(Number(n)) === n && Number.isSafeInteger(Number(n)) ? Number(n) : n)),
  fc.double().map(pythonFloat),
  fc.string({ unit: "binary" }),
  fc.uint8Array({ maxLength: 300 }).map((bytes): TorchValue => Uint8Array.from(bytes)),
); // prettier-ignore
const keys = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.tuple(fc.integer(), fc.string()).map((pair) => tuple(...pair)),
);
const { value: values } = fc.letrec<{ value: TorchValue; dict: Map<TorchValue, TorchValue> }>((tie) => ({
  dict: fc.array(fc.tuple(keys, tie("value")), { maxLength: 6 }).map((entries) => new Map<TorchValue, TorchValue>(entries)),
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaves,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.array(tie("value"), { maxLength: 6 }).map((items) => tuple(...items)),
    tie("dict"),
    tie("dict").map((entries): TorchValue => orderedDict(entries)),
    fc.array(leaves, { maxLength: 4 }).map((items): TorchValue => new Set(items)),
  ),
})); // prettier-ignore

describe("writing and reading again", () => {
  it("gives the same values, whatever they are", async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const wrapped = dict({ value });
        expect(await written(wrapped, (file) => json(file.value))).toEqual(json(wrapped));
      }),
      { numRuns: 150 },
    );
  });

  it("gives the same elements, in every type", async () => {
    await fc.assert(
      fc.asyncProperty(
        // Quantised types mean nothing without their scale, which is not written.
        fc.constantFrom(...(Object.keys(dtypes) as Dtype[]).filter((name) => !name.startsWith("q"))),
        fc.array(fc.nat(4), { maxLength: 4 }),
        fc.uint8Array({ minLength: 4 ** 4 * 16, maxLength: 4 ** 4 * 16 }),
        async (dtype, shape, random) => {
          const { size, array } = dtypes[dtype];
          const data = array(random.slice(0, size * shape.reduce((a, b) => a * b, 1)).buffer);
          const tensor = tensorOf(dtype, shape, data as never);
          await written(dict({ tensor }), async (file) => {
            const [[, read] = []] = [...file.tensors()];
            expect(read).toMatchObject({ dtype, shape });
            expect(Buffer.from((await read!.read()).buffer)).toEqual(Buffer.from(data.buffer));
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it("gives the same view of a storage, whatever its strides", async () => {
    const data = Float32Array.from({ length: 60 }, (_, i) => i);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(4), fc.nat(9)), { maxLength: 4 }),
        fc.nat(10),
        async (dimensions, offset) => {
          const shape = dimensions.map(([length]) => length);
          const strides = dimensions.map(([, stride]) => stride);
          const last = dimensions.reduce(
            (at, [length, stride]) => at + Math.max(length - 1, 0) * stride,
            offset,
          );
          fc.pre(last < data.length);
          const tensor = tensorOver({ ...float32Tensor([60], data), shape, strides, offset });
          // The definition of a view, element by element.
          const expected: number[] = [];
          const visit = (axis: number, at: number): void => {
            if (axis === shape.length) expected.push(data[at]!);
            else for (let i = 0; i < shape[axis]!; i++) visit(axis + 1, at + i * strides[axis]!);
          };
          visit(0, offset);
          await written(dict({ tensor }), async (file) => {
            const [[, read] = []] = [...file.tensors()];
            expect([...((await read!.read()) as Float32Array)]).toEqual(expected);
          });
        },
      ),
      { numRuns: 80 },
    );
  });

  it("keeps shared storages shared and equal ones apart", async () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const again = Float32Array.of(1, 2, 3, 4);
    const value = dict({
      a: float32Tensor([4], data),
      b: float32Tensor([2, 2], data),
      c: float32Tensor([4], again),
    });
    await written(value, (file) => {
      const [a, b, c] = [...file.tensors()].map(([, tensor]) => tensor.storage.identity);
      expect(a).toBe(b);
      expect(a).not.toBe(c);
    });
  });

  it("keeps one list in two places one list, a dict inside itself out", async () => {
    const list: TorchValue[] = [1];
    await written(dict({ a: list, b: list }), (file) => {
      const value = file.value as Map<string, unknown>;
      expect(value.get("a")).toBe(value.get("b"));
    });
    const cyclic = new Map<TorchValue, TorchValue>();
    cyclic.set("self", cyclic);
    await expect(written(cyclic, () => undefined)).rejects.toMatchObject({ code: "TORCH_FILE_INVALID" });
  });

  it("keeps parameters, attributes of dicts, and pickles longer than any first buffer", async () => {
    const state = orderedDict(
      Array.from({ length: 700 }, (_, i): [string, TorchTensor] => [
        `layer.${i}.weight`,
        asParameter(float32Tensor([1], Float32Array.of(i)), i % 2 === 0),
      ]),
    );
    state.attributes = dict({ _metadata: dict({ version: 1 }) });
    await written(state, async (file) => {
      expect(file.value).toMatchObject({
        pythonType: "collections.OrderedDict",
        attributes: state.attributes,
      });
      const tensors = [...file.tensors()];
      expect(tensors.length).toBe(700);
      for (const [i, [path, tensor]] of tensors.entries()) {
        expect(path).toEqual([`layer.${i}.weight`]);
        expect(tensor).toMatchObject({ parameter: true, requiresGrad: i % 2 === 0 });
        expect(await tensor.read()).toEqual(Float32Array.of(i));
      }
    });
  });
});

const sample = dict({
  small: float32Tensor([3], Float32Array.of(1, 2, 3)),
  large: float32Tensor([300_000], new Float32Array(300_000).fill(0.5)),
  lr: 0.1,
});

describe("the file", () => {
  it("has the size, SHA-256 and bytes that are reported, the same each time, whatever its name", async () => {
    const [first, second] = [fresh(), fresh()];
    const written = await writeTorchFile(first, sample);
    const bytes = await readFile(first);
    expect(written).toEqual({
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    expect(await writeTorchFile(second, sample)).toEqual(written);
  });

  it("has all data at multiples of 64, stored, in PyTorch 2's order", async () => {
    const path = fresh();
    await writeTorchFile(path, sample);
    const source = await openSource(path);
    const { entries } = await readArchive(source);
    expect(entries.map(({ name }) => name)).toEqual(
      ["data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0", "data/1", "version", ".data/serialization_id"].map((name) => `archive/${name}`),
    ); // prettier-ignore
    for (const entry of entries) expect((await recordReader(source, entry).position())! % 64).toBe(0);
    await source.close();
  });

  it("is never written over another", async () => {
    const path = fresh();
    await writeFile(path, "mine");
    await expect(writeTorchFile(path, sample)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(path, "utf8")).toBe("mine");
  });

  it("reports how far it is, up to the last byte", async () => {
    const progress: number[] = [];
    const { bytes } = await writeTorchFile(fresh(), sample, { onProgress: (done) => progress.push(done) });
    expect(progress.at(-1)).toBe(bytes);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
  });

  it("is synced before it is closed", async () => {
    const { sink, calls } = memorySink();
    await writeTorchFile("", sample, { open: () => Promise.resolve(sink) });
    expect(calls).toEqual(["sync", "close"]);
  });

  it("is given up when the disk fails at any write, with the disk's own error", async () => {
    const { sink, pieces } = memorySink();
    await writeTorchFile("", sample, { open: () => Promise.resolve(sink) });
    for (let failAt = 0; failAt < pieces.length; failAt++) {
      const failing = memorySink(failAt);
      const written = writeTorchFile("", sample, { open: () => Promise.resolve(failing.sink) });
      await expect(written).rejects.toMatchObject({ code: "ENOSPC" });
      expect(failing.calls).toEqual(["discard"]);
    }
  });

  it("is not left behind half-written", async () => {
    const path = fresh();
    const broken = float32Tensor([2], Float32Array.of(1, 2));
    const storage = { ...broken.storage, chunks: () => { throw new Error("the tensor could not be read"); } }; // prettier-ignore
    const value = dict({ broken: tensorOver({ ...broken, storage }) });
    await expect(writeTorchFile(path, value)).rejects.toThrow("the tensor could not be read");
    expect(existsSync(path)).toBe(false);
  });

  it("can be written from a worker thread", async () => {
    const path = fresh();
    const module = workerEntry(import.meta.url, "./index.js").href;
    const program = `
      import(${JSON.stringify(module)}).then(async (torch) => {
        const value = torch.dict({ w: torch.float32Tensor([2], Float32Array.of(1, 2)) });
        const written = await torch.writeTorchFile(${JSON.stringify(path)}, value);
        require("node:worker_threads").parentPort.postMessage(written);
      });`;
    const worker = new Worker(program, { eval: true });
    const written = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
    expect(await writeTorchFile(fresh(), dict({ w: float32Tensor([2], Float32Array.of(1, 2)) }))).toEqual(
      written,
    );
  });
});

describe("the zip around the records", () => {
  it("says 4 GiB and more in zip64 fields, as read back", async () => {
    // Keeps the headers and lets the data go, which is the same piece again and again.
    const piece = new Uint8Array(2 ** 24);
    const kept: { at: number; bytes: Uint8Array }[] = [];
    let position = 0;
    const stream: ByteStream = {
      get position() {
        return position;
      },
      append: (bytes) => {
        if (bytes !== piece) kept.push({ at: position, bytes: bytes.slice() });
        position += bytes.length;
        return Promise.resolve();
      },
      finish: () => Promise.reject(new Error("not needed")),
    };
    const zip = zipWriter(stream);
    await zip.add("archive/data.pkl", 3, [Uint8Array.of(1, 2, 3)]);
    await zip.add("archive/data/0", 2 ** 24 * 257, Array<Uint8Array>(257).fill(piece));
    await zip.add("archive/data/1", 5, [Uint8Array.of(1, 2, 3, 4, 5)]);
    await zip.end();
    const size = position;
    const source = {
      path: "large.pth",
      size,
      close: () => Promise.resolve(),
      readInto: (from: number, target: Uint8Array) => {
        for (const { at, bytes } of kept) {
          const start = Math.max(from, at);
          const end = Math.min(from + target.length, at + bytes.length);
          if (start < end) target.set(bytes.subarray(start - at, end - at), start - from);
        }
        return Promise.resolve();
      },
    };
    const { entries } = await readArchive(source);
    expect(entries.map(({ name, size: bytes }) => [name, bytes])).toEqual([
      ["archive/data.pkl", 3],
      ["archive/data/0", 2 ** 24 * 257],
      ["archive/data/1", 5],
    ]);
    expect(entries[2]!.offset).toBeGreaterThan(2 ** 32);
    for (const entry of entries) expect((await recordReader(source, entry).position())! % 64).toBe(0);
  });
});
