/**
 * What is inside a torch file, as plain JSON: what `guardapesos inspect` shows. Says what stands in the file and
 * nothing that would have to be guessed from outside it.
 */
import { sizeOf } from "../base/named-arrays.js";
import { describeTensors, type DescribeOptions, type TensorDescription } from "./describe-tensor.js";
import { plainJson, valueToJson, type Json, type JsonObject } from "./json.js";
import {
  kindOf,
  numberIn,
  optimizersIn,
  parameterKeys,
  type FoundOptimizer,
  type OptimizerKind,
} from "./optimizer.js";
import { stateDictName, stateDictsIn, type FoundStateDict } from "./state-dict.js";
import type { TorchFile } from "./torch-read.js";
import { isDict, type TorchDict, type TorchValue } from "./values.js";
import { pathName } from "./walk.js";

/** Top key of files that guardapesos wrote: the pair's id and the progress, a plain dict. */
export const PROGRESS_KEY = "guardapesos";

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
  /** Whether the file has checksums of its data. */
  readonly checksums: boolean;
  /** Names that are not on the allow-list and were skipped; absent when there are none. */
  readonly skipped?: readonly string[];
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

/**
 * Describes an open file. Without `stats` no data is read but an optimizer's counters: see TorchFile.verify.
 * @throws TORCH_FILE_INVALID when data that is read is damaged
 */
export async function describeTorchFile(
  file: TorchFile,
  options: DescribeOptions = {},
): Promise<TorchDescription> {
  const { tensors, names, storages, nonFinite } = await describeTensors(file.allTensors(), options);
  const { value } = file;
  const found = stateDictsIn(value)
    .filter(({ tensors: { size } }) => size > 0)
    .map(describeStateDict);
  const progress = isDict(value) ? value.get(PROGRESS_KEY) : undefined;
  const progressJson = progress === undefined ? undefined : plainJson(progress);
  return {
    file: file.path,
    bytes: file.size,
    format: file.format,
    checksums: file.checksums,
    ...(file.skipped.length === 0 ? {} : { skipped: file.skipped }),
    ...(isDict(value) ? { keys: [...value.keys()].map((key) => pathName([key])) } : {}),
    ...(found.length > 0 ? { stateDict: found[0]! } : {}),
    ...(found.length > 1 ? { stateDicts: found } : {}),
    optimizers: await Promise.all([...optimizersIn(value)].map(describeOptimizer)),
    scalars: scalarsIn(value),
    ...(progressJson === undefined ? {} : { progress: progressJson }),
    tensors,
    storages,
    values: valueToJson(value, (part) =>
      part.kind === "storage" ? "<storage>" : { tensor: names.get(part) ?? "" },
    ),
    ...(nonFinite === undefined ? {} : { nonFinite }),
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
