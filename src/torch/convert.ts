/**
 * `.pth` <-> `.safetensors`. A state_dict becomes exactly its names and tensors. Whatever else a checkpoint holds
 * (an optimizer's options, the order of a dict, which tensors share their memory) goes into the header's metadata as
 * JSON, so that the way back gives the same file again; other programs see the tensors under their dotted paths.
 */
import type { JsonObject } from "./json.js";
import { NotAValue, valueFromJson, valueToJson, type Json } from "./json.js";
import { invalid, unsupported } from "./problems.js";
import { readSafetensors, writeSafetensors, type SafetensorsFile } from "./safetensors.js";
import { GuardapesosError } from "../base/errors.js";
import { chosenOf, stateDictName, stateDictsIn, together } from "./state-dict.js";
import type { WrittenFile } from "./stream.js";
import { tensorOver } from "./tensor.js";
import { readTorchFile } from "./torch-read.js";
import { writeTorchFile, type WriteOptions } from "./torch-write.js";
import {
  orderedDict,
  type CompoundTensor,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
} from "./values.js";
import { pathName, tensorsIn } from "./walk.js";

/** Key of the metadata under which the structure stands. */
const STRUCTURE = "guardapesos.structure";

export interface ConvertOptions extends WriteOptions {
  /** Only the state_dict, without optimizer and the rest. */
  readonly weightsOnly?: boolean;
  /** Which state_dict, where a file holds several: their names, see stateDictName. Only with `weightsOnly`. */
  readonly stateDict?: readonly string[] | undefined;
}

/**
 * Reads `from` and creates `to`, which must not exist, in the format that the name of `to` ends with.
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
    return isSafetensors(to)
      ? await writeAsSafetensors(from, to, value, options)
      : await writeTorchFile(to, value, options);
  } finally {
    await input.close();
  }
}

interface Input {
  readonly value: TorchValue;
  close(): Promise<void>;
}

function isSafetensors(path: string): boolean {
  return path.toLowerCase().endsWith(".safetensors");
}

function openTorch(path: string): Promise<Input> {
  return readTorchFile(path);
}

async function openSafetensors(path: string): Promise<Input> {
  const file = await readSafetensors(path);
  try {
    return { value: valueOf(file), close: () => file.close() };
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
  const tensors = together(found);
  if (tensors === undefined)
    throw new GuardapesosError("STATE_DICT_AMBIGUOUS", { file, network: undefined, names });
  return orderedDict(tensors);
}

async function writeAsSafetensors(
  from: string,
  to: string,
  value: TorchValue,
  options: WriteOptions,
): Promise<WrittenFile> {
  const names = new Map<TorchTensor, string>();
  const tensors = new Map<string, TorchTensor>();
  const tries = new Map<string, number>();
  for (const [path, tensor] of tensorsIn(value)) {
    if (names.has(tensor)) continue;
    const name = freeName(pathName(path), tensors, tries);
    names.set(tensor, name);
    tensors.set(name, tensor);
  }
  // Tensors that are the same view of one storage are written each under its name, and joined again on the way back.
  const firstOf = new Map<string, string>();
  const storages = new Map<object, number>();
  const toJson = (part: TorchTensor | CompoundTensor | TorchStorage): Json => {
    const tensor = part.kind === "tensor" ? part : undefined;
    const name = tensor === undefined ? undefined : names.get(tensor);
    if (tensor === undefined || name === undefined) {
      throw unsupported(from, { feature: "not-in-safetensors", what: part.kind });
    }
    const { identity } = tensor.storage;
    const storage = storages.get(identity) ?? storages.size;
    storages.set(identity, storage);
    const view = JSON.stringify([storage, tensor.offset, tensor.shape, tensor.strides]);
    const first = firstOf.get(view) ?? name;
    firstOf.set(view, first);
    return {
      tensor: name,
      ...(first === name ? {} : { same: first }),
      ...(tensor.parameter ? { parameter: true } : {}),
      ...(tensor.requiresGrad ? { requires_grad: true } : {}),
    };
  };
  const structure = valueToJson(value, toJson);
  return writeSafetensors(
    to,
    tensors,
    [
      ["format", "pt"],
      [STRUCTURE, JSON.stringify(structure)],
    ],
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
  if (structure === undefined) return orderedDict(file.tensors);
  const tensorFromJson = (json: JsonObject): TorchTensor | undefined => {
    const { tensor: name, same } = json;
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
    return tensorOver({
      ...tensor,
      storage: first.storage,
      parameter: json["parameter"] === true,
      requiresGrad: json["requires_grad"] === true,
    });
  };
  try {
    return valueFromJson(JSON.parse(structure) as Json, tensorFromJson);
  } catch (error) {
    if (!(error instanceof NotAValue || error instanceof SyntaxError)) throw error;
    throw invalid({ file: file.path, where: "header", base: 0 }, 8, { reason: "structure" });
  }
}
