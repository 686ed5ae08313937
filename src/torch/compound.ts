/**
 * Tensors that are no view of one storage, made as the functions of torch make them whose names stand in a pickle: sparse, nested
 * and distributed ones, those without numbers, those of types that are not known. They are shown by their parts. Nothing is
 * computed, so what an index in a sparse tensor points at does not matter.
 */
import { sizeOf } from "../base/named-arrays.js";
import { count, dtypeName, impossible, noHooks, plainTensor, sizes, truth, whole } from "./arguments.js";
import { dtypes, isPacked } from "./dtypes.js";
import type { CallSite } from "./globals.js";
import { extentOf, rowMajorStrides, tensorOver } from "./tensor.js";
import {
  isDict,
  isKind,
  numberOf,
  type CompoundLayout,
  type CompoundTensor,
  type Quantisation,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
} from "./values.js";

/** A nested tensor's parts may lie over each other, so they could be larger than their buffer without limit. */
const MAX_OVERLAPPING_BYTES = 16 * 2 ** 20;

type Given = Pick<CompoundTensor, "layout" | "dtype" | "shape" | "sources"> & Partial<CompoundTensor>;

function compound(given: Given): CompoundTensor {
  const parts = () => Promise.resolve(given.sources);
  return { requiresGrad: false, parameter: false, facts: {}, parts, ...given, kind: "compound" };
}

/** The same as a torch.nn.Parameter. */
export function compoundParameter(tensor: CompoundTensor, requiresGrad: boolean): CompoundTensor {
  return { ...tensor, parameter: true, requiresGrad };
}

/** The bytes of a storage as they are. */
function bytesOf(storage: TorchStorage): TorchTensor {
  const shape = [storage.length * dtypes[storage.dtype].size];
  // A big-endian file's words would have been turned around by their own type's size.
  const plain: TorchStorage = { ...storage, dtype: "uint8", length: shape[0]! };
  const strides = rowMajorStrides(shape);
  return tensorOver({
    dtype: "uint8",
    shape,
    strides,
    offset: 0,
    storage: plain,
    requiresGrad: false,
    parameter: false,
  });
}

/** A view whose elements are of a type that is not known, or packed: only its storage can be shown. */
export function opaqueView(
  layout: CompoundLayout & ("unknown-type" | "packed"),
  dtype: string,
  storage: TorchStorage,
  shape: readonly number[],
  requiresGrad: boolean,
): CompoundTensor {
  return compound({ layout, dtype, shape, requiresGrad, sources: new Map([["storage", bytesOf(storage)]]) });
}

const sparseLayouts = ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"] as const;

/** (layout, (indices, values, size, is_coalesced?)) or (layout, (compressed indices, plain indices, values, size)) */
export function rebuildSparse(args: readonly TorchValue[], site: CallSite): CompoundTensor {
  count(args, 2, 2, site);
  const [layoutValue, data] = args;
  const named = isKind(layoutValue, "object") ? layoutValue.args[0] : undefined;
  const layout = sparseLayouts.find((name) => named === `torch.${name}`);
  if (!isKind(data, "tuple")) site.wrong(impossible);
  if (layout === undefined)
    site.unsupported({ feature: "layout", layout: typeof named === "string" ? named : "" });
  if (layout === "sparse_coo") {
    count(data.items, 3, 4, site);
    const [indices, values, size, coalesced = null] = data.items;
    const sources = new Map([["indices", plainTensor(indices, site)], ["values", plainTensor(values, site)]]); // prettier-ignore
    const facts = coalesced === null ? {} : { coalesced: truth(coalesced, site) };
    return sparse(layout, sources, sizes(size, site), facts);
  }
  count(data.items, 4, 4, site);
  const [compressed, plain, values, size] = data.items;
  const rows = layout === "sparse_csr" || layout === "sparse_bsr";
  const sources = new Map([
    [rows ? "crow_indices" : "ccol_indices", plainTensor(compressed, site)],
    [rows ? "col_indices" : "row_indices", plainTensor(plain, site)],
    ["values", plainTensor(values, site)],
  ]);
  return sparse(layout, sources, sizes(size, site), {});
}

function sparse(
  layout: CompoundLayout,
  sources: ReadonlyMap<string, TorchTensor>,
  shape: readonly number[],
  facts: CompoundTensor["facts"],
): CompoundTensor {
  const { dtype, requiresGrad } = sources.get("values")!;
  return compound({ layout, dtype, shape, requiresGrad, facts, sources });
}

/** (buffer, sizes, strides, storage offsets): which tensors there are in the buffer stands in the numbers of the other three. */
export function rebuildNested(args: readonly TorchValue[], site: CallSite): CompoundTensor {
  count(args, 4, 4, site);
  const [buffer, shapes, steps, offsets] = args.map((value) => plainTensor(value, site));
  const sources = new Map([["buffer", buffer!], ["sizes", shapes!], ["strides", steps!], ["storage_offsets", offsets!]]); // prettier-ignore
  const { dtype, requiresGrad } = buffer!;
  const parts = () => insideNested(buffer!, [shapes!, steps!, offsets!], site);
  return compound({ layout: "nested", dtype, shape: undefined, requiresGrad, sources, parts });
}

async function insideNested(
  buffer: TorchTensor,
  layout: readonly TorchTensor[],
  site: CallSite,
): Promise<Map<string, TorchTensor>> {
  const [rows = 0, dimensions = 0] = layout[0]!.shape;
  const expected = [[rows, dimensions], [rows, dimensions], [rows]];
  const fits = layout.every(
    ({ dtype, shape }, i) => dtype === "int64" && String(shape) === String(expected[i]),
  );
  // Each of the tensors has an offset of its own in the file, so there are not more of them than the file is long.
  if (!fits || buffer.shape.length > 1 || rows > layout[2]!.storage.length) site.wrong(impossible);
  const [shapes, steps, offsets] = await Promise.all(
    layout.map(async (tensor) => Array.from((await tensor.read()) as BigInt64Array, Number)),
  );
  const { size } = dtypes[buffer.dtype];
  const available = sizeOf(buffer.shape);
  const parts = new Map<string, TorchTensor>();
  let bytes = 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * dimensions, (row + 1) * dimensions];
    const shape = shapes!.slice(from, to).map((number) => whole(number, site));
    const strides = steps!.slice(from, to).map((number) => whole(number, site));
    const offset = whole(offsets![row], site);
    bytes += sizeOf(shape) * size;
    if (offset + extentOf(shape, strides) > available) site.wrong(impossible);
    if (bytes > Math.max(available * size, MAX_OVERLAPPING_BYTES)) site.wrong({ reason: "memory", bytes });
    parts.set(String(row), tensorOver({ ...buffer, shape, strides, offset: buffer.offset + offset }));
  }
  return parts;
}

/** (dtype, size, stride, requires_grad): a tensor on the device "meta", which has no numbers. */
export function rebuildMeta(args: readonly TorchValue[], site: CallSite): CompoundTensor {
  count(args, 4, 4, site);
  const [dtype, size, , requiresGrad] = args;
  return compound({
    layout: "meta",
    dtype: dtypeName(dtype, site),
    shape: sizes(size, site),
    requiresGrad: truth(requiresGrad, site),
    sources: new Map(),
  });
}

/** (tensor, dtype, device, requires_grad): how tensors of rarer devices are saved. */
export function rebuildFromHost(args: readonly TorchValue[], site: CallSite): TorchTensor {
  count(args, 4, 4, site);
  const tensor = plainTensor(args[0], site);
  if (dtypeName(args[1], site) !== tensor.dtype) site.wrong(impossible);
  return tensorOver({ ...tensor, requiresGrad: truth(args[3], site) });
}

/** (class, dtype, size, stride, storage offset, layout, device, requires_grad) and {_local_tensor, _spec}: a DTensor. */
export function distributed(
  args: readonly TorchValue[],
  state: TorchValue | undefined,
  site: CallSite,
): CompoundTensor {
  count(args, 8, 8, site);
  const [, dtype, size, , , , , requiresGrad] = args;
  // Python gives a class with __slots__ two dicts of attributes, of which the first may be None.
  const attributes = (isKind(state, "tuple") ? state.items : [state]).find(
    (part) => isDict(part) && part.has("_spec"),
  );
  if (!isDict(attributes)) site.wrong(impossible);
  const spec = attributes.get("_spec");
  const placements = isKind(spec, "object") && isDict(spec.state) ? spec.state.get("placements") : undefined;
  return compound({
    layout: "distributed",
    dtype: dtypeName(dtype, site),
    shape: sizes(size, site),
    requiresGrad: truth(requiresGrad, site),
    facts: isKind(placements, "tuple") ? { placements: placements.items.map(placementText) } : {},
    sources: new Map([["local", plainTensor(attributes.get("_local_tensor"), site)]]),
  });
}

/** As torch writes them: S(0), R, P(sum). */
function placementText(placement: TorchValue): string {
  if (!isKind(placement, "object")) return "?";
  const { type, state } = placement;
  const fact = (name: string) => {
    const value = isDict(state) ? state.get(name) : undefined;
    return typeof value === "string" ? value : String(numberOf(value) ?? "?");
  };
  if (type.name === "Shard") return `S(${fact("dim")})`;
  if (type.name === "_StridedShard") return `_S(${fact("dim")}, ${fact("split_factor")})`;
  return type.name === "Replicate" ? "R" : `P(${fact("reduce_op")})`;
}

/** (storage, offset, size, stride, (scheme, ...), requires_grad, hooks) */
export function rebuildQuantised(args: readonly TorchValue[], site: CallSite): TorchTensor | CompoundTensor {
  count(args, 7, 7, site);
  const [storage, offsetValue, size, stride, parameters, requiresGradValue, hooks] = args;
  if (!isKind(storage, "storage") || !isKind(parameters, "tuple")) site.wrong(impossible);
  noHooks(hooks, site);
  const [shape, strides] = [sizes(size, site), sizes(stride, site)];
  const requiresGrad = truth(requiresGradValue, site);
  const quantisation = quantisationOf(parameters.items, site);
  const { dtype } = storage;
  if (isPacked(dtype)) return opaqueView("packed", dtype, storage, shape, requiresGrad);
  const offset = whole(offsetValue, site);
  const fits = shape.length === strides.length && offset + extentOf(shape, strides) <= storage.length;
  if (!/^qu?int\d/.test(dtype) || !fits) site.wrong(impossible);
  const bytes = sizeOf(shape) * dtypes[dtype].size;
  if (bytes > storage.length * dtypes[dtype].size) site.wrong({ reason: "memory", bytes });
  return tensorOver({ dtype, shape, strides, offset, storage, requiresGrad, parameter: false, quantisation });
}

/** (per_tensor_affine, scale, zero point) or (per_channel_affine, scales, zero points, axis) */
function quantisationOf(parameters: readonly TorchValue[], site: CallSite): Quantisation {
  const [scheme, first, second, axis] = parameters;
  if (!isKind(scheme, "global") || !/^per_/.test(scheme.name)) site.wrong(impossible);
  if (axis === undefined) {
    const [scale, zeroPoint] = [numberOf(first), numberOf(second)];
    if (scale === undefined || zeroPoint === undefined) site.wrong(impossible);
    return { scheme: scheme.name, scale, zeroPoint };
  }
  const [scales, zeroPoints] = [plainTensor(first, site), plainTensor(second, site)];
  return { scheme: scheme.name, axis: whole(axis, site), scales, zeroPoints };
}
