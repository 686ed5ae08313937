/** Tensors that are too large to be read whole: tried with small ones and limits that are smaller still. */
import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { statisticsOf } from "./describe-tensor.js";
import { digestOf } from "./element-digest.js";
import { piecesOf } from "./pieces.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { tensorOf, tensorOver } from "./tensor.js";
import type { TorchStorage, TorchTensor } from "./values.js";

async function joined(tensor: TorchTensor, limits?: Parameters<typeof piecesOf>[1]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of piecesOf(tensor, limits)) {
    expect(piece.byteOffset % 8).toBe(0);
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** Views of 4096 numbered elements: sliced, transposed, with gaps, repeated (stride 0). */
const views = fc
  .record({
    dtype: fc.constantFrom("uint8", "float16", "float32", "complex64", "complex128"),
    dimensions: fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.constantFrom(0, 1, 2, 3, 7, 40, 300)), {
      minLength: 1,
      maxLength: 4,
    }),
    offset: fc.integer({ min: 0, max: 50 }),
    conj: fc.boolean(),
    neg: fc.boolean(),
  })
  .filter(
    ({ dimensions }) => dimensions.reduce((sum, [length, stride]) => sum + (length - 1) * stride, 0) < 4000,
  );

describe("a tensor in pieces", () => {
  it("is the tensor, whatever its view and however small the pieces", async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 4096 * 16 }, (_, i) => (i * 7 + (i >> 8)) % 120));
    await fc.assert(
      fc.asyncProperty(
        views,
        fc.constantFrom(16, 64, 256, 1024),
        fc.constantFrom(16, 32, 512),
        async ({ dtype, dimensions, offset, conj, neg }, part, run) => {
          const words = { uint8: Uint8Array, float16: Uint16Array, float32: Float32Array, complex64: Float32Array, complex128: Float64Array }[dtype]; // prettier-ignore
          const data = new words(new Uint8Array(bytes).buffer) as Float32Array<ArrayBuffer>;
          const size = { uint8: 1, float16: 2, float32: 4, complex64: 8, complex128: 16 }[dtype];
          const { storage } = tensorOf(dtype as "float32", [(4096 * 16) / size], data);
          const complex = dtype.startsWith("complex");
          const tensor = tensorOver({
            dtype: dtype,
            shape: dimensions.map(([length]) => length),
            strides: dimensions.map(([, stride]) => stride),
            offset,
            storage,
            requiresGrad: false,
            parameter: false,
            ...(complex && conj ? { conj } : {}),
            ...(dtype !== "uint8" && neg ? { neg } : {}),
          });
          const whole = Buffer.from((await tensor.read()).buffer);
          expect((await joined(tensor, { block: 16, part, run })).equals(whole)).toBe(true);
          expect((await joined(tensor)).equals(whole)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is never asked for more at once than it may be, nor keeps a large one in memory", async () => {
    const asked: number[] = [];
    const length = 2 ** 20;
    const storage: TorchStorage = {
      kind: "storage",
      dtype: "uint8",
      length,
      location: "cpu",
      identity: {},
      readInto(start, target) {
        asked.push(target.length);
        for (let i = 0; i < target.length; i++) target[i] = (start + i) % 251;
        return Promise.resolve();
      },
      chunks: () => {
        throw new Error("a part is not read whole");
      },
    };
    const view = { dtype: "uint8", offset: 1, storage, requiresGrad: false, parameter: false } as const;
    const limits = { block: 2 ** 12, part: 2 ** 12, run: 2 ** 12 };
    const sliced = await joined(tensorOver({ ...view, shape: [length - 1], strides: [1] }), limits);
    expect(sliced.every((byte, i) => byte === (i + 1) % 251)).toBe(true);
    // Transposed, its extent is all of the storage.
    const turned = await joined(tensorOver({ ...view, shape: [512, 1024], strides: [1, 512] }), limits);
    expect(turned.every((byte, i) => byte === (1 + (i % 1024) * 512 + Math.floor(i / 1024)) % 251)).toBe(
      true,
    );
    expect(asked.every((bytes) => bytes <= 2 ** 12)).toBe(true);
  });
});

describe("a tensor of more than 4 GiB", () => {
  it("of a file is found at its last element; nothing that goes through all of it asks for it whole", async () => {
    const path = join(await testFolder(), "zeros.safetensors");
    const count = 550_000_000;
    const bytes = 8 * count;
    const header = JSON.stringify({ a: { dtype: "F64", shape: [count], data_offsets: [0, bytes] } }).padEnd(
      72,
    );
    const begin = Buffer.alloc(8 + header.length);
    begin.writeBigUInt64LE(BigInt(header.length));
    begin.write(header, 8);
    await writeFile(path, begin);
    // Zeros that take no room on disk, and one number at the end.
    await truncate(path, begin.length + bytes - 8);
    await appendFile(path, Buffer.from(Float64Array.of(7).buffer));
    const file = await readSafetensors(path);
    const large = file.tensors.get("a")!;
    const last = tensorOver({ ...large, shape: [2], offset: count - 2 });
    expect(await last.read()).toEqual(Float64Array.of(0, 7));
    await file.close();
  });

  it("has its statistics, its digest and a file of its own made without being in memory whole", async () => {
    const whole = tensorOf("float32", [3], Float32Array.of(1, 2, 6));
    const large = { ...whole, read: () => Promise.reject(new Error("it is too large for that")) };
    expect(await statisticsOf(large)).toMatchObject({ min: 1, max: 6, mean: 3 });
    expect((await digestOf(large)).sha256).toBe((await digestOf(whole)).sha256);
    let written = 0;
    const nothing = () => Promise.resolve();
    const write = (piece: Uint8Array) => Promise.resolve(void (written += piece.length));
    const open = () => Promise.resolve({ write, sync: nothing, close: nothing, discard: nothing });
    await writeSafetensors("nowhere", [["a", large]], [], { open });
    expect(written).toBeGreaterThan(12);
  });

  it("asks for no more than 1 GiB at once where it is read whole", async () => {
    const asked: number[] = [];
    const length = 2 ** 31 + 8;
    const storage: TorchStorage = {
      kind: "storage",
      dtype: "uint8",
      length,
      location: "cpu",
      identity: {},
      // Memory that nobody has touched takes none.
      readInto: (_, target) => Promise.resolve(void asked.push(target.length)),
      chunks: () => {
        throw new Error("it is read where it is wanted");
      },
    };
    const view = { dtype: "uint8", shape: [length], strides: [1], offset: 0 } as const;
    const read = await tensorOver({ ...view, storage, requiresGrad: false, parameter: false }).read();
    expect(read.length).toBe(length);
    expect(asked).toEqual([2 ** 30, 2 ** 30, 8]);
  });
});
