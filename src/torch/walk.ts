/** Finding tensors in values. */
import { isKind, numberOf, type TorchTensor, type TorchValue } from "./values.js";

/** Keys from the top: of a dict its keys, of a list or tuple the index. */
export type TensorPath = readonly TorchValue[];

/** What a value holds directly, with the key that leads to it; keys of dicts are not followed. */
function* itemsOf(value: TorchValue): Iterable<[key: TorchValue, item: TorchValue]> {
  if (value instanceof Map) yield* value;
  else if (Array.isArray(value)) yield* value.entries();
  else if (isKind(value, "tuple")) yield* value.items.entries();
  else if (isKind(value, "object") && value.state !== undefined) yield ["state", value.state];
}

/**
 * Every tensor with the keys that lead to it, depth first, in order.
 * REQUIRES: no value contains itself (a file's value never does: that is refused)
 */
export function* tensorsIn(
  value: TorchValue,
  path: TensorPath = [],
): Generator<[path: TensorPath, tensor: TorchTensor]> {
  if (isKind(value, "tensor")) yield [path, value];
  else for (const [key, item] of itemsOf(value)) yield* tensorsIn(item, [...path, key]);
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
