/**
 * Damage by chance. Good files of every kind that is read are changed at random places; what comes of it must be the
 * right values or a clean error: never other values, another kind of error, or a read outside of the file.
 */
import { describeTensors } from "../../src/torch/describe-tensor.js";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { GuardapesosError } from "../../src/base/errors.js";
import { valueToJson } from "../../src/torch/json.js";
import { asParameter, float32Tensor, tensorOf, tensorOver } from "../../src/torch/tensor.js";
import type { TorchFile } from "../../src/torch/torch-read.js";
import { writeTorchFile } from "../../src/torch/torch-write.js";
import { dict, orderedDict, pythonFloat, tuple, type TorchValue } from "../../src/torch/values.js";
import { readArchive } from "../../src/torch/zip-directory.js";
import { recordReader } from "../../src/torch/zip-record.js";
import { dictOf, makeZip, pickleOf, readAll, recordsOf, sourceOf, storage, tensor, text, type ZipRecord } from "./make-zip.js"; // prettier-ignore

export interface Good {
  readonly name: string;
  readonly bytes: Buffer;
  /** Whether a checksum covers the data: then damage to it must be noticed. */
  readonly checked: boolean;
}

/** What a file holds, to the last bit: its values and the digest of each tensor. */
async function contentOf(file: TorchFile): Promise<string> {
  const digests: string[] = [];
  for (const [, one] of file.tensors()) {
    digests.push(createHash("sha256").update(await one.read()).digest("base64")); // prettier-ignore
  }
  const json = valueToJson(file.value, (part) => [
    part.kind,
    part.dtype,
    ...("shape" in part ? (part.shape ?? []) : []),
  ]);
  return JSON.stringify([json, digests]);
}

/** All that is said of a file, which reads whatever it is made of. */
async function describedOf(file: TorchFile): Promise<void> {
  await describeTensors(file.allTensors(), { digests: true, stats: true });
  await contentOf(file);
}

async function written(value: TorchValue): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const done = () => Promise.resolve();
  const write = (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes.slice()));
  await writeTorchFile("", value, {
    open: () => Promise.resolve({ write, sync: done, close: done, discard: done }),
  });
  return Buffer.concat(pieces);
}

/** A checkpoint with a bit of everything. */
async function checkpoint(): Promise<Buffer> {
  const shared = float32Tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  return written(
    dict({
      state_dict: orderedDict([
        ["initial_rgb.weight", shared],
        ["rgb_layers.0.weight", tensorOver({ ...shared, shape: [3, 2], strides: [1, 3] })],
        ["bias", asParameter(tensorOf("float16", [4], Uint16Array.of(1, 2, 3, 4)))],
        ["count", tensorOf("int64", [], BigInt64Array.of(7n))],
      ]),
      optimizer: dict({
        state: new Map<TorchValue, TorchValue>([[0, dict({ step: pythonFloat(3), exp_avg: shared })]]),
        param_groups: [dict({ lr: 0.001, betas: tuple(pythonFloat(0), 0.99), params: [0, 1] })],
      }),
      meta: dict({
        big: 2n ** 70n,
        bytes: Uint8Array.of(1, 2, 3),
        none: null,
        set: new Set<TorchValue>([1, "x"]),
      }),
    }),
  );
}

/** The old format, of one tensor. */
function legacy(): Buffer {
  const data = Buffer.alloc(8 + 16);
  data.writeBigInt64LE(4n);
  data.writeFloatLE(1.5, 8);
  const id = Buffer.concat([storage(4).subarray(0, -2), Buffer.from("NtQ")]);
  return Buffer.concat([
    pickleOf("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"),
    pickleOf("M\xe9\x03"),
    pickleOf("}", text("little_endian"), "\x88s"),
    dictOf(tensor(id)),
    pickleOf("](", text("0"), "e"),
    data,
  ]);
}

/** The records of a checkpoint that we wrote. */
export async function goodRecords(): Promise<ZipRecord[]> {
  const source = sourceOf(await checkpoint());
  const records: ZipRecord[] = [];
  for (const entry of (await readArchive(source)).entries) {
    const data = new Uint8Array(entry.size);
    await recordReader(source, entry).readInto(0, data);
    records.push({ name: entry.name, data });
  }
  return records;
}

export async function goodFiles(): Promise<(Good & { readonly content: string })[]> {
  const records = await goodRecords();
  const packed = makeZip(records.map((record) => ({ ...record, deflate: true })));
  const files: Good[] = [
    { name: "written by us", bytes: await checkpoint(), checked: true },
    { name: "packed again, stored", bytes: makeZip(records), checked: true },
    { name: "packed again, deflated", bytes: packed, checked: true },
    { name: "legacy", bytes: legacy(), checked: false },
  ];
  return Promise.all(
    files.map(async (file) => ({ ...file, content: await contentOf(await readAll(file.bytes)) })),
  );
}

/** One change, as data, so that a failure prints what was done. `where` is a fraction of the length. */
type Change = { readonly where: number } & (
  | { readonly flip: number }
  | { readonly overwrite: readonly number[] }
  | { readonly cut: true }
  | { readonly insert: readonly number[] }
  | { readonly remove: number }
  | { readonly copyFrom: number; readonly length: number }
  | { readonly fill: number; readonly length: number }
  | { readonly uint32: number }
);

const where = fc.double({ min: 0, max: 1, noNaN: true });
const bytesOf = fc.array(fc.nat(255), { minLength: 1, maxLength: 12 });
const length = fc.integer({ min: 1, max: 80 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ where, flip: fc.nat(7) }),
  fc.record({ where, overwrite: bytesOf }),
  fc.record({ where, cut: fc.constant(true as const) }),
  fc.record({ where, insert: bytesOf }),
  fc.record({ where, remove: length }),
  fc.record({ where, copyFrom: where, length }),
  fc.record({ where, fill: fc.constantFrom(0, 0xff), length }),
  fc.record({ where, uint32: fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe) }),
);
const changes = fc.array(change, { minLength: 1, maxLength: 3 });

function changed(bytes: Buffer, damage: Change): Buffer {
  if (bytes.length < 8) return bytes;
  const index = (fraction: number) => Math.min(bytes.length - 1, Math.floor(fraction * bytes.length));
  const at = index(damage.where);
  if ("cut" in damage) return bytes.subarray(0, at);
  if ("insert" in damage)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(damage.insert), bytes.subarray(at)]);
  if ("remove" in damage) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + damage.remove)]);
  const out = Buffer.from(bytes);
  if ("flip" in damage) out[at]! ^= 1 << damage.flip;
  else if ("overwrite" in damage) Buffer.from(damage.overwrite).copy(out, at);
  else if ("copyFrom" in damage)
    bytes.copy(out, at, index(damage.copyFrom), index(damage.copyFrom) + damage.length);
  else if ("fill" in damage) out.subarray(at, at + damage.length).fill(damage.fill);
  else out.writeUInt32LE(damage.uint32, Math.min(at, bytes.length - 4));
  return out;
}

const damagedBy = (damage: readonly Change[], bytes: Buffer): Buffer => damage.reduce(changed, bytes);

/** Anything but a GuardapesosError about a torch file is a fault of ours. */
function mustBeClean(error: unknown): undefined {
  if (!(error instanceof GuardapesosError) || !error.message.startsWith("TORCH_FILE_")) throw error;
  return undefined;
}

/** The file itself is damaged. */
export function damagedFiles(files: readonly (Good & { readonly content: string })[]) {
  return fc.asyncProperty(
    fc.constantFrom(...files.keys()),
    changes,
    fc.boolean(),
    async (which, damage, verify) => {
      const { bytes, checked, content } = files[which]!;
      const found = await readAll(damagedBy(damage, bytes), verify).then(contentOf).catch(mustBeClean);
      if (checked && found !== undefined && found !== content)
        throw new Error(`other values were read: ${found}`);
    },
  );
}

/** The pickle is damaged and its checksum is right: as one who means harm would make it. */
export function hostilePickles(records: readonly ZipRecord[]) {
  return fc.asyncProperty(changes, fc.boolean(), async (damage, skipUnknown) => {
    const hostile = records.map(({ name, data }) => ({
      name,
      data: name.endsWith("data.pkl") ? damagedBy(damage, Buffer.from(data)) : data,
    }));
    await readAll(makeZip(hostile), true, { skipUnknown }).then(describedOf).catch(mustBeClean);
  });
}

/** Pickles of opcodes in any order. */
export function anyPickles() {
  const opcode = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(..."(.0N}]))aebeusthqlo2RQ".split("")).map((c) => Buffer.from(c)) },
    { weight: 4, arbitrary: fc.constantFrom(0x81, 0x92, 0x85, 0x86, 0x87, 0x88, 0x8f, 0x90, 0x91, 0x93, 0x94).map((c) => Buffer.from([c])) },
    { weight: 4, arbitrary: fc.nat(8).map((n) => Buffer.from(`q${String.fromCharCode(n)}h${String.fromCharCode(n)}`, "latin1")) },
    { weight: 2, arbitrary: fc.constantFrom("storage", "0", "cpu", "latin1", "w", "torch", "OrderedDict").map(text) },
    { weight: 2, arbitrary: fc.integer({ min: -2, max: 300 }).map((n) => { const b = Buffer.from("J\0\0\0\0"); b.writeInt32LE(n, 1); return b; }) },
    { weight: 3, arbitrary: fc.constantFrom("collections\nOrderedDict", "collections\ndefaultdict", "collections\nCounter", "torch._utils\n_rebuild_tensor_v2", "torch._utils\n_rebuild_parameter", "torch\nFloatStorage", "torch\nSize", "builtins\nset", "_codecs\nencode", "numpy.core.multiarray\nscalar", "numpy\ndtype", "argparse\nNamespace", "torch._utils\n_rebuild_tensor_v3", "torch._utils\n_rebuild_qtensor", "torch._utils\n_rebuild_sparse_tensor", "torch._utils\n_rebuild_nested_tensor", "torch._utils\n_rebuild_meta_tensor_no_storage", "torch._tensor\n_rebuild_from_type_v2", "torch\nfloat32", "collections\ndeque", "copy_reg\n_reconstructor", "__builtin__\ntype", "__main__\nX").map((name) => Buffer.from(`c${name}\n`)) },
    { weight: 1, arbitrary: fc.constant(storage(4)) },
    { weight: 1, arbitrary: fc.constant(tensor(storage(4))) },
  ); // prettier-ignore
  return fc.asyncProperty(fc.array(opcode, { maxLength: 60 }), fc.boolean(), async (opcodes, skipUnknown) => {
    const file = makeZip(recordsOf(pickleOf(...opcodes)));
    await readAll(file, true, { skipUnknown }).then(describedOf).catch(mustBeClean);
  });
}
