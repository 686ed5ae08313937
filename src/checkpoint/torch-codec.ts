/** What the store is told of PyTorch's files and of safetensors: which tensors they hold, and what is wrong with one. */
import { GuardapesosError, type ErrorData, type Fault } from "../base/errors.js";
import type { Codec, Codecs, Disk, TensorAlgorithm, TensorIndex, TensorRecord } from "../store/index.js";
import {
  digestOf,
  openedSafetensors,
  pathName,
  readTorch,
  readTorchBytes,
  sourceFrom,
  sourceOver,
  type Source,
  type TorchFile,
  type TorchTensor,
} from "../torch/index.js";
import { recordOf } from "./digest.js";
import { isOurs, tensorsIn } from "./network-file.js";
import { readFloat32 } from "./tensor-array.js";

/** A file of a generation, opened by the store's own means. */
export async function openTorch(disk: Disk, path: string, links?: "follow"): Promise<TorchFile> {
  return readTorch(await sourceFrom(path, disk.open(path, links)));
}

const torch: Codec = {
  async inspect(disk, path, content, algorithm) {
    const file = await (content ? readTorchBytes(path, content) : openTorch(disk, path));
    try {
      if (isOurs(file.value)) return await ownTensors(file, algorithm);
      return await foreignTensors([...file.tensors()].map(([keys, tensor]) => [pathName(keys), tensor]));
    } finally {
      await file.close();
    }
  },
  faultOf: torchFault,
};

const safetensors: Codec = {
  async inspect(disk, path, content) {
    const source: Source = content ? sourceOver(path, content) : await sourceFrom(path, disk.open(path));
    const file = await openedSafetensors(source);
    try {
      return await foreignTensors(file.tensors);
    } finally {
      await file.close();
    }
  },
  faultOf: torchFault,
};

export const codecs: Codecs = { torch, safetensors };

/** One tensor at a time. */
async function ownTensors({ value, path }: TorchFile, algorithm: TensorAlgorithm): Promise<TensorIndex> {
  const records: Record<string, TensorRecord> = {};
  for (const [key, tensor] of tensorsIn(value)) {
    const data = await readFloat32(tensor, path, key);
    records[key] = recordOf({ shape: tensor.shape, data }, algorithm);
  }
  return records;
}

/**
 * Of a file that some other program has saved, whatever the types of its numbers. Infinities are not counted: masks are made
 * of them.
 */
async function foreignTensors(tensors: Iterable<readonly [string, TorchTensor]>): Promise<TensorIndex> {
  const records: Record<string, TensorRecord> = {};
  for (const [name, tensor] of tensors) {
    const { sha256, nan } = await digestOf(tensor);
    records[name] = { shape: tensor.shape, digest: `sha256:${sha256}`, nonFinite: nan };
  }
  return records;
}

/** What is wrong with a torch file, for errors of the torch reader; undefined for any other error. */
export function torchFault(error: unknown): Fault | undefined {
  if (!(error instanceof GuardapesosError)) return undefined;
  const { code, data } = error as GuardapesosError;
  switch (code) {
    case "TORCH_FILE_INVALID": {
      const { file: _, where, opcode, offset, ...problem } = data as ErrorData["TORCH_FILE_INVALID"];
      const place = { where, ...(opcode === undefined ? {} : { opcode }), offset };
      return { reason: "torch", problem, place };
    }
    case "TORCH_FILE_REFUSED": {
      const { name, offset } = data as ErrorData["TORCH_FILE_REFUSED"];
      return { where: `byte ${offset}`, reason: "refused", name };
    }
    case "TORCH_FILE_UNSUPPORTED": {
      const { file: _, ...content } = data as ErrorData["TORCH_FILE_UNSUPPORTED"];
      return { reason: "unsupported", content };
    }
    case "TORCH_FILE_UNREADABLE": {
      const { reason, detail } = data as ErrorData["TORCH_FILE_UNREADABLE"];
      return { reason: "unreadable", detail: detail === "" ? reason : detail };
    }
    default:
      return undefined;
  }
}
