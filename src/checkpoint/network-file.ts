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
import { printable } from "../base/printable.js";
import {
  chosenOf,
  dict,
  float32Tensor,
  isDict,
  isKind,
  numberOf,
  orderedDict,
  pythonFloat,
  stateDictName,
  requirePlain,
  stateDictsIn,
  tuple,
  type FoundStateDict,
  type Recognise,
  type TorchTensor,
  type TorchValue,
} from "../torch/index.js";
import type { AdamState, ImportedOptimizer, Json, NetworkState } from "./checkpoint.js";
import { checkpointKinds } from "../store/index.js";
import { readOptimizer } from "./optimizer-file.js";
import { readArray } from "./tensor-array.js";

/** Of what a `.pth` says about itself: the highest that is read, and the one that is written. */
export const headerFormat = 2;

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

/** Whether a file says that it is one of ours, intelligibly or not. */
export function isOurs(value: TorchValue): boolean {
  return isDict(value) && value.has("guardapesos");
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
  /** Of a plain file. */
  readonly optimizer: ImportedOptimizer | undefined;
}

/** What is known of plain files beside their paths. */
export interface PlainChoice {
  /** Tells a network by the names of its weights. */
  readonly recognise?: Recognise | undefined;
  /** The other half of a pair, where it is said. */
  readonly partner?: string | undefined;
  /** Names of the state_dicts that are meant, where files hold several. */
  readonly stateDicts?: readonly string[] | undefined;
}

/** Which network a plain file is read for. */
export interface PlainNetwork extends PlainChoice {
  readonly network: string;
}

/**
 * Reads the tensors of a checkpoint or of any state_dict; all become float32. `adam` is undefined when there is no
 * optimizer, when it is not Adam, or when its numbers cannot be matched with the names; `optimizer` says which.
 * @param file for the errors
 * @param expected names of the parameters in the optimizer's order, if the caller knows the network; needed only for
 *   files in which a conversion has pulled shared tensors apart
 * @param plain which network is wanted of a file that may hold several
 * @throws TORCH_FILE_UNSUPPORTED no state_dict in it, or numbers that float32 cannot stand for
 * @throws CHECKPOINT_OTHER_NETWORK, STATE_DICT_AMBIGUOUS, STATE_DICT_UNKNOWN see stateDictOf
 * @throws TORCH_FILE_INVALID a damaged tensor
 */
export async function fromTorch(
  value: TorchValue,
  file: string,
  expected?: readonly string[],
  plain?: PlainNetwork,
): Promise<NetworkContent> {
  const { tensors, prefix } = stateDictOf(value, file, plain);
  const header = headerIn(value);
  const { stateDict, unshared } = await readStateDict(tensors, file);
  const known = header?.parameters ?? expected;
  const parameters =
    known !== undefined && known.every((name) => stateDict.has(name)) ? known : unshared.filter(isParameter);
  if (header === undefined) shareEqual(stateDict, unshared, parameters);
  const { adam, optimizer } = await readOptimizer(value, { parameters, stateDict, prefix }, file);
  return { state: { stateDict, parameters, adam }, header, optimizer };
}

/**
 * The state_dict of a network in a file's value.
 * @throws TORCH_FILE_UNSUPPORTED none in it, or a sparse, quantised, nested ... tensor among its weights
 * @throws CHECKPOINT_ARCHITECTURE it holds none of the networks that the caller knows
 * @throws CHECKPOINT_OTHER_NETWORK it holds others alone
 * @throws STATE_DICT_AMBIGUOUS several could be meant
 * @throws STATE_DICT_UNKNOWN several could be meant, and none of them is called as was said
 */
function stateDictOf(value: TorchValue, file: string, plain?: PlainNetwork): FoundStateDict {
  const { network, recognise, stateDicts } = plain ?? {};
  const all = stateDictsIn(value, recognise);
  if (all.length === 0)
    throw new GuardapesosError("TORCH_FILE_UNSUPPORTED", { file, feature: "no-state-dict" });
  const known = all.filter((one) => one.network !== undefined);
  if (recognise !== undefined && known.length === 0) {
    // None of the caller's networks: said before a tensor is read, for there may be any number of them.
    const names = all.flatMap(({ tensors }) => [...tensors.keys()]).slice(0, 3);
    const differences = [`${network ?? ""}: ${names.map(printable).join(", ")}, ...`];
    throw new GuardapesosError("CHECKPOINT_ARCHITECTURE", { id: file, differences, options: false });
  }
  const own = known.length > 0 ? known.filter((one) => one.network === network) : all;
  if (own.length === 0) {
    const holds = known[0]!.network!;
    throw new GuardapesosError("CHECKPOINT_OTHER_NETWORK", { file, holds, wanted: network! });
  }
  const chosen = own.length === 1 ? own : chosenOf(own, stateDicts);
  if (chosen.length === 1) {
    requirePlain(file, chosen[0]!);
    return chosen[0]!;
  }
  const names = own.map(stateDictName);
  if (chosen.length === 0) {
    throw new GuardapesosError("STATE_DICT_UNKNOWN", { file, wanted: stateDicts!.join(","), names });
  }
  throw new GuardapesosError("STATE_DICT_AMBIGUOUS", { file, network, names });
}

/**
 * Every tensor of a file of ours by the names that the manifest uses, without reading its numbers.
 * REQUIRES: the file has a header (its optimizer's numbers are named by it).
 */
export function* tensorsIn(value: TorchValue): Generator<readonly [string, TorchTensor]> {
  for (const [name, tensor] of stateDictsIn(value)[0]?.tensors ?? []) yield [`weights/${name}`, tensor];
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
