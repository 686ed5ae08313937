/**
 * The allow-list: every name that a pickle may hold, one line each, and what becomes of a call to it. The list is
 * closed. A name is compared with these lines and nothing else: it is never imported, looked up or run. A call makes
 * plain data; most keep the type and its arguments as they are.
 */
import type { TorchFeature, TorchProblem } from "../base/torch-problem.js";
import { dtypes } from "./dtypes.js";
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
}

const keep: Call = (args, { callee }) => ({ kind: "object", type: callee, args });

const value: Rule = {};
const kept: Rule = { call: keep };
const keptWithState: Rule = { call: keep, state: true };

/** Python 2 and numpy 2 know the same things under other module names. */
const moduleNames = new Map([
  ["__builtin__", "builtins"],
  ["numpy._core.multiarray", "numpy.core.multiarray"],
  ["numpy._core.numeric", "numpy.core.numeric"],
]);

// prettier-ignore
const allowed = new Map<string, Rule>([
  ["collections OrderedDict", { call: orderedDictOf }],
  ["collections defaultdict", { call: defaultDict }],
  ["collections Counter", { call: counter }],
  ["builtins set", { call: setOf }],
  ["builtins frozenset", kept],
  ["builtins bytearray", { call: byteArray }],
  ["builtins complex", kept],
  ["builtins slice", kept],
  ["builtins range", kept],
  ...["list", "dict", "tuple", "int", "float", "bool", "str", "object"].map((name) => [`builtins ${name}`, value] as const),
  ["_codecs encode", { call: encode }],

  ["torch._utils _rebuild_tensor", { call: rebuildTensor }],
  ["torch._utils _rebuild_tensor_v2", { call: rebuildTensorV2 }],
  ["torch._utils _rebuild_tensor_v3", { call: rebuildTensorV3 }],
  ["torch._utils _rebuild_parameter", { call: rebuildParameter }],
  ["torch._utils _rebuild_parameter_with_state", { call: rebuildParameterWithState }],
  ["torch._tensor _rebuild_from_type_v2", { call: rebuildFromType }],
  ["torch Tensor", value],
  ["torch.nn.parameter Parameter", value],
  ["torch Size", kept],
  ["torch device", kept],
  ["torch.serialization _get_layout", kept],
  ["torch.storage UntypedStorage", value],
  ["torch.storage _UntypedStorage", value],
  ["torch UntypedStorage", value],
  ...Object.keys(dtypes).map((name) => [`torch ${name}`, value] as const),
  ...Object.values(dtypes).flatMap(({ storageClass }) => storageClass === undefined ? [] :
    [[`torch ${storageClass}`, value] as const, [`torch.cuda ${storageClass}`, value] as const]),

  ["numpy dtype", keptWithState],
  ["numpy ndarray", value],
  ["numpy.core.multiarray scalar", { call: numpyScalar }],
  ["numpy.core.multiarray _reconstruct", keptWithState],
  ["numpy.core.numeric _frombuffer", kept],

  ["argparse Namespace", keptWithState],
  ["types SimpleNamespace", keptWithState],
  ...["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"].map((name) => [`pathlib ${name}`, kept] as const),
  ...["date", "time", "datetime", "timedelta", "timezone"].map((name) => [`datetime ${name}`, kept] as const),
]);

/** A name on the allow-list under its present module, or undefined: then it has to be refused. */
export function allowedGlobal(module: string, name: string): TorchGlobal | undefined {
  const current = moduleNames.get(module) ?? module;
  return allowed.has(`${current} ${name}`) ? { kind: "global", module: current, name } : undefined;
}

const ruleOf = ({ module, name }: TorchGlobal): Rule | undefined => allowed.get(`${module} ${name}`);

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
