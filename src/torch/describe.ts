/**
 * What is inside a torch file, as plain JSON: what `guardapesos inspect` shows. Says what stands in the file and
 * nothing that would have to be guessed from outside it.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { plainJson, valueToJson, type Json, type JsonObject } from "./json.js";
import { isNumeric, numbersOf } from "./numbers.js";
import {
  kindOf,
  numberIn,
  optimizersIn,
  parameterKeys,
  type FoundOptimizer,
  type OptimizerKind,
} from "./optimizer.js";
import { stateDictName, stateDictsIn, type FoundStateDict } from "./state-dict.js";
import { isContiguous } from "./tensor.js";
import type { TorchFile } from "./torch-read.js";
import { isDict, type TorchDict, type TorchTensor, type TorchValue } from "./values.js";
import { pathName } from "./walk.js";

/** Top key of files that guardapesos wrote: the pair's id and the progress, a plain dict. */
export const PROGRESS_KEY = "guardapesos";

export interface TensorStatistics {
  /** Over the elements that are finite numbers; null when there are none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly nan: number;
  readonly infinite: number;
}

export interface TensorDescription {
  /** Keys joined by dots. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly elements: number;
  /** Of its elements. */
  readonly bytes: number;
  /** Name of the first tensor over the same storage, when it is another one. */
  readonly shares?: string;
  /** Only where it is not row-major. */
  readonly strides?: readonly number[];
  readonly requiresGrad?: true;
  readonly parameter?: true;
  /** Where it was, when not on the CPU: "cuda:0". */
  readonly location?: string;
  /** Only when asked for, and only for types that are numbers. */
  readonly statistics?: TensorStatistics;
}

export interface OptimizerDescription {
  /** Where it stands; "" at the top. */
  readonly name: string;
  /** By its options and its state; undefined when it is like none that is known. */
  readonly kind: OptimizerKind | undefined;
  readonly parameters: number;
  /** Parameters with a state: those that ever had a gradient. */
  readonly withState: number;
  /** Least and most updates of a parameter. */
  readonly steps?: readonly [least: number, most: number];
  /** Of each group, without its list of parameters. */
  readonly groups: readonly JsonObject[];
}

export interface StateDictDescription {
  /** Where it stands; absent when the file is a bare state_dict. */
  readonly key?: string;
  /** What its names begin with beside their own: "module.", "generator._orig_mod."; absent when nothing. */
  readonly prefix?: string;
  /** What says that this one is meant: the key, and the attribute of a LightningModule. */
  readonly name: string;
  readonly tensors: number;
  readonly elements: number;
  /** Whether its names begin with "module.", as nn.DataParallel makes them. */
  readonly parallel: boolean;
}

export interface TorchDescription {
  readonly file: string;
  readonly bytes: number;
  readonly format: "zip" | "legacy";
  /** Keys of the top dict, as text; undefined when the top is no dict. */
  readonly keys?: readonly string[];
  /** The only one, or the first. */
  readonly stateDict?: StateDictDescription;
  /** All of them, where there are several: of two networks, of an average beside the weights. */
  readonly stateDicts?: readonly StateDictDescription[];
  readonly optimizers: readonly OptimizerDescription[];
  /** What stands at the top and is one number, text or the like: {"epoch": 3}. */
  readonly scalars: Readonly<Record<string, Json>>;
  /** Of our own files: the training's progress and the like. */
  readonly progress?: Json;
  readonly tensors: readonly TensorDescription[];
  /** Of the distinct storages. */
  readonly storages: { readonly count: number; readonly bytes: number };
  /** Everything that is no tensor, see json.ts; a tensor stands as {"tensor": its name}. */
  readonly values: Json;
  /** Elements that are NaN or infinite, when statistics were asked for. */
  readonly nonFinite?: number;
}

export interface DescribeOptions {
  /** Also min, max, mean, NaN and infinite elements of each tensor: reads all data. */
  readonly stats?: boolean;
}

/**
 * Describes an open file. Without `stats` no data is read but an optimizer's counters: see TorchFile.verify.
 * @throws TORCH_FILE_INVALID when data that is read is damaged
 */
export async function describeTorchFile(
  file: TorchFile,
  options: DescribeOptions = {},
): Promise<TorchDescription> {
  const tensors: TensorDescription[] = [];
  const names = new Map<TorchTensor, string>();
  const firstOver = new Map<object, string>();
  const storages = new Map<object, number>();
  const known = new Map<string, TensorStatistics>();
  const identities = new Map<object, number>();
  for (const [path, tensor] of file.tensors()) {
    const name = pathName(path);
    const { identity } = tensor.storage;
    if (!names.has(tensor)) names.set(tensor, name);
    storages.set(identity, tensor.storage.length * dtypes[tensor.storage.dtype].size);
    identities.set(identity, identities.get(identity) ?? identities.size);
    const shares = firstOver.get(identity);
    if (shares === undefined) firstOver.set(identity, name);
    // Shared views are counted once: a weight that stands under two names has the same numbers.
    const view = JSON.stringify([identities.get(identity), tensor.offset, tensor.shape, tensor.strides]);
    const statistics = options.stats === true ? (known.get(view) ?? (await statisticsOf(tensor))) : undefined;
    if (statistics !== undefined) known.set(view, statistics);
    tensors.push(describeTensor(name, tensor, shares, statistics));
  }
  const { value } = file;
  const found = stateDictsIn(value).map(describeStateDict);
  const progress = isDict(value) ? value.get(PROGRESS_KEY) : undefined;
  const progressJson = progress === undefined ? undefined : plainJson(progress);
  return {
    file: file.path,
    bytes: file.size,
    format: file.format,
    ...(isDict(value) ? { keys: [...value.keys()].map((key) => pathName([key])) } : {}),
    ...(found.length > 0 ? { stateDict: found[0]! } : {}),
    ...(found.length > 1 ? { stateDicts: found } : {}),
    optimizers: await Promise.all([...optimizersIn(value)].map(describeOptimizer)),
    scalars: scalarsIn(value),
    ...(progressJson === undefined ? {} : { progress: progressJson }),
    tensors,
    storages: { count: storages.size, bytes: [...storages.values()].reduce((sum, bytes) => sum + bytes, 0) },
    values: valueToJson(value, (part) =>
      part.kind === "tensor" ? { tensor: names.get(part) ?? "" } : "<storage>",
    ),
    ...(options.stats === true
      ? { nonFinite: [...known.values()].reduce((sum, { nan, infinite }) => sum + nan + infinite, 0) }
      : {}),
  };
}

function describeStateDict(found: FoundStateDict): StateDictDescription {
  const { key, prefix, tensors, parallel } = found;
  return {
    ...(key === undefined ? {} : { key }),
    ...(prefix === "" ? {} : { prefix }),
    name: stateDictName(found),
    tensors: tensors.size,
    elements: [...tensors.values()].reduce((sum, tensor) => sum + sizeOf(tensor.shape), 0),
    parallel,
  };
}

function scalarsIn(value: TorchValue): Record<string, Json> {
  if (!isDict(value)) return {};
  const scalars = [...value].flatMap(([key, item]): [string, Json][] => {
    const json = plainJson(item);
    return json === undefined || (typeof json === "object" && json !== null) ? [] : [[pathName([key]), json]];
  });
  return Object.fromEntries(scalars);
}

function describeTensor(
  name: string,
  tensor: TorchTensor,
  shares: string | undefined,
  statistics: TensorStatistics | undefined,
): TensorDescription {
  const elements = sizeOf(tensor.shape);
  return {
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    elements,
    bytes: elements * dtypes[tensor.dtype].size,
    ...(shares === undefined ? {} : { shares }),
    ...(isContiguous(tensor) ? {} : { strides: tensor.strides }),
    ...(tensor.requiresGrad ? { requiresGrad: true } : {}),
    ...(tensor.parameter ? { parameter: true } : {}),
    ...(tensor.storage.location === "cpu" ? {} : { location: tensor.storage.location }),
    ...(statistics === undefined ? {} : { statistics }),
  };
}

/** Undefined for types that are no numbers. @throws TORCH_FILE_INVALID when the data is damaged */
export async function statisticsOf(tensor: TorchTensor): Promise<TensorStatistics | undefined> {
  const data = await tensor.read();
  if (!isNumeric(tensor.dtype)) return undefined;
  const numbers = numbersOf(tensor.dtype, data);
  let [min, max, sum, nan, infinite] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    // NaN and the infinities are the numbers whose difference from themselves is not 0.
    if (number - number !== 0) {
      if (Number.isNaN(number)) nan++;
      else infinite++;
      continue;
    }
    if (number < min) min = number;
    if (number > max) max = number;
    sum += number;
  }
  const count = numbers.length - nan - infinite;
  return count === 0
    ? { min: null, max: null, mean: null, nan, infinite }
    : { min, max, mean: sum / count, nan, infinite };
}

async function describeOptimizer(optimizer: FoundOptimizer): Promise<OptimizerDescription> {
  const { name, state, groups } = optimizer;
  const states = [...state.values()].filter(isDict);
  let steps: readonly [number, number] | undefined;
  for (const entry of states) {
    const step = await numberIn(entry.get("step"));
    if (step !== undefined) steps = [Math.min(step, steps?.[0] ?? step), Math.max(step, steps?.[1] ?? step)];
  }
  return {
    name,
    kind: kindOf(optimizer),
    parameters: parameterKeys(optimizer).length,
    withState: states.length,
    ...(steps === undefined ? {} : { steps }),
    groups: await Promise.all(groups.map(groupJson)),
  };
}

async function groupJson(group: TorchDict): Promise<JsonObject> {
  const options = [...group].filter(([key]) => key !== "params");
  const shown = options.map(async ([key, item]): Promise<readonly [string, Json]> => {
    const json = plainJson(item);
    return [pathName([key]), json === undefined ? ((await numberIn(item)) ?? "?") : json];
  });
  return Object.fromEntries(await Promise.all(shown));
}
