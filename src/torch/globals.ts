/**
 * The allow-list: every name that a pickle may hold, one line each, and what becomes of a call to it. The list is
 * closed. A name is compared with these lines and nothing else: it is never imported, looked up or run. A call makes
 * plain data; most keep the type and its arguments as they are.
 */
import type { TorchFeature, TorchProblem } from "../base/torch-problem.js";
import { rebuildFromHost, rebuildMeta, rebuildNested, rebuildQuantised, rebuildSparse } from "./compound.js";
import { dtypes, looksLikeDtype } from "./dtypes.js";
import { numpyScalar } from "./numpy.js";
import {
  rebuildFromType,
  rebuildParameter,
  rebuildParameterWithState,
  rebuildTensor,
  rebuildTensorV2,
  rebuildTensorV3,
} from "./rebuild.js";
import { isDict, isKind, type TorchDict, type TorchGlobal, type TorchValue } from "./values.js";

/** What a call has at hand beside its arguments. */
export interface CallSite {
  readonly callee: TorchGlobal;
  /** Ends the reading: these arguments cannot be. */
  wrong(problem?: TorchProblem): never;
  /** Ends the reading: good, but not something that is read. */
  unsupported(feature: TorchFeature): never;
  /** Whether a name is on the allow-list; where names that are not known are skipped, others come, too. */
  isAllowed(name: TorchGlobal): boolean;
  /** Counts memory for what is about to be made; arguments may be shared, and copied again and again. */
  charge(bytes: number): void;
  /** A key is about to be put into a dict or set. */
  checkKey(container: object, key: TorchValue): void;
}

export type Call = (args: readonly TorchValue[], site: CallSite) => TorchValue;

interface Rule {
  /** Absent: the name may stand as a value, but may not be called. */
  readonly call?: Call;
  /** Whether BUILD may give the made object a state. */
  readonly state?: true;
  /** Whether things may be put into it one by one. */
  readonly items?: true;
}

const keep: Call = (args, { callee }) => ({ kind: "object", type: callee, args });

const value: Rule = {};
const kept: Rule = { call: keep };
const keptWithState: Rule = { call: keep, state: true };

/** Python 2, Python 3.13, numpy 2 and PyTorch before 2.5 know the same things under other module names. */
const moduleNames = new Map([
  ["__builtin__", "builtins"],
  ["copy_reg", "copyreg"],
  ["pathlib._local", "pathlib"],
  ["numpy._core.multiarray", "numpy.core.multiarray"],
  ["numpy._core.numeric", "numpy.core.numeric"],
  ["torch.distributed._tensor.placement_types", "torch.distributed.tensor.placement_types"],
  ["torch.distributed._tensor._dtensor_spec", "torch.distributed.tensor._dtensor_spec"],
  ["torch.distributed._tensor.api", "torch.distributed.tensor"],
  ["torch.distributed.tensor._api", "torch.distributed.tensor"],
]);

/** Names that Python 2 had, and that pickles of protocols 1 and 2 have to this day (cpython Lib/_compat_pickle.py). */
const builtinNames = new Map([
  ["xrange", "range"],
  ["unicode", "str"],
  ["long", "int"],
  ["unichr", "chr"],
]);

/** Names that are followed by the same rule. */
const each = (names: readonly string[], rule: Rule): Readonly<Record<string, Rule>> =>
  Object.fromEntries(names.map((name) => [name, rule]));

const storageClasses = Object.values(dtypes).flatMap(({ storageClass }) => storageClass ?? []);

/** The allow-list: modules, and the names in each. */
// prettier-ignore
const allowed: ReadonlyMap<string, ReadonlyMap<string, Rule>> = new Map(Object.entries({
  collections: {
    OrderedDict: { call: orderedDictOf },
    defaultdict: { call: defaultDict },
    Counter: { call: counter },
    deque: { ...kept, items: true },
  },
  builtins: {
    set: { call: setOf },
    bytearray: { call: byteArray },
    type: { call: typeOf },
    ...each(["frozenset", "complex", "slice", "range"], kept),
    ...each(["list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "object", "chr", "Ellipsis", "NotImplemented"], value),
  },
  copyreg: { _reconstructor: { call: reconstructor } },
  _codecs: { encode: { call: encode } },

  "torch._utils": {
    _rebuild_tensor: { call: rebuildTensor },
    _rebuild_tensor_v2: { call: rebuildTensorV2 },
    _rebuild_tensor_v3: { call: rebuildTensorV3 },
    _rebuild_parameter: { call: rebuildParameter },
    _rebuild_parameter_with_state: { call: rebuildParameterWithState },
    _rebuild_wrapper_subclass: value,
    _rebuild_qtensor: { call: rebuildQuantised },
    _rebuild_sparse_tensor: { call: rebuildSparse },
    _rebuild_sparse_csr_tensor: { call: rebuildSparse },
    _rebuild_nested_tensor: { call: rebuildNested },
    _rebuild_meta_tensor_no_storage: { call: rebuildMeta },
    _rebuild_device_tensor_from_cpu_tensor: { call: rebuildFromHost },
  },
  "torch._tensor": each(["_rebuild_from_type", "_rebuild_from_type_v2"], { call: rebuildFromType }),
  torch: {
    ...each(["Tensor", "UntypedStorage", ...Object.keys(dtypes), ...storageClasses], value),
    ...each(["per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric", "per_channel_affine_float_qparams"], value),
    ...each(["Size", "device"], kept),
  },
  "torch.cuda": each(storageClasses, value),
  "torch.nn.parameter": each(["Parameter", "Buffer"], value),
  "torch.torch_version": { TorchVersion: keptWithState },
  "torch.serialization": { _get_layout: kept },
  "torch.storage": each(["UntypedStorage", "_UntypedStorage"], value),
  "torch.distributed.tensor": { DTensor: value },
  "torch.distributed.tensor._dtensor_spec": each(["DTensorSpec", "TensorMeta", "ShardOrderEntry"], keptWithState),
  "torch.distributed.tensor.placement_types": each(["Shard", "_StridedShard", "Replicate", "Partial"], keptWithState),
  "torch.distributed.device_mesh": { DeviceMesh: keptWithState },
  "torch.distributed._mesh_layout": each(["_MeshLayout", "_FlatLayout"], keptWithState),

  numpy: { dtype: keptWithState, ndarray: value },
  "numpy.core.multiarray": { scalar: { call: numpyScalar }, _reconstruct: keptWithState },
  "numpy.core.numeric": { _frombuffer: kept },

  argparse: { Namespace: keptWithState },
  types: { SimpleNamespace: keptWithState },
  uuid: { UUID: keptWithState },
  decimal: { Decimal: kept },
  fractions: { Fraction: kept },
  pathlib: each(["Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"], kept),
  datetime: each(["date", "time", "datetime", "timedelta", "timezone"], kept),
} satisfies Record<string, Readonly<Record<string, Rule>>>).map(([module, names]) =>
  [module, new Map<string, Rule>(Object.entries(names))] as const));

/** A name on the allow-list under its present module, or undefined: then it has to be refused. */
export function allowedGlobal(module: string, name: string): TorchGlobal | undefined {
  const present = presentGlobal(module, name);
  return ruleOf(present) === undefined ? undefined : present;
}

/** A name as today's Python and PyTorch have it, on the allow-list or not. */
export function presentGlobal(module: string, name: string): TorchGlobal {
  const current = moduleNames.get(module) ?? module;
  const presentName = module === "__builtin__" ? (builtinNames.get(name) ?? name) : name;
  return { kind: "global", module: current, name: presentName };
}

/** A name of today's builtins as Python 2 has it. */
export function python2Name(name: string): string {
  for (const [old, present] of builtinNames) if (present === name) return old;
  return name;
}

/** Types of elements that later versions of torch will have: names that stand for themselves. */
function isTypeOfTorch({ module, name }: TorchGlobal): boolean {
  return module === "torch" && looksLikeDtype(name);
}

function ruleOf(global: TorchGlobal): Rule | undefined {
  return allowed.get(global.module)?.get(global.name) ?? (isTypeOfTorch(global) ? value : undefined);
}

/** What a call to an allowed name does; undefined where it may not be called. */
export function callOf(callee: TorchGlobal): Call | undefined {
  return ruleOf(callee)?.call;
}

/** Whether a call to an allowed name is kept as an object: the name and what it was called with. */
export function isKept(type: TorchGlobal): boolean {
  return callOf(type) === keep || callOf(type) === numpyScalar;
}

/** Whether objects of this type may be given a state after they are made. */
export function takesState(type: TorchGlobal): boolean {
  return ruleOf(type)?.state === true;
}

/** Whether things may be put one by one into an object of this type after it is made. */
export function takesItems(type: TorchGlobal): boolean {
  return ruleOf(type)?.items === true;
}

/** type(None) and its like: the only types that are pickled by a call. */
function typeOf(args: readonly TorchValue[], site: CallSite): TorchValue {
  const [instance, ...more] = args;
  const named =
    instance === null || (isKind(instance, "global") && /^(Ellipsis|NotImplemented)$/.test(instance.name));
  if (!named || more.length > 0) site.wrong();
  return keep(args, site);
}

/** How protocol 1 makes an object: (class, object, None), or (class, str, text) for one that is a text, too. */
function reconstructor(args: readonly TorchValue[], site: CallSite): TorchValue {
  const [type, base, state = null, ...more] = args;
  if (!isKind(type, "global") || !isKind(base, "global") || base.module !== "builtins" || more.length > 0)
    site.wrong();
  const fits = base.name === "object" ? state === null : base.name === "str" && typeof state === "string";
  if (!fits) site.wrong();
  const given = state === null ? [] : [state];
  const inside = { ...site, callee: type };
  if (!site.isAllowed(type)) return keep(given, inside);
  if (callOf(type) !== keep) site.wrong();
  return keep(given, inside);
}

function orderedDictOf(args: readonly TorchValue[], site: CallSite): TorchDict {
  // Python 2 and some versions of Python 3 give the pairs as lists instead of setting them one by one.
  const [pairs = [], ...more] = args;
  if (!Array.isArray(pairs) || more.length > 0) site.wrong();
  site.charge(64 * pairs.length);
  const made: TorchDict = new Map();
  made.pythonType = "collections.OrderedDict";
  for (const pair of pairs) {
    const items = isKind(pair, "tuple") ? pair.items : Array.isArray(pair) ? pair : [];
    const [key, item] = items;
    if (items.length !== 2 || key === undefined || item === undefined) site.wrong();
    site.checkKey(made, key);
    made.set(key, item);
  }
  return made;
}

function defaultDict(args: readonly TorchValue[], site: CallSite): TorchDict {
  const [factory = null, ...more] = args;
  if (more.length > 0 || (factory !== null && !isKind(factory, "global"))) site.wrong();
  const made: TorchDict = new Map();
  made.pythonType = "collections.defaultdict";
  made.factory = factory;
  return made;
}

function counter(args: readonly TorchValue[], site: CallSite): TorchDict {
  const [counts = new Map<TorchValue, TorchValue>(), ...more] = args;
  if (!isDict(counts) || more.length > 0) site.wrong();
  site.charge(64 * counts.size);
  const made: TorchDict = new Map();
  made.pythonType = "collections.Counter";
  for (const [key, count] of counts) {
    site.checkKey(made, key);
    made.set(key, count);
  }
  return made;
}

function setOf(args: readonly TorchValue[], site: CallSite): Set<TorchValue> {
  const [items = [], ...more] = args;
  if (!Array.isArray(items) || more.length > 0) site.wrong();
  site.charge(64 * items.length);
  const made = new Set<TorchValue>();
  for (const item of items) {
    site.checkKey(made, item);
    made.add(item);
  }
  return made;
}

/** Protocol 2 has no bytes: they are the code points of a string. */
function encode(args: readonly TorchValue[], site: CallSite): Uint8Array {
  const [text, encoding, ...more] = args;
  if (typeof text !== "string" || more.length > 0 || !(encoding === "latin1" || encoding === "latin-1")) {
    site.wrong();
  }
  site.charge(text.length);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) site.wrong();
    bytes[i] = code;
  }
  return bytes;
}

function byteArray(args: readonly TorchValue[], site: CallSite): Uint8Array {
  const [bytes, ...more] = args;
  if (bytes instanceof Uint8Array && more.length === 0) return bytes;
  return args.length === 0 ? new Uint8Array(0) : encode(args, site);
}

/** Whether Python takes a value as a key. */
export function isHashable(key: TorchValue): boolean {
  return !(Array.isArray(key) || key instanceof Map || key instanceof Set);
}
