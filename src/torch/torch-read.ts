/**
 * `.pth` -> values. Opening reads the directory and the pickle, a few milliseconds; the elements of a tensor are read
 * when they are asked for. Either format: the zip of PyTorch 1.6 and later, and the older one (legacy-read.ts).
 */
import { checkWalkable } from "./walkable.js";
import { openLegacy } from "./legacy-read.js";
import { beginningOf, beginsAsLegacy, foreignFeature, notTorch } from "./look.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { openSource, sourceOver, type Source } from "./source.js";
import type { Opened } from "./storage.js";
import type { CompoundTensor, TorchTensor, TorchValue } from "./values.js";
import { allTensorsIn, tensorsIn, type TensorPath } from "./walk.js";
import { openZip } from "./zip-open.js";

export interface TorchFile {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** "zip": PyTorch 1.6 and later. "legacy": before. */
  readonly format: "zip" | "legacy";
  readonly value: TorchValue;
  /** Whether the file has checksums of its data, which `verify` compares. */
  readonly checksums: boolean;
  /** Names that are not on the allow-list; none unless they were to be skipped. */
  readonly skipped: readonly string[];
  /** Every tensor with the keys that lead to it, in the file's order; a tensor in two places comes twice. */
  tensors(): Iterable<[path: TensorPath, tensor: TorchTensor]>;
  /** The same with the tensors that are no view of one storage. */
  allTensors(): Iterable<readonly [path: TensorPath, tensor: TorchTensor | CompoundTensor]>;
  /**
   * Reads every byte that a checksum covers. A legacy file has no checksums: there only its structure is known good.
   * @throws TORCH_FILE_INVALID
   */
  verify(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadOptions {
  /**
   * What a name that is not on the allow-list makes is kept as data (the name, and what it was called with), so that the
   * tensors around it can be seen. Nothing is run. Such a value cannot be written again.
   */
  readonly skipUnknown?: boolean;
  /** Also takes a file with a single value that is no tensor, as a distributed checkpoint has many. */
  readonly anyValue?: boolean;
}

/**
 * Opens a torch file. Nothing in it is imported or run: a name that is not on the allow-list ends the reading.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED
 */
export async function readTorchFile(path: string, options: ReadOptions = {}): Promise<TorchFile> {
  return readTorch(await openSource(path), options);
}

/** The same for the bytes of a file that are in memory. @param path for messages */
export function readTorchBytes(
  path: string,
  bytes: Uint8Array,
  options: ReadOptions = {},
): Promise<TorchFile> {
  return readTorch(sourceOver(path, bytes), options);
}

/** The same for any source of bytes, which is closed with the file, or when it is none. */
export async function readTorch(
  source: Source,
  { skipUnknown = false, anyValue = false }: ReadOptions = {},
): Promise<TorchFile> {
  try {
    const opened = await readFrom(source, skipUnknown);
    const { value, format, checksums, skipped } = opened;
    const where = format === "zip" ? { record: "data.pkl" } : "pickle";
    const origin: Origin = { file: source.path, where, base: 0 };
    checkWalkable(opened, origin, source.size, anyValue);
    return {
      path: source.path,
      size: source.size,
      format,
      value,
      checksums,
      skipped,
      tensors: () => tensorsIn(value),
      allTensors: () => allTensorsIn(value),
      verify: () => opened.verify(),
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readFrom(source: Source, skipUnknown: boolean): Promise<Opened> {
  const start = await beginningOf(source);
  const foreign = foreignFeature(source.path, start);
  if (foreign !== undefined) throw unsupported(source.path, foreign);
  if (start.startsWith("PK\x03\x04")) return openZip(source, skipUnknown);
  if (beginsAsLegacy(start)) return openLegacy(source, skipUnknown);
  throw invalid({ file: source.path, where: "start", base: 0 }, 0, notTorch(start));
}
