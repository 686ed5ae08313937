/** The elements of a tensor as numbers to calculate with, whatever their type. */
import { dtypes, type Dtype, type TypedArray } from "./dtypes.js";
import { bfloat16ToNumber, halfToNumber } from "../base/half.js";
import { invariant } from "../base/invariant.js";
import type { TorchTensor } from "./values.js";

/** Whether the elements are numbers of one part: not complex, not float8, which are only kept as raw data. */
export function isNumeric(dtype: Dtype): boolean {
  const { kind } = dtypes[dtype];
  return kind === "float" || kind === "integer" || kind === "bool";
}

/**
 * What `read` gave, as numbers: float32 and float64 as they are, half and bfloat16 as float32 (exactly), whole numbers
 * as float64 (rounded beyond 2^53), bool as 0 and 1.
 * REQUIRES: isNumeric(dtype), and `data` is of it
 */
export function numbersOf(
  dtype: Dtype,
  data: TypedArray,
): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  invariant(isNumeric(dtype), `${dtype} holds numbers`);
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (dtype === "float16") return Float32Array.from(data as Uint16Array, halfToNumber);
  if (dtype === "bfloat16") return Float32Array.from(data as Uint16Array, bfloat16ToNumber);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const numbers = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) numbers[i] = Number(data[i]);
    return numbers;
  }
  return new Float64Array(data);
}

/**
 * The elements as float32, row-major, rounded where they are wider. REQUIRES: isNumeric(tensor.dtype)
 * @throws TORCH_FILE_INVALID when the file is damaged
 */
export async function readFloat32(tensor: TorchTensor): Promise<Float32Array<ArrayBuffer>> {
  const numbers = numbersOf(tensor.dtype, await tensor.read());
  return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
}
