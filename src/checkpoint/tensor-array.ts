/** Tensors of a file as the float32 arrays that training has. */
import { GuardapesosError } from "../base/errors.js";
import { sizeOf, type NamedArray } from "../base/named-arrays.js";
import { bfloat16ToNumber, halfToNumber } from "../base/half.js";
import { dtypes, type Dtype, type TorchTensor } from "../torch/index.js";

/** Bytes of the largest array: no network that the engine computes has a larger one. */
const largest = 2 ** 31;

/**
 * The numbers of a tensor as float32, row-major.
 * @throws TORCH_FILE_UNSUPPORTED for types that float32 cannot stand for (complex numbers), and for more numbers than any
 *   network has
 */
export async function readFloat32(
  tensor: TorchTensor,
  file: string,
  name: string,
): Promise<Float32Array<ArrayBuffer>> {
  const bytes = 4 * sizeOf(tensor.shape);
  if (bytes > largest)
    throw new GuardapesosError("TORCH_FILE_UNSUPPORTED", {
      file,
      feature: "size",
      where: { record: name },
      bytes,
    });
  const data = await tensor.read();
  if (data instanceof Float32Array && tensor.dtype === "float32") return data;
  const convert = conversionOf(tensor.dtype);
  if (convert === undefined) {
    throw new GuardapesosError("TORCH_FILE_UNSUPPORTED", {
      file,
      feature: "dtype",
      dtype: tensor.dtype,
      tensor: name,
    });
  }
  return Float32Array.from(data as ArrayLike<number | bigint>, convert);
}

/** How an element as it lies in memory becomes a number; undefined for types that are no plain numbers. */
function conversionOf(dtype: Dtype): ((word: number | bigint) => number) | undefined {
  if (dtype === "float16") return (word) => halfToNumber(Number(word));
  if (dtype === "bfloat16") return (word) => bfloat16ToNumber(Number(word));
  return dtypes[dtype].kind === "complex" || dtypes[dtype].kind === "raw" ? undefined : Number;
}

/** The same with its shape. @throws as readFloat32 */
export async function readArray(tensor: TorchTensor, file: string, name: string): Promise<NamedArray> {
  return { shape: tensor.shape, data: await readFloat32(tensor, file, name) };
}
