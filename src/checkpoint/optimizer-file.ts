/**
 * The optimizer of one network in a checkpoint's value. PyTorch numbers its parameters; which is which follows from the
 * order of the network's, and the shapes of what it remembers must agree.
 */
import type { NamedArray } from "../base/named-arrays.js";
import {
  isAdam,
  isDict,
  isKind,
  kindOf,
  numberIn,
  numbersIn,
  optimizersIn,
  optionsIn,
  parameterKeys,
  type FoundOptimizer,
  type TorchDict,
  type TorchValue,
} from "../torch/index.js";
import type { AdamEntry, AdamOptions, AdamState, ImportedOptimizer } from "./checkpoint.js";
import { readArray } from "./tensor-array.js";

/** The network that an optimizer is looked for. */
interface Network {
  /** Names in the optimizer's order. */
  readonly parameters: readonly string[];
  readonly stateDict: ReadonlyMap<string, NamedArray>;
  /** What its names began with. */
  readonly prefix: string;
}

/** What a parameter's state holds in the parameter's shape, of whichever optimizer. */
const shaped = [
  "exp_avg",
  "exp_avg_sq",
  "max_exp_avg_sq",
  "exp_inf",
  "momentum_buffer",
  "square_avg",
  "sum",
  "acc_delta",
];

/** Each parameter's name and state; undefined when it is not this network's optimizer. */
function statesOf(optimizer: FoundOptimizer, network: Network): ReadonlyMap<string, TorchDict> | undefined {
  const keys = parameterKeys(optimizer);
  const { stateDict } = network;
  const names = ownNames(optimizer, network) ?? network.parameters;
  if (keys.length !== network.parameters.length || names.length !== keys.length) return undefined;
  const states = new Map<string, TorchDict>();
  for (const [position, key] of keys.entries()) {
    const state = optimizer.state.get(typeof key === "bigint" ? Number(key) : key);
    if (state === undefined) continue;
    const shape = stateDict.get(names[position]!)!.shape.join();
    const fits = (value: TorchValue | undefined) => !isKind(value, "tensor") || value.shape.join() === shape;
    if (!isDict(state) || !shaped.every((role) => fits(state.get(role)))) return undefined;
    states.set(names[position]!, state);
  }
  return states;
}

/** The names that PyTorch 2.6 and later note where the optimizer was given them. */
function ownNames({ groups }: FoundOptimizer, { stateDict, prefix }: Network): readonly string[] | undefined {
  const names = groups.flatMap((group) => {
    const own = group.get("param_names");
    return Array.isArray(own) ? own : [undefined];
  });
  const plain = names.map((name) => {
    if (typeof name !== "string") return "";
    return stateDict.has(name) || !name.startsWith(prefix) ? name : name.slice(prefix.length);
  });
  return plain.length > 0 && plain.every((name) => stateDict.has(name)) ? plain : undefined;
}

/**
 * The optimizer of a network: of several, the only one whose parameters are the network's.
 * @returns nothing when there is none at all; `adam` only when it is Adam, and fits
 * @throws TORCH_FILE_INVALID a damaged tensor; TORCH_FILE_UNSUPPORTED numbers that float32 cannot stand for
 */
export async function readOptimizer(
  value: TorchValue,
  network: Network,
  file: string,
): Promise<{ readonly adam: AdamState | undefined; readonly optimizer: ImportedOptimizer | undefined }> {
  const found = [...optimizersIn(value)].map((one) => ({ one, states: statesOf(one, network) }));
  const fitting = found.filter(({ states }) => states !== undefined);
  const { one, states } = fitting[0] ?? found[0] ?? {};
  if (one === undefined) return { adam: undefined, optimizer: undefined };
  const kind = kindOf(one);
  const options = await optionsIn(one);
  const about = { kind, options };
  if (fitting.length > 1)
    return { adam: undefined, optimizer: { ...about, left: "several", trained: [], steps: 0 } };
  const steps = await stepsIn(states ?? one.state);
  const known = { ...about, trained: [...(states?.keys() ?? [])], steps };
  if (!isAdam(kind)) return { adam: undefined, optimizer: { ...known, left: "kind" } };
  const adam = states === undefined ? undefined : await readAdam(one, states, file);
  return { adam, optimizer: { ...known, left: adam === undefined ? "fit" : undefined } };
}

async function stepsIn(states: ReadonlyMap<TorchValue, TorchValue>): Promise<number> {
  let most = 0;
  for (const state of states.values())
    most = Math.max(most, (isDict(state) ? await numberIn(state.get("step")) : undefined) ?? 0);
  return most;
}

async function readAdam(
  { groups }: FoundOptimizer,
  states: ReadonlyMap<string, TorchDict>,
  file: string,
): Promise<AdamState | undefined> {
  const options = groups[0] === undefined ? undefined : await readOptions(groups[0]);
  if (options === undefined) return undefined;
  const entries = new Map<string, AdamEntry>();
  for (const [name, state] of states) {
    const entry = await readEntry(state, file, name);
    if (entry === undefined) return undefined;
    entries.set(name, entry);
  }
  return { options, entries };
}

async function readOptions(group: TorchDict): Promise<AdamOptions | undefined> {
  const lr = await numberIn(group.get("lr"));
  const eps = await numberIn(group.get("eps"));
  const [beta1, beta2] = await numbersIn(group.get("betas"));
  if (lr === undefined || eps === undefined || beta1 === undefined || beta2 === undefined) return undefined;
  return { lr, betas: [beta1, beta2], eps };
}

async function readEntry(state: TorchDict, file: string, name: string): Promise<AdamEntry | undefined> {
  const [expAvg, expAvgSq] = [state.get("exp_avg"), state.get("exp_avg_sq")];
  if (!isKind(expAvg, "tensor") || !isKind(expAvgSq, "tensor")) return undefined;
  // PyTorch before 1.12 wrote a Python int.
  const step = await numberIn(state.get("step"));
  if (step === undefined) return undefined;
  return {
    step,
    expAvg: await readArray(expAvg, file, `exp_avg of ${name}`),
    expAvgSq: await readArray(expAvgSq, file, `exp_avg_sq of ${name}`),
  };
}
