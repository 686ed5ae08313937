/**
 * Values <-> JSON, without loss. What JSON has is itself; the rest stands in an object with one telling key:
 *
 *   {"float": 0.1}  {"float": "NaN"}  {"int": "1208925819614629174706176"}  {"bytes_hex": "00ff"}
 *   {"list": [...]}  {"tuple": [...]}  {"set": [...]}  {"dict": [[key, value], ...]}
 *   {"global": "torch float16"}  {"object": "torch Size", "args": [...], "items": [...], "state": ...}
 *
 * A plain number is an int. Dicts of other types add "type", "attributes" and "factory". What stands for a tensor is
 * decided by the caller.
 */
import { allowedGlobal, isHashable, isKept, takesItems, takesState } from "./globals.js";
import { keyGuard } from "./key-guard.js";
import {
  isKind,
  isPythonInt,
  pythonFloat,
  tuple,
  type CompoundTensor,
  type TorchDict,
  type TorchGlobal,
  type TorchObject,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
} from "./values.js";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

const numberNames = new Map([
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [-Infinity, "-Infinity"],
]);

/** A float as JSON can say it: those that are no JSON numbers by name, as text. */
export function floatToJson(value: number): number | string {
  return Object.is(value, -0) ? "-0" : (numberNames.get(value) ?? value);
}

/** REQUIRES: no value contains itself (a file's value never does) */
export function valueToJson(
  value: TorchValue,
  tensorToJson: (tensor: TorchTensor | CompoundTensor | TorchStorage) => Json,
): Json {
  const toJson = (inner: TorchValue): Json => valueToJson(inner, tensorToJson);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return { int: value.toString() };
  if (typeof value === "number") return isPythonInt(value) ? value : { float: floatToJson(value) };
  if (value instanceof Uint8Array) return { bytes_hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return { list: value.map(toJson) };
  if (value instanceof Set) return { set: [...value].map(toJson) };
  if (value instanceof Map) return dictToJson(value, toJson);
  switch (value.kind) {
    case "float":
      return { float: value.value };
    case "tuple":
      return { tuple: value.items.map(toJson) };
    case "global":
      return { global: nameOf(value) };
    case "object":
      return {
        object: nameOf(value.type),
        args: value.args.map(toJson),
        ...(value.items === undefined ? {} : { items: value.items.map(toJson) }),
        ...(value.entries === undefined ? {} : { entries: toJson(value.entries) }),
        ...(value.state === undefined ? {} : { state: toJson(value.state) }),
      };
    case "compound":
    case "tensor":
    case "storage":
      return tensorToJson(value);
  }
}

function dictToJson(dict: TorchDict, toJson: (value: TorchValue) => Json): Json {
  return {
    dict: [...dict].map(([key, item]) => [toJson(key), toJson(item)]),
    ...(dict.pythonType === undefined ? {} : { type: dict.pythonType }),
    ...(dict.attributes === undefined ? {} : { attributes: toJson(dict.attributes) }),
    ...(dict.factory === undefined ? {} : { factory: toJson(dict.factory) }),
  };
}

const nameOf = ({ module, name }: TorchGlobal): string => `${module} ${name}`;

/**
 * A dict of plain values as people write JSON: keys and texts, numbers (NaN and infinities as text), lists. Undefined
 * when there is anything else in it (a tensor, bytes, a key that is not text).
 */
export function plainJson(value: TorchValue): Json | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : floatToJson(value);
  if (Array.isArray(value)) return plainList(value);
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [key, plainJson(item)] as const);
    const plain = entries.every(([key, item]) => typeof key === "string" && item !== undefined);
    return plain ? Object.fromEntries(entries as [string, Json][]) : undefined;
  }
  if (isKind(value, "float")) return value.value;
  if (isKind(value, "object")) return plainObject(value);
  return isKind(value, "tuple") ? plainList(value.items) : undefined;
}

/** The objects that are a text or a list to whoever looks at them: torch.__version__, a deque. */
function plainObject({ type: { name }, args, items = [] }: TorchObject): Json | undefined {
  if (name === "TorchVersion") return typeof args[0] === "string" ? args[0] : undefined;
  if (name !== "deque") return undefined;
  return plainList([...(Array.isArray(args[0]) ? args[0] : []), ...items]);
}

function plainList(items: readonly TorchValue[]): Json | undefined {
  const plain = items.map(plainJson);
  return plain.every((item) => item !== undefined) ? plain : undefined;
}

/** Thrown by `valueFromJson`; the caller knows the file and says it. */
export class NotAValue extends Error {}

const MAX_DEPTH = 200;

/**
 * The way back.
 * @param tensorFromJson the tensor for what `valueToJson` was told to write for it; undefined for anything else
 * @throws NotAValue
 */
export function valueFromJson(
  json: Json,
  tensorFromJson: (json: JsonObject) => TorchValue | undefined,
): TorchValue {
  const acceptsKey = keyGuard();
  const checkKey = (container: object, key: TorchValue): void => {
    if (!isHashable(key)) throw new NotAValue("a list, dict or set cannot be a key");
    if (!acceptsKey(container, key)) throw new NotAValue("keys that take too long");
  };
  return fromJson(json, { tensorFromJson, checkKey }, 0);
}

interface Reading {
  readonly tensorFromJson: (json: JsonObject) => TorchValue | undefined;
  /** Of a key that is about to be put into a dict or set. */
  readonly checkKey: (container: object, key: TorchValue) => void;
}

function fromJson(json: Json, reading: Reading, depth: number): TorchValue {
  if (depth > MAX_DEPTH) throw new NotAValue("values are nested too deep");
  const from = (inner: Json): TorchValue => fromJson(inner, reading, depth + 1);
  const many = (inner: Json | undefined): TorchValue[] => listIn(inner).map(from);
  if (json === null || typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") {
    if (!isPythonInt(json)) throw new NotAValue("a plain number that is not whole");
    return json;
  }
  if (isList(json)) throw new NotAValue("a list that does not say what it is");
  const tensor = reading.tensorFromJson(json);
  if (tensor !== undefined) return tensor;
  if ("float" in json) return floatFromJson(json["float"]);
  if ("int" in json) return bigintFromJson(json["int"]);
  if ("bytes_hex" in json) return bytesFromJson(json["bytes_hex"]);
  if ("list" in json) return many(json["list"]);
  if ("tuple" in json) return tuple(...many(json["tuple"]));
  if ("set" in json) return setOf(many(json["set"]), reading);
  if ("dict" in json) return dictFromJson(json, from, reading);
  if ("global" in json) return globalFromJson(json["global"]);
  if ("object" in json) {
    const type = globalFromJson(json["object"]);
    if (!isKept(type)) throw new NotAValue("an object of a type that makes none");
    if (json["items"] !== undefined && !takesItems(type))
      throw new NotAValue("items of an object that has none");
    const made: TorchObject = {
      kind: "object",
      type,
      args: many(json["args"]),
      ...(json["items"] === undefined ? {} : { items: many(json["items"]) }),
    };
    if (json["state"] === undefined) return made;
    if (!takesState(type)) throw new NotAValue("a state for an object that has none");
    return { ...made, state: from(json["state"]) };
  }
  throw new NotAValue("an object that does not say what it is");
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function listIn(json: Json | undefined): readonly Json[] {
  if (!isList(json)) throw new NotAValue("not a list");
  return json;
}

function floatFromJson(json: Json | undefined): TorchValue {
  if (typeof json === "number") return pythonFloat(json);
  if (json === "-0") return -0;
  for (const [value, name] of numberNames) if (name === json) return value;
  throw new NotAValue("not a float");
}

function bigintFromJson(json: Json | undefined): bigint {
  if (typeof json !== "string" || !/^-?\d{1,2500}$/.test(json)) throw new NotAValue("not a whole number");
  return BigInt(json);
}

function bytesFromJson(json: Json | undefined): Uint8Array {
  if (typeof json !== "string" || !/^([0-9a-f]{2})*$/.test(json)) throw new NotAValue("not bytes");
  return Uint8Array.from(Buffer.from(json, "hex"));
}

function globalFromJson(json: Json | undefined): TorchGlobal {
  const [module, name, ...more] = typeof json === "string" ? json.split(" ") : [];
  const found = module === undefined || name === undefined ? undefined : allowedGlobal(module, name);
  if (found === undefined || more.length > 0) throw new NotAValue("a name that is not on the allow-list");
  return found;
}

const dictTypes = ["collections.OrderedDict", "collections.defaultdict", "collections.Counter"] as const;

function setOf(items: readonly TorchValue[], { checkKey }: Reading): Set<TorchValue> {
  const made = new Set<TorchValue>();
  for (const item of items) {
    checkKey(made, item);
    made.add(item);
  }
  return made;
}

function dictFromJson(json: JsonObject, from: (json: Json) => TorchValue, { checkKey }: Reading): TorchDict {
  const made: TorchDict = new Map();
  for (const pair of listIn(json["dict"])) {
    const [key, item, ...more] = listIn(pair);
    if (key === undefined || item === undefined || more.length > 0) throw new NotAValue("not a pair");
    const madeKey = from(key);
    checkKey(made, madeKey);
    made.set(madeKey, from(item));
  }
  if (json["type"] !== undefined) {
    const type = dictTypes.find((name) => name === json["type"]);
    if (type === undefined) throw new NotAValue("a dict of an unknown type");
    made.pythonType = type;
  }
  if (json["attributes"] !== undefined) {
    const attributes = from(json["attributes"]);
    if (!(attributes instanceof Map)) throw new NotAValue("attributes that are not a dict");
    made.attributes = attributes;
  }
  if (json["factory"] !== undefined) {
    const factory = from(json["factory"]);
    if (factory !== null && !isKind(factory, "global")) throw new NotAValue("not a factory");
    made.factory = factory;
  }
  return made;
}
