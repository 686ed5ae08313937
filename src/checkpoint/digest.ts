/** Fingerprints of tensors: what proves that the numbers in a file are those that training handed over. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Fault } from "../base/errors.js";
import { countNonFinite, type NamedArray } from "../base/named-arrays.js";
import type { NetworkState } from "./checkpoint.js";
import type { TensorRecord } from "./manifest.js";

/** Every tensor of a network by role and name, as the manifest names them. Shared arrays appear under each name. */
export function* tensorsOf(state: NetworkState): Generator<readonly [string, NamedArray]> {
  for (const [name, array] of state.stateDict) yield [`weights/${name}`, array];
  for (const [name, entry] of state.adam?.entries ?? []) {
    yield [`step/${name}`, { shape: [], data: Float32Array.of(entry.step) }];
    yield [`exp_avg/${name}`, entry.expAvg];
    yield [`exp_avg_sq/${name}`, entry.expAvgSq];
  }
}

export type DigestName = "crc32" | "sha256";

/** The digest that a file's records have. */
export function digestNameOf(records: Readonly<Record<string, TensorRecord>>): DigestName {
  return Object.values(records)[0]?.sha256 === undefined ? "crc32" : "sha256";
}

/** What tells a tensor from another. */
export type TensorDigest = Omit<TensorRecord, "nonFinite">;

/** @param crc the CRC-32 of the bytes, where it is known already */
function digestOf({ shape, data }: NamedArray, digest: DigestName, crc?: number): TensorDigest {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (digest === "sha256") return { shape, sha256: createHash("sha256").update(bytes).digest("hex") };
  return { shape, crc32: (crc ?? crc32(bytes)).toString(16).padStart(8, "0") };
}

/** What may be known already of an array: the CRC-32 of its bytes, and how many of its numbers are not finite. */
export interface Known {
  readonly crc: number;
  readonly nonFinite: number;
}

export function recordOf(array: NamedArray, digest: DigestName = "crc32", known?: Known): TensorRecord {
  const nonFinite = known?.nonFinite ?? countNonFinite(array.data);
  return { ...digestOf(array, digest, known?.crc), nonFinite };
}

/**
 * The records of all tensors; an array that stands under several names is read once.
 * @param known by the memory that it is of
 */
export function recordsOf(
  state: NetworkState,
  digest: DigestName = "crc32",
  known: ReadonlyMap<object, Known> = new Map(),
): Record<string, TensorRecord> {
  return eachOnce(state, (array) => recordOf(array, digest, known.get(array.data)));
}

/** The same without counting what is not finite: enough to compare tensors with their records. */
export function digestsOf(state: NetworkState, digest: DigestName): Record<string, TensorDigest> {
  return eachOnce(state, (array) => digestOf(array, digest));
}

function eachOnce<Told>(state: NetworkState, tell: (array: NamedArray) => Told): Record<string, Told> {
  const known = new Map<NamedArray, Told>();
  const told: Record<string, Told> = {};
  for (const [key, array] of tensorsOf(state)) {
    const one = known.get(array) ?? tell(array);
    known.set(array, one);
    told[key] = one;
  }
  return told;
}

/** NaN and infinite values; those of an array with several names count once per name. */
export function nonFiniteIn(records: Readonly<Record<string, TensorRecord>>): number {
  return Object.values(records).reduce((sum, record) => sum + record.nonFinite, 0);
}

const sameBytes = (one: TensorDigest, other: TensorDigest | undefined): boolean =>
  one.crc32 === other?.crc32 && one.sha256 === other?.sha256;

/** The first tensor that differs between two sets of records of one digest, and how; undefined when none does. */
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
    if (!sameBytes(before, now)) return { where, reason: "tensor-changed" };
  }
  return undefined;
}

/** Whether all weights are the same numbers: after training has gone on, that is a fault. */
export function sameWeights(
  one: Readonly<Record<string, TensorRecord>>,
  other: Readonly<Record<string, TensorRecord>>,
): boolean {
  const weights = Object.keys(one).filter((key) => key.startsWith("weights/"));
  return weights.length > 0 && weights.every((key) => sameBytes(one[key]!, other[key]));
}
