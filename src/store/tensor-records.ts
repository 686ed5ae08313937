/** Comparing tensors by what is recorded of them. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Fault } from "../base/errors.js";
import type { Digest, TensorIndex, TensorRecord } from "./artifact.js";
import type { TensorAlgorithm } from "./codec.js";

/** The algorithm of an index's digests. */
export function algorithmOf(index: Readonly<Record<string, TensorDigest>>): TensorAlgorithm {
  return Object.values(index)[0]?.digest.startsWith("sha256:") === true ? "sha256" : "crc32";
}

/** What tells a tensor from another. */
export type TensorDigest = Omit<TensorRecord, "nonFinite">;

/** @param crc the CRC-32 of the bytes, where it is known already */
export function digestBytes(bytes: Uint8Array, algorithm: TensorAlgorithm, crc?: number): Digest {
  if (algorithm === "sha256") return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return `crc32:${(crc ?? crc32(bytes)).toString(16).padStart(8, "0")}`;
}

/** NaN and infinite values; those of an array with several names count once per name. */
export function nonFiniteIn(index: TensorIndex | undefined): number {
  return Object.values(index ?? {}).reduce((sum, record) => sum + record.nonFinite, 0);
}

/** The first tensor that differs between two indexes of one algorithm, and how; undefined when none does. */
export function firstDifference(
  expected: Readonly<Record<string, TensorDigest>>,
  found: Readonly<Record<string, TensorDigest>>,
): Fault | undefined {
  for (const where of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const [before, now] = [expected[where], found[where]];
    if (now === undefined) return { where, reason: "tensor-missing" };
    if (before === undefined) return { where, reason: "tensor-foreign" };
    if (before.shape.join() !== now.shape.join()) {
      return { where, reason: "shape", shape: now.shape, expected: before.shape };
    }
    if (before.digest !== now.digest) return { where, reason: "tensor-changed" };
  }
  return undefined;
}

/** What training learns, as against what optimizers remember: all tensors where the names do not say. */
function weightsIn(index: TensorIndex): readonly string[] {
  const names = Object.keys(index);
  const weights = names.filter((name) => name.startsWith("weights/"));
  return weights.length > 0 ? weights : names;
}

/** Whether all weights are the same numbers: after training has gone on, that is a fault. */
export function sameWeights(one: TensorIndex, other: TensorIndex): boolean {
  const weights = weightsIn(one);
  return weights.length > 0 && weights.every((name) => one[name]!.digest === other[name]?.digest);
}
