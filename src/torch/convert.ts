/**
 * `.pth` <-> `.safetensors`. A state_dict becomes exactly its names and tensors. Whatever else a checkpoint holds
 * (an optimizer's options, the order of a dict, which tensors share their memory) goes into the header's metadata as
 * JSON, so that the way back gives the same file again; other programs see the tensors under their dotted paths.
 */
import { GuardapesosError } from "../base/errors.js";
import { dtypes } from "./dtypes.js";
import type { JsonObject } from "./json.js";
import { NotAValue, valueFromJson, valueToJson, type Json } from "./json.js";
import { invalid, unsupported } from "./problems.js";
import { readSafetensors, writeSafetensors, type SafetensorsFile } from "./safetensors.js";
import { chosenOf, requirePlain, stateDictName, stateDictsIn, together } from "./state-dict.js";
import { openWhole, type OpenSink } from "../base/file-sink.js";
import type { WrittenFile } from "./stream.js";
import { tensorOver } from "./tensor.js";
import { readTorchFile } from "./torch-read.js";
import { writeTorchFile, type WriteOptions } from "./torch-write.js";
import {
  isDict,
  orderedDict,
  type CompoundTensor,
  type TorchDict,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
} from "./values.js";
import { allTensorsIn, pathName, tensorsIn } from "./walk.js";

/** Key of the metadata under which the structure stands. */
const STRUCTURE = "guardapesos.structure";

export interface ConvertOptions extends WriteOptions {
  /** Only the state_dict, without optimizer and the rest. */
  readonly weightsOnly?: boolean;
  /** Which state_dict, where a file holds several: their names, see stateDictName. Only with `weightsOnly`. */
  readonly stateDict?: readonly string[] | undefined;
  /** Ends the work when it is aborted: its reason is thrown, and nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Reads `from` and creates `to`, which must not exist, in the format that the name of `to` ends with. Nothing stands under that
 * name before all of it has been written and synced.
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED; STATE_DICT_AMBIGUOUS and
 *   STATE_DICT_UNKNOWN when only the weights are wanted; Node's own errors when `to` cannot be written
 */
export async function convertFile(
  from: string,
  to: string,
  options: ConvertOptions = {},
): Promise<WrittenFile> {
  const input = isSafetensors(from) ? await openSafetensors(from) : await openTorch(from);
  try {
    const value =
      options.weightsOnly === true ? weightsIn(from, input.value, options.stateDict) : input.value;
    refuseCompounds(from, value);
    const content = { value, metadata: input.metadata };
    const whole = { ...options, open: stoppable(options.open ?? openWhole, options.signal) };
    return isSafetensors(to)
      ? await writeAsSafetensors(from, to, content, whole)
      : await writeTorchFile(to, withMetadata(content), whole);
  } finally {
    await input.close();
  }
}

/** What a file holds that another format has a place for. */
interface Content {
  readonly value: TorchValue;
  /** Texts of a safetensors file beside its tensors, but for our own. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** A sink that takes nothing more once it is to stop: the writer then removes what it has begun. */
function stoppable(open: OpenSink, signal: AbortSignal | undefined): OpenSink {
  return async (path) => {
    const sink = await open(path);
    const write = (bytes: Uint8Array): Promise<void> => {
      signal?.throwIfAborted();
      return sink.write(bytes);
    };
    const close = (): Promise<void> => {
      signal?.throwIfAborted();
      return sink.close();
    };
    return { ...sink, write, close };
  };
}

interface Input extends Content {
  close(): Promise<void>;
}

/** Attribute of a state_dict in which a `.pth` keeps what a safetensors file has beside its tensors. */
const METADATA_ATTRIBUTE = "safetensors_metadata";

function isSafetensors(path: string): boolean {
  return path.toLowerCase().endsWith(".safetensors");
}

async function openTorch(path: string): Promise<Input> {
  const file = await readTorchFile(path);
  const { value } = file;
  const owner = stateDictWith(value, (dict) => isDict(dict.attributes?.get(METADATA_ATTRIBUTE)));
  const kept = owner?.attributes?.get(METADATA_ATTRIBUTE);
  const texts = isDict(kept) ? [...kept].filter((pair): pair is [string, string] => pair.every(isText)) : [];
  owner?.attributes?.delete(METADATA_ATTRIBUTE);
  if (owner?.attributes?.size === 0) delete owner.attributes;
  return { value, metadata: new Map(texts), close: () => file.close() };
}

const isText = (value: TorchValue): value is string => typeof value === "string";

/** The value itself or what stands at its top, where it is an OrderedDict: a plain dict of Python has no attributes. */
function stateDictWith(value: TorchValue, wanted: (dict: TorchDict) => boolean): TorchDict | undefined {
  const candidates = isDict(value) ? [value, ...value.values()] : [];
  return candidates.find(
    (item): item is TorchDict =>
      isDict(item) && item.pythonType === "collections.OrderedDict" && wanted(item),
  );
}

/** The value with its metadata where a `.pth` has a place for it; what says "pt" says nothing. */
function withMetadata({ value, metadata }: Content): TorchValue {
  const told = [...metadata].filter(([key, text]) => key !== "format" || text !== "pt");
  const owner = told.length === 0 ? undefined : stateDictWith(value, () => true);
  if (owner !== undefined) {
    owner.attributes = new Map<TorchValue, TorchValue>(owner.attributes ?? []);
    owner.attributes.set(METADATA_ATTRIBUTE, new Map<TorchValue, TorchValue>(told));
  }
  return value;
}

/** What other programs wrote beside the tensors of a safetensors file. */
export function foreignMetadata(metadata: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...metadata].filter(([key]) => key !== STRUCTURE));
}

/** Tensors that are more than a view of one storage have no place in a file that is written. */
function refuseCompounds(path: string, value: TorchValue): void {
  for (const [keys, tensor] of allTensorsIn(value)) {
    const layout = tensor.kind === "compound" ? tensor.layout : tensor.quantisation && "quantised";
    if (layout !== undefined)
      throw unsupported(path, { feature: "compound", layout, tensor: pathName(keys) });
  }
}

async function openSafetensors(path: string): Promise<Input> {
  const file = await readSafetensors(path);
  try {
    return { value: valueOf(file), metadata: foreignMetadata(file.metadata), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The one state_dict; of a LightningModule with several networks all of it, its names as they are. */
function weightsIn(file: string, value: TorchValue, wanted: readonly string[] | undefined): TorchValue {
  const all = stateDictsIn(value);
  if (all.length === 0) throw unsupported(file, { feature: "no-state-dict" });
  const found = chosenOf(all, wanted);
  const names = all.map(stateDictName);
  if (found.length === 0)
    throw new GuardapesosError("STATE_DICT_UNKNOWN", { file, wanted: wanted!.join(","), names });
  for (const one of found) requirePlain(file, one);
  const tensors = together(found);
  if (tensors === undefined)
    throw new GuardapesosError("STATE_DICT_AMBIGUOUS", { file, network: undefined, names });
  return orderedDict(tensors);
}

async function writeAsSafetensors(
  from: string,
  to: string,
  { value, metadata }: Content,
  options: WriteOptions,
): Promise<WrittenFile> {
  // One object under two names is written under both, in the order in which its places are met; joined again on the way back.
  const names = new Map<TorchTensor, string[]>();
  const tensors = new Map<string, TorchTensor>();
  const tries = new Map<string, number>();
  for (const [path, tensor] of tensorsIn(value)) {
    const name = freeName(pathName(path), tensors, tries);
    if (dtypes[tensor.dtype].safetensors === undefined)
      throw unsupported(from, { feature: "not-in-safetensors", what: `${name} (${tensor.dtype})` });
    names.set(tensor, [...(names.get(tensor) ?? []), name]);
    tensors.set(name, tensor);
  }
  const places = new Map([...names].map(([tensor, all]) => [tensor, all.values()]));
  // Tensors that are the same view of one storage, too, are joined again.
  const firstOf = new Map<string, string>();
  const storages = new Map<object, number>();
  const toJson = (part: TorchTensor | CompoundTensor | TorchStorage): Json => {
    const tensor = part.kind === "tensor" ? part : undefined;
    const [object] = (tensor && names.get(tensor)) ?? [];
    if (tensor === undefined || object === undefined) {
      throw unsupported(from, { feature: "not-in-safetensors", what: part.kind });
    }
    const name = places.get(tensor)?.next().value ?? object;
    const { identity } = tensor.storage;
    const storage = storages.get(identity) ?? storages.size;
    storages.set(identity, storage);
    const { dtype, offset, shape, strides, conj, neg } = tensor;
    const view = JSON.stringify([storage, dtype, offset, shape, strides, conj, neg]);
    const first = firstOf.get(view) ?? name;
    firstOf.set(view, first);
    return {
      tensor: name,
      ...(first === name ? {} : { same: first }),
      ...(object === name ? {} : { object }),
      ...(tensor.parameter ? { parameter: true } : {}),
      ...(tensor.requiresGrad ? { requires_grad: true } : {}),
    };
  };
  const structure = valueToJson(value, toJson);
  return writeSafetensors(
    to,
    tensors,
    new Map([
      ...metadata,
      ["format", metadata.get("format") ?? "pt"],
      [STRUCTURE, JSON.stringify(structure)],
    ]),
    options,
  );
}

/** Dotted paths may meet: {"a.b": x} and {"a": {"b": y}}. `tries` remembers the last number given to each. */
function freeName(name: string, taken: ReadonlyMap<string, unknown>, tries: Map<string, number>): string {
  let free = name;
  for (let i = tries.get(name) ?? 2; taken.has(free); i++) {
    free = `${name}#${i}`;
    tries.set(name, i + 1);
  }
  return free;
}

/** What a safetensors file holds: what it was made from, or a state_dict. */
function valueOf(file: SafetensorsFile): TorchValue {
  const structure = file.metadata.get(STRUCTURE);
  if (structure === undefined) return orderedDict(file.allTensors);
  const made = new Map<Json, TorchTensor>();
  const tensorFromJson = (json: JsonObject): TorchTensor | undefined => {
    const { tensor: name, same, object } = json;
    if (name === undefined) return undefined;
    const tensor = typeof name === "string" ? file.tensors.get(name) : undefined;
    const first = same === undefined ? tensor : typeof same === "string" ? file.tensors.get(same) : undefined;
    if (
      tensor === undefined ||
      first?.storage.length !== tensor.storage.length ||
      first.dtype !== tensor.dtype
    ) {
      throw new NotAValue("a tensor that is not in the file");
    }
    const before = object === undefined ? undefined : made.get(object);
    if (before !== undefined) return before;
    const parameter = json["parameter"] === true;
    const requiresGrad = json["requires_grad"] === true;
    const joined = tensorOver({ ...tensor, storage: first.storage, parameter, requiresGrad });
    made.set(name, joined);
    return joined;
  };
  try {
    return valueFromJson(JSON.parse(structure) as Json, tensorFromJson);
  } catch (error) {
    if (!(error instanceof NotAValue || error instanceof SyntaxError)) throw error;
    throw invalid({ file: file.path, where: "header", base: 0 }, 8, { reason: "structure" });
  }
}
