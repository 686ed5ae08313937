/** Finding the weights in what users save: bare, wrapped under one of the usual keys, or from nn.DataParallel. */
import { isDict, isKind, type TorchTensor, type TorchValue } from "./values.js";

/** Keys under which training scripts put the state_dict of their model, the likelier first. */
const usualKeys = ["state_dict", "model_state_dict", "model", "module", "net", "weights"];

const PARALLEL = "module.";

export interface FoundStateDict {
  /** Key of the top dict; undefined for a bare state_dict. */
  readonly key: string | undefined;
  /** By name, in order; without the "module." that nn.DataParallel puts before every name. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Whether the names had that prefix. */
  readonly parallel: boolean;
}

/** A state_dict: names to tensors, at least one, and nothing else. */
function asStateDict(value: TorchValue | undefined, key: string | undefined): FoundStateDict | undefined {
  if (!isDict(value) || value.size === 0) return undefined;
  const tensors = new Map<string, TorchTensor>();
  for (const [name, tensor] of value) {
    if (typeof name !== "string" || !isKind(tensor, "tensor")) return undefined;
    tensors.set(name, tensor);
  }
  const parallel = [...tensors.keys()].every((name) => name.startsWith(PARALLEL));
  if (!parallel) return { key, tensors, parallel };
  return {
    key,
    parallel,
    tensors: new Map([...tensors].map(([name, t]) => [name.slice(PARALLEL.length), t])),
  };
}

/** The state_dict of a file's value: the value itself, or what stands under a usual key; undefined when there is none. */
export function findStateDict(value: TorchValue): FoundStateDict | undefined {
  const bare = asStateDict(value, undefined);
  if (bare !== undefined || !isDict(value)) return bare;
  for (const key of usualKeys) {
    const found = asStateDict(value.get(key), key);
    if (found !== undefined) return found;
  }
  return undefined;
}
