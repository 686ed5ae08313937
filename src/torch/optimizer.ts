/** What an optimizer's state_dict is: which optimizer, its options, and how often it has updated its parameters. */
import { sizeOf } from "../base/named-arrays.js";
import { isNumeric, numbersOf } from "./numbers.js";
import { isDict, isKind, numberOf, type TorchDict, type TorchTensor, type TorchValue } from "./values.js";
import { containerItems, pathName } from "./walk.js";

export type OptimizerKind =
  | "Adam"
  | "Adam (AMSGrad)"
  | "AdamW"
  | "NAdam"
  | "RAdam"
  | "Adamax"
  | "Adafactor"
  | "Muon"
  | "Lion"
  | "SGD"
  | "RMSprop"
  | "Adagrad"
  | "Adadelta"
  | "ASGD"
  | "Rprop"
  | "LBFGS";

export interface FoundOptimizer {
  /** Keys that lead to it, joined by dots; "" at the top. */
  readonly name: string;
  readonly state: TorchDict;
  readonly groups: readonly TorchDict[];
}

/** Whether a value has the two keys of an optimizer's state_dict. */
export function isOptimizer(value: TorchValue): value is TorchDict {
  return isDict(value) && isDict(value.get("state")) && Array.isArray(value.get("param_groups"));
}

/** Levels of dicts and lists that are looked into: {"models": {"generator": {"state_dict": ...}}} has three. */
export const DEEPEST = 4;

/** All of a file's value, in its order: Lightning's stand in a list. */
export function* optimizersIn(
  value: TorchValue,
  path: readonly TorchValue[] = [],
): Generator<FoundOptimizer> {
  if (isOptimizer(value)) {
    const groups = (value.get("param_groups") as TorchValue[]).filter(isDict);
    yield { name: path.length === 0 ? "" : pathName(path), state: value.get("state") as TorchDict, groups };
    return;
  }
  if (path.length >= DEEPEST) return;
  for (const [key, item] of containerItems(value)) yield* optimizersIn(item, [...path, key]);
}

/** Options that only one kind of PyTorch's optimizers has, the more telling first. */
const optionMarks: readonly (readonly [option: string, kind: OptimizerKind])[] = [
  ["ns_steps", "Muon"],
  ["ns_coefficients", "Muon"],
  ["adjust_lr_fn", "Muon"],
  ["history_size", "LBFGS"],
  ["beta2_decay", "Adafactor"],
  ["momentum_decay", "NAdam"],
  ["etas", "Rprop"],
  ["lambd", "ASGD"],
  ["lr_decay", "Adagrad"],
  ["rho", "Adadelta"],
  ["centered", "RMSprop"],
  ["dampening", "SGD"],
];

/** Keys of a parameter's state that tell optimizers apart, the more telling first. */
const stateMarks: readonly (readonly [key: string, kind: OptimizerKind])[] = [
  ["max_exp_avg_sq", "Adam (AMSGrad)"],
  ["mu_product", "NAdam"],
  ["exp_inf", "Adamax"],
  ["row_var", "Adafactor"],
  ["acc_delta", "Adadelta"],
  ["exp_avg_sq", "Adam"],
  ["momentum_buffer", "SGD"],
  ["square_avg", "RMSprop"],
  ["sum", "Adagrad"],
  ["exp_avg", "Lion"],
];

/** Undefined when it is like none that is known. */
export function kindOf({ state, groups }: FoundOptimizer): OptimizerKind | undefined {
  const has = (option: string) => groups.some((group) => group.has(option));
  const marked = optionMarks.find(([option]) => has(option))?.[1];
  if (marked !== undefined) return marked;
  const [first] = [...state.values()].filter(isDict);
  const kind = stateMarks.find(([key]) => first?.has(key) === true)?.[1];
  if (kind === undefined && !(first === undefined && has("betas"))) return undefined;
  if (kind !== undefined && kind !== "Adam" && kind !== "Adam (AMSGrad)") return kind;
  // Adam without a state, or with one; AdamW and RAdam keep the same.
  const decoupled = groups.some((group) => group.get("decoupled_weight_decay") === true);
  if (!has("amsgrad") && has("decoupled_weight_decay")) return "RAdam";
  if (groups.some((group) => group.get("amsgrad") === true)) return "Adam (AMSGrad)";
  return decoupled && kind !== "Adam (AMSGrad)" ? "AdamW" : (kind ?? "Adam");
}

/** Whether its memory is Adam's: two moments and a count of updates. */
export function isAdam(kind: OptimizerKind | undefined): boolean {
  return kind === "Adam" || kind === "Adam (AMSGrad)" || kind === "AdamW";
}

/** The number that was meant by a float32: 0.001, not 0.0010000000474974513. */
function asTyped(value: number): number {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].map((count) => Number(value.toPrecision(count)));
  return digits.find((short) => Math.fround(short) === value) ?? value;
}

/** The only element of a tensor; of others undefined. */
async function onlyElement(tensor: TorchTensor): Promise<number | undefined> {
  if (sizeOf(tensor.shape) !== 1 || !isNumeric(tensor.dtype)) return undefined;
  const [number] = numbersOf(tensor.dtype, await tensor.read());
  return number !== undefined && tensor.dtype === "float32" ? asTyped(number) : number;
}

/**
 * Python's number, or a tensor of one: the count of updates since PyTorch 1.12, and a learning rate for torch.compile.
 * @throws TORCH_FILE_INVALID when the tensor is damaged
 */
export async function numberIn(value: TorchValue | undefined): Promise<number | undefined> {
  return isKind(value, "tensor") ? onlyElement(value) : numberOf(value);
}

/** The numbers of a tuple or list, as of `betas`. @throws as numberIn */
export async function numbersIn(value: TorchValue | undefined): Promise<readonly (number | undefined)[]> {
  const items = isKind(value, "tuple") ? value.items : Array.isArray(value) ? value : [];
  return Promise.all(items.map(numberIn));
}

/** Numbers of its parameters, group after group: the order in which it was given them. */
export function parameterKeys({ groups }: FoundOptimizer): readonly TorchValue[] {
  return groups.flatMap((group) => {
    const params = group.get("params");
    return Array.isArray(params) ? params : [];
  });
}

/** The options that all groups are described by: those of the first that hold a number, or a few. @throws as numberIn */
export async function optionsIn({ groups }: FoundOptimizer): Promise<ReadonlyMap<string, number | string>> {
  const options = new Map<string, number | string>();
  for (const [key, value] of groups[0] ?? []) {
    if (typeof key !== "string" || key === "params") continue;
    const number = await numberIn(value);
    const several = await numbersIn(value);
    if (number !== undefined) options.set(key, number);
    else if (several.length > 0 && !several.includes(undefined)) options.set(key, `(${several.join(", ")})`);
    else if (typeof value === "boolean") options.set(key, String(value));
  }
  return options;
}
