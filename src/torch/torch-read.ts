/**
 * `.pth` -> values. Opening reads the directory and the pickle, a few milliseconds; the elements of a tensor are read
 * when they are asked for. Either format: the zip of PyTorch 1.6 and later, and the older one (legacy-read.ts).
 */
import type { TorchProblem } from "../base/torch-problem.js";
import { checkWalkable } from "./walkable.js";
import { openLegacy } from "./legacy-read.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { openSource, sourceOver, readBytes, type Source } from "./source.js";
import type { Opened } from "./storage.js";
import type { TorchTensor, TorchValue } from "./values.js";
import { tensorsIn, type TensorPath } from "./walk.js";
import { openZip } from "./zip-open.js";

export interface TorchFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** "zip": PyTorch 1.6 and later. "legacy": before. */
  readonly format: "zip" | "legacy";
  readonly value: TorchValue;
  /** Every tensor with the keys that lead to it, in the file's order; a tensor in two places comes twice. */
  tensors(): Iterable<[path: TensorPath, tensor: TorchTensor]>;
  /**
   * Reads every byte that a checksum covers. A legacy file has no checksums: there only its structure is known good.
   * @throws TORCH_FILE_INVALID
   */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a torch file. Nothing in it is imported or run: a name that is not on the allow-list ends the reading.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED
 */
export async function readTorchFile(path: string): Promise<TorchFile> {
  return readTorch(await openSource(path));
}

/** The same for the bytes of a file that are in memory. @param path for messages */
export function readTorchBytes(path: string, bytes: Uint8Array): Promise<TorchFile> {
  return readTorch(sourceOver(path, bytes));
}

/** The same for any source of bytes, which is closed with the file, or when it is none. */
export async function readTorch(source: Source): Promise<TorchFile> {
  try {
    const opened = await readFrom(source);
    const { value, format } = opened;
    const where = format === "zip" ? { record: "data.pkl" } : "pickle";
    const origin: Origin = { file: source.path, where, base: 0 };
    checkWalkable(opened, origin, source.size);
    return {
      path: source.path,
      size: source.size,
      format,
      value,
      tensors: () => tensorsIn(value),
      verify: () => opened.verify(),
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readFrom(source: Source): Promise<Opened> {
  const head = await readBytes(source, 0, Math.min(source.size, 512));
  const start = Buffer.from(head).toString("latin1");
  if (start.startsWith("PK\x03\x04")) return openZip(source);
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return openLegacy(source);
  const origin: Origin = { file: source.path, where: "start", base: 0 };
  if (start.slice(257, 262) === "ustar") throw unsupported(source.path, { feature: "tar" });
  throw invalid(origin, 0, lookOf(start));
}

/** What a file is that is no torch file, for the person who wonders. */
function lookOf(start: string): TorchProblem {
  if (start === "") return { reason: "empty" };
  if (/^\0+$/.test(start)) return { reason: "zeros" };
  if (start.startsWith("PK")) return { reason: "cut-off" };
  const reason = "not-torch";
  if (start.startsWith("version https://git-lfs")) return { reason, looksLike: "git-lfs" };
  if (/^\s*<(!doctype|html|\?xml)/i.test(start)) return { reason, looksLike: "web-page" };
  if (start.startsWith("\x1f\x8b")) return { reason, looksLike: "gzip" };
  if (start.startsWith("\x89PNG") || start.startsWith("\xff\xd8\xff")) return { reason, looksLike: "image" };
  if (start.slice(8, 9) === "{") return { reason, looksLike: "safetensors" };
  return { reason };
}
