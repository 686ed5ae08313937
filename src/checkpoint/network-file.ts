/**
 * One network and its Adam as a PyTorch checkpoint and back: `{"state_dict", "optimizer"}` as users' scripts write and
 * read it, plus `guardapesos`, which lets a single file tell what it belongs to (docs/checkpoint-format.md).
 *
 * PyTorch's optimizer knows its parameters by number only. The number counts `model.parameters()`, which goes through
 * the modules in the order of the state_dict's keys and counts a parameter with several names once, at the first.
 */
import { z } from "zod";
import { GuardapesosError } from "../base/errors.js";
import type { NamedArray } from "../base/named-arrays.js";
import {
  dict,
  dtypes,
  float32Tensor,
  isDict,
  isKind,
  numberOf,
  orderedDict,
  pythonFloat,
  tuple,
  type Dtype,
  type TorchDict,
  type TorchTensor,
  type TorchValue,
} from "../torch/index.js";
import { bfloat16ToNumber, halfToNumber } from "../torch/half.js";
import type { AdamEntry, AdamOptions, AdamState, Json, NetworkState } from "./checkpoint.js";
import { checkpointKinds } from "./names.js";

/** What a `.pth` of ours says about itself. */
export interface Header {
  readonly format: number;
  readonly pair: string;
  readonly run: string;
  readonly generation: string;
  readonly network: string;
  /** All networks of the pair. */
  readonly networks: readonly string[];
  /** Names of the parameters in the optimizer's order. */
  readonly parameters: readonly string[];
  readonly kind: (typeof checkpointKinds)[number];
  readonly step: number;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly saved_at: string;
  readonly progress: { readonly [key: string]: Json };
}

const headerSchema = z.looseObject({
  format: z.number().int(),
  pair: z.string(),
  run: z.string(),
  generation: z.string(),
  network: z.string(),
  networks: z.array(z.string()).readonly(),
  parameters: z.array(z.string()).readonly(),
  kind: z.enum(checkpointKinds),
  step: z.number().int().nonnegative(),
  reason: z.string(),
  saved_at: z.string(),
  progress: z.custom<Header["progress"]>((value) => typeof value === "object" && value !== null),
});

/** The value that `torch.load` will give. The arrays are not copied. */
export function toTorch(state: NetworkState, header: Header): TorchValue {
  const tensor = ({ shape, data }: NamedArray) => float32Tensor(shape, data);
  const content: [string, TorchValue][] = [
    ["state_dict", orderedDict([...state.stateDict].map(([name, array]) => [name, tensor(array)]))],
  ];
  if (state.adam !== undefined)
    content.push(["optimizer", toOptimizer(state.adam, state.parameters, tensor)]);
  content.push(["guardapesos", toPython(header as unknown as Json)]);
  return orderedDict(content);
}

function toOptimizer(
  adam: AdamState,
  parameters: readonly string[],
  tensor: (array: NamedArray) => TorchTensor,
): TorchValue {
  const state = new Map<TorchValue, TorchValue>();
  for (const [index, name] of parameters.entries()) {
    const entry = adam.entries.get(name);
    if (entry === undefined) continue;
    const step = float32Tensor([], Float32Array.of(entry.step));
    state.set(index, dict({ step, exp_avg: tensor(entry.expAvg), exp_avg_sq: tensor(entry.expAvgSq) }));
  }
  const [beta1, beta2] = adam.options.betas;
  // The options of Adam in PyTorch 1.13; later versions fill in what they have added.
  const group = dict({
    lr: pythonFloat(adam.options.lr),
    betas: tuple(pythonFloat(beta1), pythonFloat(beta2)),
    eps: pythonFloat(adam.options.eps),
    weight_decay: 0,
    amsgrad: false,
    maximize: false,
    foreach: null,
    capturable: false,
    differentiable: false,
    fused: false,
    params: [...parameters.keys()],
  });
  return dict({ state, param_groups: [group] });
}

/** JSON as plain Python: whole numbers become ints, others floats. */
function toPython(value: Json): TorchValue {
  if (Array.isArray(value)) return value.map(toPython);
  if (typeof value !== "object" || value === null) return value;
  return dict(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPython(item)])));
}

/** Plain Python as JSON; undefined when it holds anything that JSON does not. */
function fromPython(value: TorchValue): Json | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  const number = numberOf(value);
  if (number !== undefined) return number;
  const items = Array.isArray(value) ? value : isKind(value, "tuple") ? value.items : undefined;
  if (items !== undefined) {
    const plain = items.map(fromPython);
    return plain.includes(undefined) ? undefined : (plain as Json[]);
  }
  if (!isDict(value)) return undefined;
  const entries: [string, Json][] = [];
  for (const [key, item] of value) {
    const plain = fromPython(item);
    if (typeof key !== "string" || plain === undefined) return undefined;
    entries.push([key, plain]);
  }
  return Object.fromEntries(entries);
}

/** What the file says about itself; undefined for a plain PyTorch file. */
export function headerIn(value: TorchValue): Header | undefined {
  if (!isDict(value) || !value.has("guardapesos")) return undefined;
  const checked = headerSchema.safeParse(fromPython(value.get("guardapesos")!));
  return checked.success ? checked.data : undefined;
}

/**
 * What is wrong with what a file says about itself; undefined when it can be understood, or the file says nothing. Such a
 * file is one of ours, and no plain one.
 */
export function headerFault(
  value: TorchValue,
): { readonly where: string; readonly detail: string } | undefined {
  if (!isDict(value) || !value.has("guardapesos")) return undefined;
  const { error } = headerSchema.safeParse(fromPython(value.get("guardapesos")!));
  const issue = error?.issues[0];
  return issue && { where: ["guardapesos", ...issue.path].join("."), detail: issue.message };
}

export interface NetworkContent {
  readonly state: NetworkState;
  readonly header: Header | undefined;
}

/**
 * Reads the tensors of a checkpoint or a bare state_dict; all become float32. `adam` is undefined when there is no
 * optimizer, when it is not Adam, or when its numbers cannot be matched with the names.
 * @param file for the errors
 * @param expected names of the parameters in the optimizer's order, if the caller knows the network; needed only for
 *   files in which a conversion has pulled shared tensors apart
 * @throws TORCH_FILE_UNSUPPORTED no state_dict in it, or numbers that float32 cannot stand for
 * @throws TORCH_FILE_INVALID a damaged tensor
 */
export async function fromTorch(
  value: TorchValue,
  file: string,
  expected?: readonly string[],
): Promise<NetworkContent> {
  const tensors = stateDictIn(value);
  if (tensors === undefined) {
    throw new GuardapesosError("TORCH_FILE_UNSUPPORTED", { file, feature: "no-state-dict" });
  }
  const header = headerIn(value);
  const { stateDict, unshared } = await readStateDict(tensors, file);
  const optimizer = isDict(value) ? value.get("optimizer") : undefined;
  const known = header?.parameters ?? expected;
  const parameters =
    known !== undefined && known.every((name) => stateDict.has(name)) ? known : unshared.filter(isParameter);
  if (header === undefined) shareEqual(stateDict, unshared, parameters);
  const adam = isDict(optimizer) ? await readAdam(optimizer, parameters, stateDict, file) : undefined;
  return { state: { stateDict, parameters, adam }, header };
}

/** The tensors of a state_dict by name, without DataParallel's prefix. */
function stateDictIn(value: TorchValue): Map<string, TorchTensor> | undefined {
  if (!isDict(value)) return undefined;
  const inner = value.get("state_dict");
  const source: TorchDict = isDict(inner) ? inner : value;
  const tensors = [...source].filter((entry): entry is [string, TorchTensor] => {
    return typeof entry[0] === "string" && isKind(entry[1], "tensor");
  });
  if (tensors.length === 0) return undefined;
  const prefixed = tensors.every(([name]) => name.startsWith("module."));
  return new Map(tensors.map(([name, tensor]) => [prefixed ? name.slice("module.".length) : name, tensor]));
}

/**
 * Every tensor of a file of ours by the names that the manifest uses, without reading its numbers.
 * REQUIRES: the file has a header (its optimizer's numbers are named by it).
 */
export function* tensorsIn(value: TorchValue): Generator<readonly [string, TorchTensor]> {
  for (const [name, tensor] of stateDictIn(value) ?? []) yield [`weights/${name}`, tensor];
  const optimizer = isDict(value) ? value.get("optimizer") : undefined;
  const states = isDict(optimizer) ? optimizer.get("state") : undefined;
  if (!isDict(states)) return;
  const names = headerIn(value)?.parameters ?? [];
  for (const [index, state] of states) {
    for (const role of ["step", "exp_avg", "exp_avg_sq"]) {
      const tensor = isDict(state) ? state.get(role) : undefined;
      if (isKind(tensor, "tensor")) yield [`${role}/${names[Number(index)] ?? Number(index)}`, tensor];
    }
  }
}

/** @returns also the names that do not repeat a storage, in order */
async function readStateDict(
  tensors: ReadonlyMap<string, TorchTensor>,
  file: string,
): Promise<{ stateDict: Map<string, NamedArray>; unshared: string[] }> {
  const stateDict = new Map<string, NamedArray>();
  const unshared: string[] = [];
  const read = new Map<object, { tensor: TorchTensor; array: NamedArray }[]>();
  for (const [name, tensor] of tensors) {
    const views = read.get(tensor.storage.identity) ?? [];
    read.set(tensor.storage.identity, views);
    const same = views.find((view) => isSameView(view.tensor, tensor));
    const array = same?.array ?? (await readArray(tensor, file, name));
    if (same === undefined) {
      views.push({ tensor, array });
      unshared.push(name);
    }
    stateDict.set(name, array);
  }
  return { stateDict, unshared };
}

function isSameView(one: TorchTensor, other: TorchTensor): boolean {
  const layout = ({ offset, shape, strides }: TorchTensor) => `${offset}:${shape.join()}:${strides.join()}`;
  return layout(one) === layout(other);
}

async function readArray(tensor: TorchTensor, file: string, name: string): Promise<NamedArray> {
  return { shape: tensor.shape, data: await readFloat32(tensor, file, name) };
}

/**
 * The numbers of a tensor as float32, row-major.
 * @throws TORCH_FILE_UNSUPPORTED for types that float32 cannot stand for (complex numbers)
 */
export async function readFloat32(
  tensor: TorchTensor,
  file: string,
  name: string,
): Promise<Float32Array<ArrayBuffer>> {
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

/** BatchNorm keeps these beside its parameters; no optimizer counts them. */
function isParameter(name: string): boolean {
  return !/(^|\.)(running_mean|running_var|num_batches_tracked)$/.test(name);
}

/**
 * Joins again what a conversion has pulled apart: a name that is no parameter, but holds the numbers of exactly one
 * parameter, is another name of it.
 */
function shareEqual(
  stateDict: Map<string, NamedArray>,
  unshared: readonly string[],
  parameters: readonly string[],
) {
  const isKnown = new Set(parameters);
  for (const name of unshared) {
    if (isKnown.has(name) || !isParameter(name)) continue;
    const array = stateDict.get(name)!;
    const equal = parameters.filter((parameter) => areEqual(stateDict.get(parameter)!, array));
    if (equal.length === 1) stateDict.set(name, stateDict.get(equal[0]!)!);
  }
}

function areEqual(one: NamedArray, other: NamedArray): boolean {
  const bytes = ({ data }: NamedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return one.shape.join() === other.shape.join() && bytes(one).equals(bytes(other));
}

async function readAdam(
  optimizer: TorchDict,
  parameters: readonly string[],
  stateDict: ReadonlyMap<string, NamedArray>,
  file: string,
): Promise<AdamState | undefined> {
  const groups = optimizer.get("param_groups");
  const states = optimizer.get("state");
  const first = Array.isArray(groups) ? groups[0] : undefined;
  if (!Array.isArray(groups) || !isDict(first) || !isDict(states)) return undefined;
  const options = readOptions(first);
  const indices = groups.flatMap((group) => (isDict(group) ? (group.get("params") ?? []) : [])).map(Number);
  if (options === undefined || indices.length !== parameters.length) return undefined;

  const entries = new Map<string, AdamEntry>();
  for (const [position, index] of indices.entries()) {
    const state = states.get(index);
    if (state === undefined) continue;
    const name = parameters[position]!;
    const entry = isDict(state) ? await readEntry(state, file, name) : undefined;
    const shape = stateDict.get(name)!.shape.join();
    if (entry?.expAvg.shape.join() !== shape || entry.expAvgSq.shape.join() !== shape) return undefined;
    entries.set(name, entry);
  }
  return { options, entries };
}

function readOptions(group: TorchDict): AdamOptions | undefined {
  const lr = numberOf(group.get("lr"));
  const eps = numberOf(group.get("eps"));
  const betas = group.get("betas");
  const items = isKind(betas, "tuple") ? betas.items : Array.isArray(betas) ? betas : [];
  const [beta1, beta2] = items.map(numberOf);
  if (lr === undefined || eps === undefined || beta1 === undefined || beta2 === undefined) return undefined;
  return { lr, betas: [beta1, beta2], eps };
}

async function readEntry(state: TorchDict, file: string, name: string): Promise<AdamEntry | undefined> {
  const [stepValue, expAvg, expAvgSq] = [state.get("step"), state.get("exp_avg"), state.get("exp_avg_sq")];
  if (!isKind(expAvg, "tensor") || !isKind(expAvgSq, "tensor")) return undefined;
  // PyTorch before 1.12 wrote a Python int.
  const step = isKind(stepValue, "tensor")
    ? (await readArray(stepValue, file, `step of ${name}`)).data[0]
    : numberOf(stepValue);
  if (step === undefined) return undefined;
  return {
    step,
    expAvg: await readArray(expAvg, file, `exp_avg of ${name}`),
    expAvgSq: await readArray(expAvgSq, file, `exp_avg_sq of ${name}`),
  };
}
