/**
 * What shows that a tensor was read right: the SHA-256 of its row-major, little-endian bytes, and how many of its numbers are NaN.
 */
import { createHash } from "node:crypto";
import type { Dtype } from "./dtypes.js";
import { piecesOf } from "./pieces.js";
import type { TorchTensor } from "./values.js";

export interface ElementDigest {
  /** Hexadecimal; of a type that packs several numbers into a byte, of the bytes as they are. */
  readonly sha256: string;
  /** Numbers that are NaN; real and imaginary parts count apart. 0 for types that have no NaN. */
  readonly nan: number;
}

/** @throws TORCH_FILE_INVALID when the file is damaged */
export async function digestOf(tensor: TorchTensor): Promise<ElementDigest> {
  const hash = createHash("sha256");
  const nanIn = nanCounts[tensor.dtype];
  let nan = 0;
  for await (const bytes of piecesOf(tensor)) {
    hash.update(bytes);
    nan += nanIn?.(bytes) ?? 0;
  }
  return { sha256: hash.digest("hex"), nan };
}

/** Counts the NaN in whole elements that begin at a multiple of 8 bytes. */
type NaNCount = (bytes: Uint8Array<ArrayBuffer>) => number;

const float32: NaNCount = ({ buffer, byteOffset, byteLength }) => {
  let nan = 0;
  for (const number of new Float32Array(buffer, byteOffset, byteLength / 4)) if (Number.isNaN(number)) nan++;
  return nan;
};
const float64: NaNCount = ({ buffer, byteOffset, byteLength }) => {
  let nan = 0;
  for (const number of new Float64Array(buffer, byteOffset, byteLength / 8)) if (Number.isNaN(number)) nan++;
  return nan;
};
/** Words above `infinity`, the sign left out: all bits of the exponent set, and one of the fraction. */
const above =
  (infinity: number): NaNCount =>
  ({ buffer, byteOffset, byteLength }) => {
    let nan = 0;
    for (const word of new Uint16Array(buffer, byteOffset, byteLength / 2))
      if ((word & 0x7fff) > infinity) nan++;
    return nan;
  };
const bytesThat =
  (isNotANumber: (byte: number) => boolean): NaNCount =>
  (bytes) => {
    let nan = 0;
    for (const byte of bytes) if (isNotANumber(byte)) nan++;
    return nan;
  };
const float16 = above(0x7c00);
const bfloat16 = above(0x7f80);
/** The formats "fnuz" have no minus zero: its bits are their only NaN. */
const minusZero = bytesThat((byte) => byte === 0x80);

const nanCounts: { readonly [D in Dtype]?: NaNCount } = {
  float32,
  float64,
  float16,
  bfloat16,
  complex64: float32,
  complex128: float64,
  complex32: float16,
  bcomplex32: bfloat16,
  float8_e4m3fn: bytesThat((byte) => (byte & 0x7f) === 0x7f),
  float8_e5m2: bytesThat((byte) => (byte & 0x7f) > 0x7c),
  float8_e4m3fnuz: minusZero,
  float8_e5m2fnuz: minusZero,
  float8_e8m0fnu: bytesThat((byte) => byte === 0xff),
};
