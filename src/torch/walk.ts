/** Finding tensors in values. */
import {
  isDict,
  isKind,
  numberOf,
  type CompoundTensor,
  type TorchDict,
  type TorchTensor,
  type TorchValue,
} from "./values.js";

/** Keys from the top: of a dict its keys, of a list or tuple the index, of an object the names of its attributes. */
export type TensorPath = readonly TorchValue[];

/** What a dict, a list or a tuple holds, with the key or index that leads to it; nothing of any other value. */
export function* containerItems(value: TorchValue): Iterable<[key: TorchValue, item: TorchValue]> {
  if (isDict(value)) yield* value;
  else if (Array.isArray(value)) yield* value.entries();
  else if (isKind(value, "tuple")) yield* value.items.entries();
}

/** What a value holds directly, with the key that leads to it; keys of dicts are not followed. */
function* itemsOf(value: TorchValue): Iterable<[key: TorchValue, item: TorchValue]> {
  yield* containerItems(value);
  if (value instanceof Set) yield* [...value].entries();
  else if (isKind(value, "object")) {
    yield* value.args.entries();
    yield* (value.items ?? []).entries();
    yield* value.entries ?? [];
    for (const part of isKind(value.state, "tuple") ? value.state.items : [value.state])
      yield* attributesIn(part);
  }
}

/** Where a module keeps what its state_dict has under the module's own name. */
const parts = ["_parameters", "_buffers", "_modules"];

/** What an object was given by BUILD: its attributes by name; a module's as its state_dict names them. */
function* attributesIn(state: TorchValue | undefined): Iterable<[key: TorchValue, item: TorchValue]> {
  if (state === undefined || state === null) return;
  if (!isDict(state)) {
    yield ["state", state];
    return;
  }
  const isModule = parts.every((part) => isDict(state.get(part)));
  for (const [key, item] of state) {
    if (isModule && parts.includes(key as string)) yield* item as TorchDict;
    else yield [key, item];
  }
}

/**
 * Every tensor with the keys that lead to it, depth first, in order.
 * REQUIRES: no value contains itself (a file's value never does: that is refused)
 */
export function* tensorsIn(
  value: TorchValue,
  path: TensorPath = [],
): Generator<[path: TensorPath, tensor: TorchTensor]> {
  for (const found of allTensorsIn(value, path)) if (found[1].kind === "tensor") yield [found[0], found[1]];
}

/** The same with the tensors that are more than a view of one storage. REQUIRES: as tensorsIn */
export function* allTensorsIn(
  value: TorchValue,
  path: TensorPath = [],
): Generator<[path: TensorPath, tensor: TorchTensor | CompoundTensor]> {
  if (isKind(value, "tensor") || isKind(value, "compound")) yield [path, value];
  else for (const [key, item] of itemsOf(value)) yield* allTensorsIn(item, [...path, key]);
}

/** A path as people write it: state_dict.initial.0.weight; "tensor" for one that stands alone. */
export function pathName(path: TensorPath): string {
  return path.length === 0 ? "tensor" : path.map(keyName).join(".");
}

function keyName(key: TorchValue): string {
  if (typeof key === "string") return key;
  if (isKind(key, "tuple")) return `(${key.items.map(keyName).join(", ")})`;
  const number = numberOf(key);
  if (number !== undefined) return String(typeof key === "bigint" ? key : number);
  if (isKind(key, "global")) return `${key.module}.${key.name}`;
  return key === null ? "None" : key === true ? "True" : key === false ? "False" : "?";
}
