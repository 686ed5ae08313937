/** Finding tensors in values. */
import type { TorchTensor, TorchValue } from "./values.js";
import { isKind } from "./values.js";

/** Keys from the top: of a dict its keys, of a list or tuple the index. */
export type TensorPath = readonly TorchValue[];

/** What a value holds directly, with the key that leads to it; keys of dicts are not followed. */
function* itemsOf(value: TorchValue): Iterable<[key: TorchValue, item: TorchValue]> {
  if (value instanceof Map) yield* value;
  else if (Array.isArray(value)) yield* value.entries();
  else if (isKind(value, "tuple")) yield* value.items.entries();
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
