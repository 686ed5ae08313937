/** What is said of each tensor of a file: its type, shape and place, and on request its digest and statistics. */
import { sizeOf } from "../base/named-arrays.js";
import { dtypes } from "./dtypes.js";
import { digestOf } from "./element-digest.js";
import type { JsonObject } from "./json.js";
import { isNumeric, numbersOf } from "./numbers.js";
import { piecesOf } from "./pieces.js";
import { isContiguous } from "./tensor.js";
import type { TorchFile } from "./torch-read.js";
import type { CompoundTensor, Quantisation, TorchTensor } from "./values.js";
import { pathName } from "./walk.js";

export interface TensorStatistics {
  /** Over the elements that are finite numbers; null when there are none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly nan: number;
  readonly infinite: number;
}

export interface TensorDescription {
  /** Keys joined by dots. */
  readonly name: string;
  /** Its name in torch, also of a type that is not known here. */
  readonly dtype: string;
  /** null for a nested tensor, which has none: see its parts. */
  readonly shape: readonly number[] | null;
  readonly elements: number;
  /** Of its elements; of a tensor in parts, of these together. */
  readonly bytes: number;
  /** SHA-256 of the row-major little-endian bytes, and how many numbers are NaN: see ElementDigest. Only when asked for. */
  readonly sha256?: string;
  readonly nan?: number;
  /** Name of the first tensor over the same storage, when it is another one. */
  readonly shares?: string;
  /** Only where it is not row-major. */
  readonly strides?: readonly number[];
  readonly requiresGrad?: true;
  readonly parameter?: true;
  /** The storage holds the numbers before this; everything here is said of those after it. */
  readonly conj?: true;
  readonly neg?: true;
  readonly quantised?: JsonObject;
  /** The class, when it is one of the user's own. */
  readonly type?: string;
  /** Of a tensor that is no view of one storage, torch's word for it: see CompoundTensor. */
  readonly layout?: CompoundTensor["layout"];
  readonly coalesced?: boolean;
  /** Of the whole tensor, on the processes that each have a part. */
  readonly placements?: readonly string[];
  readonly parts?: readonly TensorDescription[];
  /** Where it was, when not on the CPU: "cuda:0". */
  readonly location?: string;
  /** Only when asked for, and only for types that are numbers. */
  readonly statistics?: TensorStatistics;
}

export interface DescribeOptions {
  /** Also min, max, mean, NaN and infinite elements of each tensor: reads all data. */
  readonly stats?: boolean;
  /** Also the SHA-256 and the NaN of each tensor: reads all data. */
  readonly digests?: boolean;
}

interface Described {
  readonly tensors: readonly TensorDescription[];
  readonly names: ReadonlyMap<TorchTensor | CompoundTensor, string>;
  /** Of the distinct storages. */
  readonly storages: { readonly count: number; readonly bytes: number };
  /** Elements that are NaN or infinite, when statistics were asked for. */
  readonly nonFinite: number | undefined;
}

/** Every tensor that was found in a file. @throws TORCH_FILE_INVALID when data that is read is damaged */
export async function describeTensors(
  found: ReturnType<TorchFile["allTensors"]>,
  options: DescribeOptions,
): Promise<Described> {
  const tensors: TensorDescription[] = [];
  const names = new Map<TorchTensor | CompoundTensor, string>();
  const firstOver = new Map<object, string>();
  const storages = new Map<object, number>();
  const figuresOf = figuresOnce(options);
  const count = ({ storage }: TorchTensor) =>
    storages.set(storage.identity, storage.length * dtypes[storage.dtype].size);
  for (const [path, tensor] of found) {
    const name = pathName(path);
    if (!names.has(tensor)) names.set(tensor, name);
    if (tensor.kind === "compound") {
      for (const source of tensor.sources.values()) count(source);
      tensors.push(await describeCompound(name, tensor, options));
      continue;
    }
    count(tensor);
    const { identity } = tensor.storage;
    const shares = firstOver.get(identity);
    if (shares === undefined) firstOver.set(identity, name);
    const figures = await figuresOf(tensor);
    const quantised = tensor.quantisation && (await describeQuantisation(tensor.quantisation, options));
    tensors.push({ ...describeTensor(name, tensor, shares), ...(quantised && { quantised }), ...figures });
  }
  const statistics = figuresOf.statistics();
  return {
    tensors,
    names,
    storages: { count: storages.size, bytes: [...storages.values()].reduce((sum, bytes) => sum + bytes, 0) },
    nonFinite:
      options.stats === true
        ? statistics.reduce((sum, { nan, infinite }) => sum + nan + infinite, 0)
        : undefined,
  };
}

type Figures = Pick<TensorDescription, "statistics" | "sha256" | "nan">;

/** Views of the same numbers are counted once: a weight that stands under two names is one. */
function figuresOnce(options: DescribeOptions) {
  const known = new Map<string, Figures>();
  const identities = new Map<object, number>();
  const figuresOf = async (tensor: TorchTensor): Promise<Figures> => {
    const { storage, dtype, offset, shape, strides, conj, neg } = tensor;
    identities.set(storage.identity, identities.get(storage.identity) ?? identities.size);
    const view = JSON.stringify([identities.get(storage.identity), dtype, offset, shape, strides, conj, neg]);
    const before = known.get(view);
    if (before !== undefined) return before;
    const statistics = options.stats === true ? await statisticsOf(tensor) : undefined;
    const figures = { ...(statistics && { statistics }), ...(await digestIf(options, tensor)) };
    known.set(view, figures);
    return figures;
  };
  const statistics = () => [...known.values()].flatMap(({ statistics: one }) => one ?? []);
  return Object.assign(figuresOf, { statistics });
}

async function digestIf({ digests }: DescribeOptions, tensor: TorchTensor): Promise<Figures> {
  return digests === true ? digestOf(tensor) : {};
}

function describeTensor(name: string, tensor: TorchTensor, shares: string | undefined): TensorDescription {
  const elements = sizeOf(tensor.shape);
  const { subclass } = tensor;
  return {
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    elements,
    bytes: elements * dtypes[tensor.dtype].size,
    ...(shares === undefined ? {} : { shares }),
    ...(isContiguous(tensor) ? {} : { strides: tensor.strides }),
    ...(tensor.requiresGrad ? { requiresGrad: true } : {}),
    ...(tensor.parameter ? { parameter: true } : {}),
    ...(tensor.conj === true ? { conj: true } : {}),
    ...(tensor.neg === true ? { neg: true } : {}),
    ...(subclass === undefined ? {} : { type: `${subclass.module}.${subclass.name}` }),
    ...(tensor.storage.location === "cpu" ? {} : { location: tensor.storage.location }),
  };
}

/** A tensor inside another. */
async function describePart(
  name: string,
  tensor: TorchTensor,
  options: DescribeOptions,
): Promise<TensorDescription> {
  return { ...describeTensor(name, tensor, undefined), ...(await digestIf(options, tensor)) };
}

/** A tensor in parts. @throws TORCH_FILE_INVALID when data that is read is damaged */
export async function describeCompound(
  name: string,
  tensor: CompoundTensor,
  options: DescribeOptions,
): Promise<TensorDescription> {
  const parts: TensorDescription[] = [];
  for (const [partName, part] of await tensor.parts())
    parts.push(await describePart(partName, part, options));
  const { layout, dtype, shape, facts } = tensor;
  const inside = parts.reduce((sum, { elements }) => sum + elements, 0);
  return {
    name,
    dtype,
    shape: shape ?? null,
    elements: shape === undefined ? inside : sizeOf(shape),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    layout,
    ...facts,
    ...(tensor.requiresGrad ? { requiresGrad: true } : {}),
    ...(tensor.parameter ? { parameter: true } : {}),
    ...wholeDigest(tensor, parts),
    parts,
  };
}

/** The elements of a type that is not known are the bytes of their storage, where they are all of it. */
function wholeDigest({ layout, shape }: CompoundTensor, [storage]: readonly TensorDescription[]): Figures {
  const opaque = layout === "packed" || layout === "unknown-type";
  const whole =
    layout === "packed" || (shape !== undefined && (storage?.bytes ?? 0) % (sizeOf(shape) || 1) === 0);
  return opaque && whole && storage?.sha256 !== undefined ? { sha256: storage.sha256 } : {};
}

async function describeQuantisation(
  quantisation: Quantisation,
  options: DescribeOptions,
): Promise<JsonObject> {
  const { scheme, scale, zeroPoint, axis, scales, zeroPoints } = quantisation;
  if (scales === undefined || zeroPoints === undefined)
    return { scheme, scale: scale ?? null, zeroPoint: zeroPoint ?? null };
  const part = async (name: string, tensor: TorchTensor) =>
    (await describePart(name, tensor, options)) as unknown as JsonObject;
  return {
    scheme,
    axis: axis ?? null,
    scales: await part("scales", scales),
    zeroPoints: await part("zeroPoints", zeroPoints),
  };
}

/** Undefined for types that are no numbers. @throws TORCH_FILE_INVALID when the data is damaged */
export async function statisticsOf(tensor: TorchTensor): Promise<TensorStatistics | undefined> {
  if (!isNumeric(tensor.dtype)) return undefined;
  let [min, max, sum, nan, infinite] = [Infinity, -Infinity, 0, 0, 0];
  for await (const piece of piecesOf(tensor)) {
    const own = piece.byteLength === piece.buffer.byteLength ? piece : piece.slice();
    const numbers = numbersOf(tensor.dtype, dtypes[tensor.dtype].array(own.buffer));
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i]!;
      // NaN and the infinities are the numbers whose difference from themselves is not 0.
      if (number - number !== 0) {
        if (Number.isNaN(number)) nan++;
        else infinite++;
        continue;
      }
      if (number < min) min = number;
      if (number > max) max = number;
      sum += number;
    }
  }
  const count = sizeOf(tensor.shape) - nan - infinite;
  return count === 0
    ? { min: null, max: null, mean: null, nan, infinite }
    : { min, max, mean: sum / count, nan, infinite };
}
