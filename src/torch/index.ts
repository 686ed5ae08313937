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
  type CompoundLayout,
  type CompoundTensor,
  type PythonFloat,
  type Quantisation,
  type TorchDict,
  type TorchGlobal,
  type TorchObject,
  type TorchStorage,
  type TorchTensor,
  type TorchTuple,
  type TorchValue,
} from "./values.js";
export { asParameter, float32Tensor, isContiguous, tensorOf } from "./tensor.js";
export { isNumeric, numbersOf, readFloat32 } from "./numbers.js";
export { readTorch, readTorchBytes, readTorchFile, type ReadOptions, type TorchFile } from "./torch-read.js";
export { writeTorchFile, type WriteOptions } from "./torch-write.js";
export { openFile, type FileSink, type OpenSink } from "../base/file-sink.js";
export { sourceFrom, sourceOver, type Source } from "./source.js";
export type { WrittenFile } from "./stream.js";
export { pathName, tensorsIn, type TensorPath } from "./walk.js";
export {
  chosenOf,
  findStateDict,
  stateDictName,
  requirePlain,
  stateDictsIn,
  type FoundStateDict,
  type Recognise,
} from "./state-dict.js";
export {
  isAdam,
  kindOf,
  numberIn,
  numbersIn,
  optimizersIn,
  optionsIn,
  parameterKeys,
  type FoundOptimizer,
  type OptimizerKind,
} from "./optimizer.js";
export { plainJson, valueFromJson, valueToJson, type Json } from "./json.js";
export {
  describeTorchFile,
  PROGRESS_KEY,
  type OptimizerDescription,
  type TorchDescription,
} from "./describe.js";
export {
  describeTensors,
  statisticsOf,
  type DescribeOptions,
  type TensorDescription,
  type TensorStatistics,
} from "./describe-tensor.js";
export { digestOf, type ElementDigest } from "./element-digest.js";
export { openedSafetensors, readSafetensors, writeSafetensors, type SafetensorsFile } from "./safetensors.js";
export { convertFile, foreignMetadata, type ConvertOptions } from "./convert.js";
