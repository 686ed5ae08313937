/** A tensor that lies in chunks, in several files perhaps: described as the whole that it is. */
import { sizeOf } from "../../base/named-arrays.js";
import type { TensorDescription } from "../describe-tensor.js";
import { dtypes } from "../dtypes.js";
import { digestOf } from "../element-digest.js";
import { rowMajorStrides, tensorOf } from "../tensor.js";
import type { CompoundTensor, TorchTensor } from "../values.js";
import type { Chunk, TableTensor } from "./distributed-table.js";
import type { ForeignTensor } from "./types.js";

/** Bytes of the largest tensor that is put together to take its digest. */
const MAX_ASSEMBLED = 2 ** 28;

export interface HeldChunk {
  readonly chunk: Chunk;
  readonly file: string;
  readonly description: TensorDescription;
  /** The bytes of a small one, row-major, that is not all of its tensor; of others nothing is kept. */
  readonly elements: Uint8Array | undefined;
}

/** The elements of a chunk that may be needed to put its tensor together. */
export async function elementsOf(
  tensor: TorchTensor | CompoundTensor,
  whole: TableTensor,
  chunk: Chunk,
): Promise<Uint8Array | undefined> {
  if (tensor.kind === "compound" || String(chunk.sizes) === String(whole.shape)) return undefined;
  if (sizeOf(whole.shape) * dtypes[tensor.dtype].size > MAX_ASSEMBLED) return undefined;
  const { buffer } = await tensor.read();
  return new Uint8Array(buffer);
}

/** @param held the chunks that were found; fewer than there should be where something is not whole */
export async function describeChunks(
  name: string,
  tensor: TableTensor,
  held: readonly HeldChunk[],
): Promise<ForeignTensor> {
  // Processes that got nothing of a tensor have an empty chunk of it.
  const whole = held.find(({ chunk }) => String(chunk.sizes) === String(tensor.shape));
  if (whole !== undefined) return { ...whole.description, file: whole.file };
  const elements = sizeOf(tensor.shape);
  const bytes = held.reduce((sum, { description }) => sum + description.bytes, 0);
  const facts = { name, dtype: tensor.dtype, shape: tensor.shape, elements, bytes };
  if (held.length < tensor.chunks.length) return facts;
  const nan = held.reduce((sum, { description }) => sum + (description.nan ?? 0), 0);
  return { ...facts, nan, ...(await wholeDigest(tensor, held)) };
}

async function wholeDigest(
  { dtype, shape }: TableTensor,
  held: readonly HeldChunk[],
): Promise<{ readonly sha256?: string }> {
  const known = Object.entries(dtypes).find(([name]) => name === dtype)?.[1];
  if (known === undefined || held.some(({ elements }) => elements === undefined)) return {};
  const bytes = new Uint8Array(sizeOf(shape) * known.size);
  for (const { chunk, elements } of held) place(bytes, shape, known.size, chunk, elements!);
  const tensor = tensorOf(dtype as keyof typeof dtypes, shape, known.array(bytes.buffer) as never);
  return { sha256: (await digestOf(tensor)).sha256 };
}

/** Copies a chunk to its place: a run of the last dimension at a time. */
function place(
  target: Uint8Array,
  shape: readonly number[],
  size: number,
  { offsets, sizes }: Chunk,
  elements: Uint8Array,
): void {
  const strides = rowMajorStrides(shape);
  const run = (sizes.at(-1) ?? 1) * size;
  const rows = run === 0 ? 0 : elements.length / run;
  for (let row = 0; row < rows; row++) {
    let at = (offsets.at(-1) ?? 0) * size;
    let rest = row;
    for (let axis = sizes.length - 2; axis >= 0; axis--) {
      at += (offsets[axis]! + (rest % sizes[axis]!)) * strides[axis]! * size;
      rest = Math.floor(rest / sizes[axis]!);
    }
    target.set(elements.subarray(row * run, (row + 1) * run), at);
  }
}
