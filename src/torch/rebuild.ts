/**
 * The functions of torch by whose names a pickle says how a tensor is made from a storage. Each checks its arguments
 * to the last number: after this, a tensor lies inside its storage and its size is bounded.
 */
import { sizeOf } from "../base/named-arrays.js";
import { dtypeNamed, dtypes, type Dtype } from "./dtypes.js";
import type { CallSite } from "./globals.js";
import { extentOf, tensorOver } from "./tensor.js";
import { isDict, isKind, type TorchTensor, type TorchValue } from "./values.js";

/** torch itself stops at 64. */
const MAX_DIMENSIONS = 64;

/**
 * A view with stride 0 repeats its elements, so it can be larger than its storage without limit. Expanded tensors in
 * checkpoints are small.
 */
const MAX_EXPANDED_BYTES = 16 * 2 ** 20;

/** A size, stride or offset. */
function whole(value: TorchValue | undefined, what: string, site: CallSite): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    site.wrong(`${what} is not a whole number in range`);
  }
  if (value < 0) site.wrong(`${what} is negative`);
  return value;
}

function sizes(value: TorchValue | undefined, what: string, site: CallSite): number[] {
  // torch.Size(...) in place of a tuple is what some versions write.
  const inner = isKind(value, "object") && value.type.name === "Size" ? value.args[0] : value;
  if (!isKind(inner, "tuple")) site.wrong(`the ${what}s are not a tuple`);
  return inner.items.map((item) => whole(item, `a ${what}`, site));
}

function tensorFrom(args: readonly TorchValue[], dtype: Dtype | undefined, site: CallSite): TorchTensor {
  const [storage, offsetValue, sizeValue, strideValue, requiresGrad = false] = args;
  if (!isKind(storage, "storage")) site.wrong("a tensor is made from something that is not a storage");
  if (dtype !== undefined && storage.dtype !== "uint8") site.wrong("a typed tensor over a typed storage");
  const type = dtype ?? storage.dtype;
  const { size } = dtypes[type];
  const bytes = storage.length * dtypes[storage.dtype].size;
  const offset = whole(offsetValue, "the storage offset", site);
  const shape = sizes(sizeValue, "size", site);
  const strides = sizes(strideValue, "stride", site);
  if (shape.length !== strides.length) {
    site.wrong(`${shape.length} sizes, but ${strides.length} strides`);
  }
  if (shape.length > MAX_DIMENSIONS) site.wrong(`${shape.length} dimensions`);
  const elements = sizeOf(shape);
  if (!Number.isSafeInteger(elements)) site.wrong("the sizes multiply to more than there can be");
  if ((offset + extentOf(shape, strides)) * size > bytes) {
    site.wrong(`the tensor reaches beyond its storage of ${bytes} bytes`);
  }
  if (elements * size > Math.max(bytes, MAX_EXPANDED_BYTES)) {
    site.wrong(`the tensor would have ${elements} elements, far more than its storage`);
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
  if (typeof value !== "boolean") site.wrong("requires_grad is not True or False");
  return value;
}

function noHooks(hooks: TorchValue | undefined, site: CallSite): void {
  if (hooks === undefined || hooks === null) return;
  if (!isDict(hooks) || hooks.size > 0) site.unsupported("tensors with backward hooks");
}

/** Metadata: marks that the numbers are still to be conjugated or negated. */
function noMarks(metadata: TorchValue | undefined, site: CallSite): void {
  if (metadata === undefined || metadata === null) return;
  if (!isDict(metadata)) site.wrong("the tensor's metadata is not a dict");
  if ([...metadata.values()].some((mark) => mark !== false)) {
    site.unsupported("tensors that are marked as conjugated or negated");
  }
}

function count(args: readonly TorchValue[], least: number, most: number, site: CallSite): void {
  if (args.length < least || args.length > most)
    site.wrong(`${args.length} arguments for ${site.callee.name}`);
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
  if (dtype === undefined) site.wrong("the tensor's dtype is not a dtype");
  return tensorFrom(args, dtype, site);
}

/** (tensor, requires_grad, hooks) */
export function rebuildParameter(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 3, 3, site);
  const [tensor, requiresGrad, hooks] = args;
  if (!isKind(tensor, "tensor")) site.wrong("a parameter is made from something that is not a tensor");
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
    site.wrong("not a tensor of a type");
  }
  const inside = { ...site, callee };
  const made =
    callee.name === "_rebuild_tensor_v2"
      ? rebuildTensorV2(inner.items, inside)
      : callee.name === "_rebuild_tensor_v3"
        ? rebuildTensorV3(inner.items, inside)
        : callee.name === "_rebuild_parameter"
          ? rebuildParameter(inner.items, inside)
          : site.wrong("not a tensor of a type");
  if (type.name === "Tensor") return made;
  if (type.name === "Parameter") return tensorOver({ ...made, parameter: true });
  return site.wrong("not a tensor of a type");
}
