/**
 * Python's values as JavaScript's: what a torch file holds apart from the elements of its tensors. Everything is plain
 * data; nothing here can run. Reading and writing use the same types, so that what was read can be written again.
 *
 *   None, bool, str    null, boolean, string
 *   int                number, or bigint beyond 2^53
 *   float              number; a PythonFloat where the number alone would be taken for an int (1.0)
 *   bytes              Uint8Array
 *   list, tuple, set   array, TorchTuple, Set
 *   dict               Map (any key, in order), also OrderedDict, defaultdict and Counter: see TorchDict
 *   torch.Tensor       TorchTensor, a view of one storage; CompoundTensor for all that is more or less than that
 *   anything else      TorchObject or TorchGlobal: its name and what it was made from
 */
import type { Dtype, TypedArray } from "./dtypes.js";

export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PythonFloat
  | TorchTuple
  | TorchTensor
  | CompoundTensor
  | TorchStorage
  | TorchGlobal
  | TorchObject
  | TorchValue[]
  | TorchDict
  | Set<TorchValue>;

/** A Python float whose value is a whole number; other floats are plain numbers. Made by `pythonFloat`. */
export interface PythonFloat {
  readonly kind: "float";
  readonly value: number;
}

export interface TorchTuple {
  readonly kind: "tuple";
  readonly items: readonly TorchValue[];
}

/** A Python dict. A plain Map is a plain dict. */
export interface TorchDict extends Map<TorchValue, TorchValue> {
  /** Which dict it is; absent for a plain one. */
  pythonType?: "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter";
  /** Python attributes of the dict itself: a state_dict has `_metadata`. */
  attributes?: Map<TorchValue, TorchValue>;
  /** What a defaultdict makes for a missing key, e.g. the global `builtins.list`. */
  factory?: TorchValue;
}

/** A name that stands for itself, e.g. the dtype `torch.float16`. It is never looked up. */
export interface TorchGlobal {
  readonly kind: "global";
  readonly module: string;
  readonly name: string;
}

/** An object of a type that is kept as data: its type, what it was called with, and the state set afterwards. */
export interface TorchObject {
  readonly kind: "object";
  readonly type: TorchGlobal;
  readonly args: readonly TorchValue[];
  state?: TorchValue;
  /** What was put into it one by one afterwards: a deque is a list with a limit. */
  items?: TorchValue[];
  /** The same for pairs, of a dict of a type that is not known. */
  entries?: TorchDict;
}

/** Memory that tensors share. Two tensors with one storage object are views of the same numbers. */
export interface TorchStorage {
  readonly kind: "storage";
  /** Type of its elements; "uint8" for a torch.UntypedStorage. */
  readonly dtype: Dtype;
  /** Elements. */
  readonly length: number;
  /** Where it was when it was saved: "cpu", "cuda:0". Only said, never used. */
  readonly location: string;
  /** Same identity, same storage. */
  readonly identity: object;
  /** Fills `target` with the bytes from `start` on, little-endian. */
  readInto(start: number, target: Uint8Array): Promise<void>;
  /** All its bytes in order, little-endian, in pieces of a few MiB; each stays as it is until the next but one is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** How the whole numbers of a quantised tensor stand for others. */
export interface Quantisation {
  /** torch.qscheme without its module: "per_tensor_affine", "per_channel_affine". */
  readonly scheme: string;
  /** Of the whole tensor. */
  readonly scale?: number;
  readonly zeroPoint?: number;
  /** Of each index along `axis`. */
  readonly axis?: number;
  readonly scales?: TorchTensor;
  readonly zeroPoints?: TorchTensor;
}

/** A tensor: a view of a storage. */
export interface TorchTensor {
  readonly kind: "tensor";
  readonly dtype: Dtype;
  /** Sizes of the dimensions; [] is a scalar. */
  readonly shape: readonly number[];
  /** Elements from one index to the next, per dimension. */
  readonly strides: readonly number[];
  /** Element of the storage where the tensor begins. */
  readonly offset: number;
  readonly storage: TorchStorage;
  readonly requiresGrad: boolean;
  /** Whether it is a torch.nn.Parameter. */
  readonly parameter: boolean;
  /** The storage holds the numbers before they are conjugated, or negated; `read` gives them as they are meant. */
  readonly conj?: boolean;
  readonly neg?: boolean;
  readonly quantisation?: Quantisation;
  /** The class, of a tensor that is of one of the user's own. */
  readonly subclass?: TorchGlobal;
  /**
   * A row-major copy of the elements, in the typed array of `dtype` (see dtypes.ts: raw words for half precision).
   * @throws TORCH_FILE_INVALID when the file is damaged (CRC-32), from a file
   */
  read(): Promise<TypedArray>;
}

/** What a compound tensor is, in torch's words where torch has one. */
export type CompoundLayout =
  | "sparse_coo"
  | "sparse_csr"
  | "sparse_csc"
  | "sparse_bsr"
  | "sparse_bsc"
  /** Several tensors of different sizes. */
  | "nested"
  /** The part that one process had of a DTensor. */
  | "distributed"
  /** A shape without numbers. */
  | "meta"
  /** Several numbers in each byte. */
  | "packed"
  /** Of a type that is not in the table of dtypes.ts. */
  | "unknown-type";

/** A tensor that is no view of one storage, or of numbers that are not known: shown by its parts, never calculated with. */
export interface CompoundTensor {
  readonly kind: "compound";
  readonly layout: CompoundLayout;
  /** Name in torch, also of a type that dtypes.ts does not have. */
  readonly dtype: string;
  /** Undefined where there is no single one. */
  readonly shape: readonly number[] | undefined;
  readonly requiresGrad: boolean;
  readonly parameter: boolean;
  /** What else its kind says: {"coalesced": true}, {"placements": ["S(0)"]}. */
  readonly facts: Readonly<Record<string, boolean | readonly string[]>>;
  /** The tensors of the file that it is made of, by their names in torch. */
  readonly sources: ReadonlyMap<string, TorchTensor>;
  /**
   * The tensors that hold its numbers; of a nested one those inside it, which only its data tells.
   * @throws TORCH_FILE_INVALID when the file is damaged
   */
  parts(): Promise<ReadonlyMap<string, TorchTensor>>;
}

/** A Python float, also for whole numbers: 1.0 is not 1 in Python. */
export function pythonFloat(value: number): number | PythonFloat {
  return isPythonInt(value) ? { kind: "float", value } : value;
}

/** Whether a plain number stands for a Python int: a whole number that a double holds exactly, and not -0. */
export function isPythonInt(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

/** The number in an int or a float, undefined for anything else. A bigint is rounded. */
export function numberOf(value: TorchValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return isKind(value, "float") ? value.value : undefined;
}

export function tuple(...items: TorchValue[]): TorchTuple {
  return { kind: "tuple", items };
}

/** A plain dict with string keys, in the object's order. */
export function dict(entries: Readonly<Record<string, TorchValue>>): Map<TorchValue, TorchValue> {
  return new Map<TorchValue, TorchValue>(Object.entries(entries));
}

/** collections.OrderedDict: what a state_dict is. */
export function orderedDict(entries: Iterable<readonly [TorchValue, TorchValue]> = []): TorchDict {
  return Object.assign(new Map(entries), { pythonType: "collections.OrderedDict" as const });
}

type Kinded = Extract<TorchValue, { readonly kind: string }>;

/** Narrows a value to one of the kinds: "tensor", "compound", "tuple", "float", "global", "object", "storage". */
export function isKind<Kind extends Kinded["kind"]>(
  value: TorchValue | undefined,
  kind: Kind,
): value is Extract<Kinded, { readonly kind: Kind }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

/** Whether a value is a dict of any type. */
export function isDict(value: TorchValue | undefined): value is TorchDict {
  return value instanceof Map;
}
