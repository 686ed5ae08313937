/**
 * The functions of torch by whose names a pickle says how a tensor is made from a storage. Each checks its arguments
 * to the last number: after this, a tensor lies inside its storage and its size is bounded.
 */
import { sizeOf } from "../base/named-arrays.js";
import {
  count,
  dtypeName,
  impossible,
  marks,
  noHooks,
  plainDtype,
  sizes,
  takesMarks,
  truth,
  whole,
} from "./arguments.js";
import { compoundParameter, distributed, opaqueView } from "./compound.js";
import { dtypes, isPacked } from "./dtypes.js";
import type { CallSite } from "./globals.js";
import { extentOf, tensorOver, type View } from "./tensor.js";
import {
  isKind,
  type CompoundTensor,
  type TorchGlobal,
  type TorchTensor,
  type TorchValue,
} from "./values.js";

/** What a call to one of these makes. */
type Made = TorchTensor | CompoundTensor;

/**
 * A view with stride 0 repeats its elements, so it can be larger than its storage without limit. Expanded tensors in
 * checkpoints are small.
 */
const MAX_EXPANDED_BYTES = 16 * 2 ** 20;

type Marks = Pick<View, "conj" | "neg">;

/** @param named the type of the elements, where the storage does not say it */
function tensorFrom(
  args: readonly TorchValue[],
  named: string | undefined,
  site: CallSite,
  marked: Marks = {},
): Made {
  const [storage, offsetValue, sizeValue, strideValue, requiresGradValue = false] = args;
  if (!isKind(storage, "storage")) site.wrong(impossible);
  if (named !== undefined && storage.dtype !== "uint8") site.wrong(impossible);
  const offset = whole(offsetValue, site);
  const shape = sizes(sizeValue, site);
  const strides = sizes(strideValue, site);
  const requiresGrad = truth(requiresGradValue, site);
  const elements = sizeOf(shape);
  if (shape.length !== strides.length || !Number.isSafeInteger(elements)) site.wrong(impossible);
  const name = named ?? storage.dtype;
  const dtype = plainDtype(name);
  if (dtype === undefined) {
    const layout = isPacked(storage.dtype) ? "packed" : "unknown-type";
    return opaqueView(layout, name, storage, shape, requiresGrad);
  }
  if (!takesMarks(dtype, marked)) site.unsupported({ feature: "marked-tensors" });
  const { size } = dtypes[dtype];
  const bytes = storage.length * dtypes[storage.dtype].size;
  if ((offset + extentOf(shape, strides)) * size > bytes) site.wrong(impossible);
  if (elements * size > Math.max(bytes, MAX_EXPANDED_BYTES)) {
    site.wrong({ reason: "memory", bytes: elements * size });
  }
  return tensorOver({ dtype, shape, strides, offset, storage, requiresGrad, parameter: false, ...marked });
}

/** (storage, offset, size, stride) */
export function rebuildTensor(args: readonly TorchValue[], site: CallSite): Made {
  count(args, 4, 4, site);
  return tensorFrom(args, undefined, site);
}

/** (storage, offset, size, stride, requires_grad, hooks, metadata?) */
export function rebuildTensorV2(args: readonly TorchValue[], site: CallSite): Made {
  count(args, 6, 7, site);
  noHooks(args[5], site);
  return tensorFrom(args, undefined, site, marks(args[6], site));
}

/** (untyped storage, offset, size, stride, requires_grad, hooks, dtype, metadata?) */
export function rebuildTensorV3(args: readonly TorchValue[], site: CallSite): Made {
  count(args, 7, 8, site);
  noHooks(args[5], site);
  return tensorFrom(args, dtypeName(args[6], site), site, marks(args[7], site));
}

/** (tensor, requires_grad, hooks) */
export function rebuildParameter(args: readonly TorchValue[], site: CallSite): Made {
  count(args, 3, 3, site);
  const [tensor, requiresGradValue, hooks] = args;
  noHooks(hooks, site);
  const requiresGrad = truth(requiresGradValue, site);
  if (isKind(tensor, "compound")) return compoundParameter(tensor, requiresGrad);
  if (!isKind(tensor, "tensor")) site.wrong(impossible);
  return tensorOver({ ...tensor, requiresGrad, parameter: true });
}

/** (tensor, requires_grad, hooks, state): the state is Python attributes, which are let go. */
export function rebuildParameterWithState(args: readonly TorchValue[], site: CallSite): Made {
  count(args, 4, 4, site);
  return rebuildParameter(args.slice(0, 3), site);
}

const inner = new Map<string, (args: readonly TorchValue[], site: CallSite) => Made>([
  ["_rebuild_tensor_v2", rebuildTensorV2],
  ["_rebuild_tensor_v3", rebuildTensorV3],
  ["_rebuild_parameter", rebuildParameter],
]);

/** (function, type, arguments, state): a tensor of a class of its own, or with Python attributes, which are let go. */
export function rebuildFromType(args: readonly TorchValue[], site: CallSite): TorchValue {
  count(args, 4, 4, site);
  const [callee, type, given, state] = args;
  if (!isKind(callee, "global") || !isKind(type, "global") || !isKind(given, "tuple")) {
    site.wrong(impossible);
  }
  const inside = { ...site, callee };
  const run = callee.module === "torch._utils" ? inner.get(callee.name) : undefined;
  if (run !== undefined) return asClass(run(given.items, inside), type, site);
  if (callee.name === "_rebuild_wrapper_subclass" && type.name === "DTensor") {
    return distributed(given.items, state, inside);
  }
  // Only where names that are not known are taken: what the function would do with these is not known either.
  if (site.isAllowed(type) && site.isAllowed(callee)) site.wrong(impossible);
  return { kind: "object", type, args: given.items, ...(state === undefined ? {} : { state }) };
}

function asClass(made: Made, type: TorchGlobal, site: CallSite): Made {
  if (type.module === "torch" && type.name === "Tensor") return made;
  if (type.module === "torch.nn.parameter" && type.name === "Buffer") return made;
  const isParameter = type.module === "torch.nn.parameter" && type.name === "Parameter";
  if (!isParameter && site.isAllowed(type)) site.wrong(impossible);
  if (made.kind === "compound") return isParameter ? compoundParameter(made, made.requiresGrad) : made;
  return tensorOver({ ...made, ...(isParameter ? { parameter: true } : { subclass: type }) });
}
