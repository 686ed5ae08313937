/**
 * What is inside a torch file, as plain JSON: what `guardapesos inspect` shows. Says what stands in the file and
 * nothing that would have to be guessed from outside it.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes, type Dtype } from "./dtypes.js";
import { plainJson, valueToJson, type Json, type JsonObject } from "./json.js";
import { isNumeric, numbersOf } from "./numbers.js";
import { findStateDict } from "./state-dict.js";
import { isContiguous } from "./tensor.js";
import type { TorchFile } from "./torch-read.js";
import { isDict, isKind, numberOf, type TorchDict, type TorchTensor, type TorchValue } from "./values.js";
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
  /** What its state looks like; undefined when it is like none that is known. */
  readonly kind: "Adam" | "Adam (AMSGrad)" | "SGD" | "RMSprop" | "Adagrad" | undefined;
  readonly parameters: number;
  /** Parameters with a state: those that ever had a gradient. */
  readonly withState: number;
  /** Least and most updates of a parameter. */
  readonly steps?: readonly [least: number, most: number];
  /** Of each group, without its list of parameters. */
  readonly groups: readonly JsonObject[];
}

export interface TorchDescription {
  readonly file: string;
  readonly bytes: number;
  readonly format: "zip" | "legacy";
  /** Keys of the top dict, as text; undefined when the top is no dict. */
  readonly keys?: readonly string[];
  readonly stateDict?: {
    /** Where it stands; absent when the file is a bare state_dict. */
    readonly key?: string;
    readonly tensors: number;
    readonly elements: number;
    /** Whether its names begin with "module.", as nn.DataParallel makes them. */
    readonly parallel: boolean;
  };
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
  const found = findStateDict(value);
  const progress = isDict(value) ? value.get(PROGRESS_KEY) : undefined;
  const progressJson = progress === undefined ? undefined : plainJson(progress);
  return {
    file: file.path,
    bytes: file.size,
    format: file.format,
    ...(isDict(value) ? { keys: [...value.keys()].map((key) => pathName([key])) } : {}),
    ...(found === undefined
      ? {}
      : {
          stateDict: {
            ...(found.key === undefined ? {} : { key: found.key }),
            tensors: found.tensors.size,
            elements: [...found.tensors.values()].reduce((sum, tensor) => sum + sizeOf(tensor.shape), 0),
            parallel: found.parallel,
          },
        }),
    optimizers: await optimizersIn(value),
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

/** Keys of a parameter's state that tell the optimizers apart, the more telling first. */
const stateKeys = [
  ["max_exp_avg_sq", "Adam (AMSGrad)"],
  ["exp_avg_sq", "Adam"],
  ["momentum_buffer", "SGD"],
  ["square_avg", "RMSprop"],
  ["sum", "Adagrad"],
] as const;

/** Dicts at the top, or one below, that have the two keys of an optimizer's state_dict. */
async function optimizersIn(value: TorchValue): Promise<OptimizerDescription[]> {
  if (!isDict(value)) return [];
  const found: OptimizerDescription[] = [];
  for (const [name, item] of [
    ["", value] as const,
    ...[...value].map(([key, v]) => [pathName([key]), v] as const),
  ]) {
    const [state, groups] = isDict(item) ? [item.get("state"), item.get("param_groups")] : [];
    if (isDict(state) && Array.isArray(groups)) found.push(await describeOptimizer(name, state, groups));
  }
  return found;
}

async function describeOptimizer(
  name: string,
  state: TorchDict,
  groups: readonly TorchValue[],
): Promise<OptimizerDescription> {
  const states = [...state.values()].filter(isDict);
  const dicts = groups.filter(isDict);
  const fresh = states.length === 0 && dicts.some((group) => group.has("betas")) ? "Adam" : undefined;
  let steps: readonly [number, number] | undefined;
  for (const entry of states) {
    const step = await stepIn(entry.get("step"));
    if (step !== undefined) steps = [Math.min(step, steps?.[0] ?? step), Math.max(step, steps?.[1] ?? step)];
  }
  return {
    name,
    kind: stateKeys.find(([key]) => states[0]?.has(key) === true)?.[1] ?? fresh,
    parameters: dicts.reduce((sum, group) => {
      const params = group.get("params");
      return sum + (Array.isArray(params) ? params.length : 0);
    }, 0),
    withState: states.length,
    ...(steps === undefined ? {} : { steps }),
    groups: dicts.map(groupJson),
  };
}

/** Python's number, or a tensor of one: PyTorch 1.12 and later. */
async function stepIn(step: TorchValue | undefined): Promise<number | undefined> {
  if (!isKind(step, "tensor")) return numberOf(step);
  if (sizeOf(step.shape) !== 1 || !isNumeric(step.dtype)) return undefined;
  return numbersOf(step.dtype, await step.read())[0];
}

function groupJson(group: TorchDict): JsonObject {
  const options = [...group].filter(([key]) => key !== "params");
  return Object.fromEntries(
    options.map(([key, item]) => {
      const json = plainJson(item);
      return [pathName([key]), json === undefined ? "?" : json];
    }),
  );
}
