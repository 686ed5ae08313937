/**
 * The functions of torch by whose names a pickle says how a tensor is made from a storage. Each checks its arguments
 * to the last number: after this, a tensor lies inside its storage and its size is bounded.
 */
import type { TorchProblem } from "../base/torch-problem.js";
import { sizeOf } from "../base/named-arrays.js";
import { dtypeNamed, dtypes, type Dtype } from "./dtypes.js";
import type { CallSite } from "./globals.js";
import { extentOf, tensorOver } from "./tensor.js";
import { isDict, isKind, type TorchTensor, type TorchValue } from "./values.js";

const impossible: TorchProblem = { reason: "tensor" };

/** torch knows two: conj and neg. */
const MAX_MARKS = 8;

/** torch itself stops at 64. */
const MAX_DIMENSIONS = 64;

/**
 * A view with stride 0 repeats its elements, so it can be larger than its storage without limit. Expanded tensors in
 * checkpoints are small.
 */
const MAX_EXPANDED_BYTES = 16 * 2 ** 20;

/** A size, stride or offset. */
function whole(value: TorchValue | undefined, site: CallSite): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) site.wrong(impossible);
  return value;
}

function sizes(value: TorchValue | undefined, site: CallSite): number[] {
  // torch.Size(...) in place of a tuple is what some versions write.
  const inner = isKind(value, "object") && value.type.name === "Size" ? value.args[0] : value;
  if (!isKind(inner, "tuple") || inner.items.length > MAX_DIMENSIONS) site.wrong(impossible);
  return inner.items.map((item) => whole(item, site));
}

function tensorFrom(args: readonly TorchValue[], dtype: Dtype | undefined, site: CallSite): TorchTensor {
  const [storage, offsetValue, sizeValue, strideValue, requiresGrad = false] = args;
  if (!isKind(storage, "storage")) site.wrong(impossible);
  if (dtype !== undefined && storage.dtype !== "uint8") site.wrong(impossible);
  const type = dtype ?? storage.dtype;
  const { size } = dtypes[type];
  const bytes = storage.length * dtypes[storage.dtype].size;
  const offset = whole(offsetValue, site);
  const shape = sizes(sizeValue, site);
  const strides = sizes(strideValue, site);
  const elements = sizeOf(shape);
  if (shape.length !== strides.length || !Number.isSafeInteger(elements)) site.wrong(impossible);
  if ((offset + extentOf(shape, strides)) * size > bytes) site.wrong(impossible);
  if (elements * size > Math.max(bytes, MAX_EXPANDED_BYTES)) {
    site.wrong({ reason: "memory", bytes: elements * size });
  }
  return tensorOver({
    dtype: type,
    shape,
    strides,
    offset,
    storage,
    requiresGrad: truth(requiresGrad, site),
    parameter: false,
  });
}

function truth(value: TorchValue | undefined, site: CallSite): boolean {
  if (typeof value !== "boolean") site.wrong(impossible);
  return value;
}

function noHooks(hooks: TorchValue | undefined, site: CallSite): void {
  if (hooks === undefined || hooks === null) return;
  if (!isDict(hooks) || hooks.size > 0) site.unsupported({ feature: "hooks" });
}

/** Metadata: marks that the numbers are still to be conjugated or negated. */
function noMarks(metadata: TorchValue | undefined, site: CallSite): void {
  if (metadata === undefined || metadata === null) return;
  if (!isDict(metadata)) site.wrong(impossible);
  const unmarked = metadata.size <= MAX_MARKS && [...metadata.values()].every((mark) => mark === false);
  if (!unmarked) site.unsupported({ feature: "marked-tensors" });
}

function count(args: readonly TorchValue[], least: number, most: number, site: CallSite): void {
  if (args.length < least || args.length > most) site.wrong(impossible);
}

/** (storage, offset, size, stride) */
export function rebuildTensor(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 4, 4, site);
  return tensorFrom(args, undefined, site);
}

/** (storage, offset, size, stride, requires_grad, hooks, metadata?) */
export function rebuildTensorV2(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 6, 7, site);
  noHooks(args[5], site);
  noMarks(args[6], site);
  return tensorFrom(args, undefined, site);
}

/** (untyped storage, offset, size, stride, requires_grad, hooks, dtype, metadata?) */
export function rebuildTensorV3(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 7, 8, site);
  noHooks(args[5], site);
  noMarks(args[7], site);
  const type = args[6];
  const dtype = isKind(type, "global") && type.module === "torch" ? dtypeNamed(type.name) : undefined;
  if (dtype === undefined) site.wrong(impossible);
  return tensorFrom(args, dtype, site);
}

/** (tensor, requires_grad, hooks) */
export function rebuildParameter(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 3, 3, site);
  const [tensor, requiresGrad, hooks] = args;
  if (!isKind(tensor, "tensor")) site.wrong(impossible);
  noHooks(hooks, site);
  return tensorOver({ ...tensor, requiresGrad: truth(requiresGrad, site), parameter: true });
}

/** (tensor, requires_grad, hooks, state): the state is Python attributes, which are let go. */
export function rebuildParameterWithState(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 4, 4, site);
  return rebuildParameter(args.slice(0, 3), site);
}

/** (function, type, arguments, state): a tensor with Python attributes, which are let go. */
export function rebuildFromType(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 4, 4, site);
  const [callee, type, inner] = args;
  if (!isKind(callee, "global") || !isKind(type, "global") || !isKind(inner, "tuple")) {
    site.wrong(impossible);
  }
  const inside = { ...site, callee };
  const made =
    callee.name === "_rebuild_tensor_v2"
      ? rebuildTensorV2(inner.items, inside)
      : callee.name === "_rebuild_tensor_v3"
        ? rebuildTensorV3(inner.items, inside)
        : callee.name === "_rebuild_parameter"
          ? rebuildParameter(inner.items, inside)
          : site.wrong(impossible);
  if (type.name === "Tensor") return made;
  if (type.name === "Parameter") return tensorOver({ ...made, parameter: true });
  return site.wrong(impossible);
}
