/**
 * `.pth` -> values. Opening reads the directory and the pickle, a few milliseconds; the elements of a tensor are read
 * when they are asked for. Either format: the zip of PyTorch 1.6 and later, and the older one (legacy-read.ts).
 */
import { checkWalkable } from "./walkable.js";
import { openLegacy } from "./legacy-read.js";
import { invalid, unsupported } from "./problems.js";
import { openSource, readBytes, type Source } from "./source.js";
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

/** The same for any source of bytes, which is closed with the file, or when it is none. */
export async function readTorch(source: Source): Promise<TorchFile> {
  try {
    const opened = await readFrom(source);
    const { value, format } = opened;
    const origin = { file: source.path, record: format === "zip" ? "data.pkl" : "pickle", base: 0 };
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
  const origin = { file: source.path, record: "the first bytes", base: 0 };
  if (start.slice(257, 262) === "ustar")
    throw unsupported(source.path, "a tar archive, as PyTorch wrote before 0.1.10");
  throw invalid(origin, 0, lookOf(start));
}

/** What a file is that is no torch file, for the person who wonders. */
function lookOf(start: string): string {
  if (start === "") return "the file is empty";
  if (/^\0+$/.test(start)) return "there are only zeros, as after a power cut";
  if (start.startsWith("version https://git-lfs"))
    return "it is a Git LFS pointer, not the file itself (git lfs pull)";
  if (/^\s*<(!doctype|html|\?xml)/i.test(start))
    return "it is a web page, not the file that was to be downloaded";
  if (start.startsWith("\x1f\x8b")) return "it is packed by gzip: unpack it first";
  if (start.startsWith("PK")) return "it is an empty or cut-off zip archive";
  if (start.startsWith("\x89PNG") || start.startsWith("\xff\xd8\xff")) return "it is an image";
  if (start.slice(8, 9) === "{") return "it looks like a safetensors file";
  return "it does not begin as a torch file does";
}
