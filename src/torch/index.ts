/**
 * PyTorch's `.pth` files in JavaScript: reads what users have, writes what PyTorch opens, runs nothing.
 *
 *   import { readTorchFile, writeTorchFile, float32Tensor, dict } from "guardapesos/torch";
 *
 *   const file = await readTorchFile("generator.pth");
 *   for (const [path, tensor] of file.tensors()) console.log(path.join("."), tensor.dtype, tensor.shape);
 *   await file.close();
 *
 *   await writeTorchFile("weights.pth", dict({ w: float32Tensor([2], new Float32Array([1, 2])) }));
 */
export { dtypes, type Dtype, type TypedArray } from "./dtypes.js";
export {
  dict,
  isDict,
  isKind,
  numberOf,
  orderedDict,
  pythonFloat,
  tuple,
  type PythonFloat,
  type TorchDict,
  type TorchGlobal,
  type TorchObject,
  type TorchStorage,
  type TorchTensor,
  type TorchTuple,
  type TorchValue,
} from "./values.js";
export { asParameter, float32Tensor, tensorOf } from "./tensor.js";
export { openFile, type FileSink, type OpenSink } from "./sink.js";
export type { WrittenFile } from "./stream.js";
export { writeTorchFile, type WriteOptions } from "./torch-write.js";
export { readTorchFile, type TorchFile } from "./torch-read.js";
export { tensorsIn, type TensorPath } from "./walk.js";
