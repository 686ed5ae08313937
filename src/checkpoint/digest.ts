/** Fingerprints of a network's tensors: what proves that the numbers in a file are those that training handed over. */
import { countNonFinite, type NamedArray } from "../base/named-arrays.js";
import { digestBytes, type TensorAlgorithm, type TensorDigest, type TensorRecord } from "../store/index.js";
import type { NetworkState } from "./checkpoint.js";

/** Every tensor of a network by role and name, as the manifest names them. Shared arrays appear under each name. */
export function* tensorsOf(state: NetworkState): Generator<readonly [string, NamedArray]> {
  for (const [name, array] of state.stateDict) yield [`weights/${name}`, array];
  for (const [name, entry] of state.adam?.entries ?? []) {
    yield [`step/${name}`, { shape: [], data: Float32Array.of(entry.step) }];
    yield [`exp_avg/${name}`, entry.expAvg];
    yield [`exp_avg_sq/${name}`, entry.expAvgSq];
  }
}

function digestOf({ shape, data }: NamedArray, algorithm: TensorAlgorithm, crc?: number): TensorDigest {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { shape, digest: digestBytes(bytes, algorithm, crc) };
}

/** What may be known already of an array: the CRC-32 of its bytes, and how many of its numbers are not finite. */
export interface Known {
  readonly crc: number;
  readonly nonFinite: number;
}

export function recordOf(
  array: NamedArray,
  algorithm: TensorAlgorithm = "crc32",
  known?: Known,
): TensorRecord {
  const nonFinite = known?.nonFinite ?? countNonFinite(array.data);
  return { ...digestOf(array, algorithm, known?.crc), nonFinite };
}

/**
 * The records of all tensors; an array that stands under several names is read once.
 * @param known by the memory that it is of
 */
export function recordsOf(
  state: NetworkState,
  algorithm: TensorAlgorithm = "crc32",
  known: ReadonlyMap<object, Known> = new Map(),
): Record<string, TensorRecord> {
  return eachOnce(state, (array) => recordOf(array, algorithm, known.get(array.data)));
}

/** The same without counting what is not finite: enough to compare tensors with their records. */
export function digestsOf(state: NetworkState, algorithm: TensorAlgorithm): Record<string, TensorDigest> {
  return eachOnce(state, (array) => digestOf(array, algorithm));
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
