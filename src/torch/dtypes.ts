/**
 * The element types of tensors: one table, one line per type. Everything that depends on a type (size in memory, the
 * typed array that holds it, its names in torch and in safetensors) is read from here.
 *
 * JavaScript has no typed array for half, bfloat16, float8 and complex numbers: those are given as the raw words that
 * the file holds (complex: real and imaginary parts in turn). `toFloat64` gives the numbers where there are numbers.
 */

export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

interface DtypeFacts {
  /** Bytes of one element. */
  readonly size: number;
  /** Bytes of what is swapped as one in a big-endian file: a complex number is two floats. */
  readonly word: 1 | 2 | 4 | 8;
  /** A typed array over the bytes of whole elements. */
  readonly array: (buffer: ArrayBuffer) => TypedArray;
  /** Class of its storages in module `torch`; undefined where only torch.UntypedStorage holds it. */
  readonly storageClass: string | undefined;
  readonly safetensors: string | undefined;
  /** How a number of it is read; none where a number does not hold it (complex) or would have to be rounded first. */
  readonly kind: "float" | "integer" | "bool" | "complex" | "raw";
}

const f32 = (buffer: ArrayBuffer) => new Float32Array(buffer);
const f64 = (buffer: ArrayBuffer) => new Float64Array(buffer);
const u8 = (buffer: ArrayBuffer) => new Uint8Array(buffer);
const u16 = (buffer: ArrayBuffer) => new Uint16Array(buffer);

// prettier-ignore
export const dtypes = {
  float32:    { size: 4, word: 4, kind: "float", array: f32, storageClass: "FloatStorage", safetensors: "F32" },
  float64:    { size: 8, word: 8, kind: "float", array: f64, storageClass: "DoubleStorage", safetensors: "F64" },
  float16:    { size: 2, word: 2, kind: "float", array: u16, storageClass: "HalfStorage", safetensors: "F16" },
  bfloat16:   { size: 2, word: 2, kind: "float", array: u16, storageClass: "BFloat16Storage", safetensors: "BF16" },
  int64:      { size: 8, word: 8, kind: "integer", array: (b) => new BigInt64Array(b), storageClass: "LongStorage", safetensors: "I64" },
  int32:      { size: 4, word: 4, kind: "integer", array: (b) => new Int32Array(b), storageClass: "IntStorage", safetensors: "I32" },
  int16:      { size: 2, word: 2, kind: "integer", array: (b) => new Int16Array(b), storageClass: "ShortStorage", safetensors: "I16" },
  int8:       { size: 1, word: 1, kind: "integer", array: (b) => new Int8Array(b), storageClass: "CharStorage", safetensors: "I8" },
  uint8:      { size: 1, word: 1, kind: "integer", array: u8, storageClass: "ByteStorage", safetensors: "U8" },
  bool:       { size: 1, word: 1, kind: "bool", array: u8, storageClass: "BoolStorage", safetensors: "BOOL" },
  uint16:     { size: 2, word: 2, kind: "integer", array: u16, storageClass: undefined, safetensors: "U16" },
  uint32:     { size: 4, word: 4, kind: "integer", array: (b) => new Uint32Array(b), storageClass: undefined, safetensors: "U32" },
  uint64:     { size: 8, word: 8, kind: "integer", array: (b) => new BigUint64Array(b), storageClass: undefined, safetensors: "U64" },
  complex64:  { size: 8, word: 4, kind: "complex", array: f32, storageClass: "ComplexFloatStorage", safetensors: "C64" },
  complex128: { size: 16, word: 8, kind: "complex", array: f64, storageClass: "ComplexDoubleStorage", safetensors: undefined },
  complex32:  { size: 4, word: 2, kind: "raw", array: u16, storageClass: undefined, safetensors: undefined },
  bcomplex32: { size: 4, word: 2, kind: "raw", array: u16, storageClass: undefined, safetensors: undefined },
  float8_e4m3fn: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: "F8_E4M3" },
  float8_e5m2:   { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: "F8_E5M2" },
  float8_e4m3fnuz: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: "F8_E4M3FNUZ" },
  float8_e5m2fnuz: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: "F8_E5M2FNUZ" },
  float8_e8m0fnu:  { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: "F8_E8M0" },
  // Two numbers in each byte; a shape of torch counts the bytes.
  float4_e2m1fn_x2: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: undefined },
  // Types without meaning, for whoever gives them one.
  bits8:   { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: undefined },
  bits16:  { size: 2, word: 2, kind: "raw", array: u16, storageClass: undefined, safetensors: undefined },
  bits1x8: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: undefined },
  bits2x4: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: undefined },
  bits4x2: { size: 1, word: 1, kind: "raw", array: u8, storageClass: undefined, safetensors: undefined },
  // Whole numbers that stand for others by a scale and a zero point, which the tensor has (see Quantisation).
  qint8:  { size: 1, word: 1, kind: "raw", array: (b) => new Int8Array(b), storageClass: "QInt8Storage", safetensors: undefined },
  quint8: { size: 1, word: 1, kind: "raw", array: u8, storageClass: "QUInt8Storage", safetensors: undefined },
  qint32: { size: 4, word: 4, kind: "raw", array: (b) => new Int32Array(b), storageClass: "QInt32Storage", safetensors: undefined },
  quint4x2: { size: 1, word: 1, kind: "raw", array: u8, storageClass: "QUInt4x2Storage", safetensors: undefined },
  quint2x4: { size: 1, word: 1, kind: "raw", array: u8, storageClass: "QUInt2x4Storage", safetensors: undefined },
} as const satisfies Record<string, DtypeFacts>;

/** An element type by its name in torch. */
export type Dtype = keyof typeof dtypes;

const byStorageClass = new Map(
  Object.entries(dtypes).flatMap(([name, facts]) =>
    facts.storageClass === undefined ? [] : [[facts.storageClass as string, name as Dtype] as const],
  ),
);

/** Whether a type packs several numbers into each byte of its storage, so that a shape says nothing of the bytes. */
export function isPacked(dtype: Dtype): boolean {
  return dtype === "quint4x2" || dtype === "quint2x4";
}

/** Whether a name of `torch` is one of a type of elements, also of one that is not in the table. */
export function looksLikeDtype(name: string): boolean {
  return /^(b?float|b?complex|u?int|qu?int|bits)\d\w*$/.test(name);
}

/** "FloatStorage" -> "float32"; undefined for a class that is not known. */
export function dtypeOfStorageClass(name: string): Dtype | undefined {
  return byStorageClass.get(name);
}

/** "float32" -> "float32"; undefined for anything that is not the name of a type. */
export function dtypeNamed(name: string): Dtype | undefined {
  return Object.hasOwn(dtypes, name) ? (name as Dtype) : undefined;
}
