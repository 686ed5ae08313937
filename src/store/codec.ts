/** What the store is told of a medium, so that it can say which tensor of a damaged file it is, and count what is no number. */
import type { Medium, TensorIndex } from "./artifact.js";
import type { Fault } from "../base/errors.js";
import type { Disk } from "./disk.js";

/** Algorithms in which a tensor's digest may be asked for. */
export type TensorAlgorithm = "crc32" | "sha256";

export interface Codec {
  /**
   * The tensors of a file.
   * @param disk by which the file is read where its content is not given
   * @param content the whole file, where it is in memory
   */
  inspect(
    disk: Disk,
    path: string,
    content: Uint8Array | undefined,
    algorithm: TensorAlgorithm,
  ): Promise<TensorIndex>;
  /** What is wrong with the file, for what `inspect` throws; undefined for a bug. */
  faultOf(error: unknown): Fault | undefined;
}

/** Of the media that are known here. */
export type Codecs = Partial<Record<Medium, Codec>>;
