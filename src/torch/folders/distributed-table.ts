/**
 * The `.metadata` of a torch.distributed.checkpoint folder: which tensors there are, in which chunks, and where each chunk lies.
 * A pickle of torch's own classes, read as data. Source: torch/distributed/checkpoint/metadata.py and filesystem.py; what
 * PyTorch calls storage_data is a dict of (name, offset in the tensor) -> (file, byte, length).
 */
import { PickleCutOff } from "../pickle-machine.js";
import { unpickle } from "../pickle-read.js";
import { invalid, unsupported, type Origin } from "../problems.js";
import { openSource, readBytes } from "../source.js";
import { notAStorage } from "../storage.js";
import { isDict, isKind, type TorchDict, type TorchValue } from "../values.js";

/** Bytes of the largest table that is read. */
const MAX_TABLE = 256 * 2 ** 20;
/** An item of 80 bytes makes five objects: measured, 46 bytes of memory for each byte. */
const MEMORY_TIMES = 4;

export interface Chunk {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

export interface TableTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly chunks: readonly Chunk[];
}

export interface TableItem {
  readonly name: string;
  /** Of the chunk in its tensor; undefined for what is no tensor. */
  readonly offsets: readonly number[] | undefined;
  readonly file: string;
  readonly start: number;
  readonly bytes: number;
  /** Whether the bytes were packed or otherwise changed on their way to the disk. */
  readonly isTransformed: boolean;
}

export interface DistributedTable {
  readonly tensors: ReadonlyMap<string, TableTensor>;
  /** Names of what is no tensor. */
  readonly values: ReadonlySet<string>;
  readonly items: readonly TableItem[];
}

/**
 * @throws TORCH_FILE_UNREADABLE, TORCH_FILE_INVALID where it is no such table or damaged, TORCH_FILE_UNSUPPORTED, TORCH_FILE_REFUSED
 */
export async function readTable(path: string): Promise<DistributedTable> {
  const source = await openSource(path);
  try {
    const origin: Origin = { file: path, where: "pickle", base: 0 };
    if (source.size === 0) throw invalid(origin, 0, { reason: "empty" });
    if (source.size > MAX_TABLE)
      throw unsupported(path, { feature: "size", where: "pickle", bytes: source.size });
    const bytes = await readBytes(source, 0, source.size);
    const { value, length } = unpickle(bytes, origin, () => notAStorage, {
      skipUnknown: true,
      memoryTimes: MEMORY_TIMES,
    });
    if (length !== bytes.length) throw invalid(origin, length, { reason: "appended" });
    const table = tableIn(value);
    if (table === undefined) throw invalid(origin, 0, { reason: "pickle" });
    return table;
  } catch (error) {
    if (!(error instanceof PickleCutOff)) throw error;
    throw invalid({ file: path, where: "pickle", base: 0 }, source.size, { reason: "cut-off" });
  } finally {
    await source.close();
  }
}

function tableIn(value: TorchValue): DistributedTable | undefined {
  const fields = fieldsOf(value, "Metadata");
  const described = fields?.get("state_dict_metadata");
  const placed = fields?.get("storage_data");
  if (!isDict(described) || !isDict(placed)) return undefined;
  const tensors = new Map<string, TableTensor>();
  const values = new Set<string>();
  for (const [name, entry] of described) {
    if (typeof name !== "string") return undefined;
    const tensor = tensorIn(entry);
    if (tensor !== undefined) tensors.set(name, tensor);
    else if (fieldsOf(entry, "BytesStorageMetadata") !== undefined) values.add(name);
    else return undefined;
  }
  const items = [...placed].map(([key, place]) => itemIn(key, place));
  return items.every((item) => item !== undefined) ? { tensors, values, items } : undefined;
}

function tensorIn(entry: TorchValue): TableTensor | undefined {
  const fields = fieldsOf(entry, "TensorStorageMetadata");
  const shape = sizesIn(fields?.get("size"));
  const listed = fields?.get("chunks");
  const properties = fields?.get("properties");
  if (shape === undefined || !Array.isArray(listed) || !isKind(properties, "object")) return undefined;
  const { state } = properties;
  const type = isKind(state, "tuple") ? state.items[0] : isDict(state) ? state.get("dtype") : undefined;
  const chunks = listed.map(chunkIn);
  if (!isKind(type, "global") || !chunks.every((chunk) => chunk !== undefined)) return undefined;
  return { dtype: type.name, shape, chunks };
}

function chunkIn(entry: TorchValue): Chunk | undefined {
  const fields = fieldsOf(entry, "ChunkStorageMetadata");
  const offsets = sizesIn(fields?.get("offsets"));
  const sizes = sizesIn(fields?.get("sizes"));
  return offsets && sizes && offsets.length === sizes.length ? { offsets, sizes } : undefined;
}

function itemIn(key: TorchValue, place: TorchValue): TableItem | undefined {
  const index = fieldsOf(key, "MetadataIndex");
  const info = fieldsOf(place, "_StorageInfo");
  const [name, file] = [index?.get("fqn"), info?.get("relative_path")];
  const [start, bytes] = [wholeIn(info?.get("offset")), wholeIn(info?.get("length"))];
  const offset = index?.get("offset") ?? null;
  const offsets = offset === null ? undefined : sizesIn(offset);
  const isComplete = typeof name === "string" && typeof file === "string" && start !== undefined;
  if (!isComplete || bytes === undefined || (offset !== null && offsets === undefined)) return undefined;
  const transforms = info?.get("transform_descriptors") ?? null;
  return { name, offsets, file, start, bytes, isTransformed: transforms !== null };
}

/** The attributes of an object of a class of this name, whatever module it is in: it has moved between versions. */
function fieldsOf(value: TorchValue | undefined, type: string): TorchDict | undefined {
  if (!isKind(value, "object") || value.type.name !== type) return undefined;
  if (isDict(value.state)) return value.state;
  return value.state === undefined ? new Map() : undefined;
}

function wholeIn(value: TorchValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** torch.Size((2, 3)) */
function sizesIn(value: TorchValue | undefined): number[] | undefined {
  const items = isKind(value, "object") && value.type.name === "Size" ? value.args[0] : value;
  const list = isKind(items, "tuple") ? items.items : Array.isArray(items) ? items : undefined;
  const numbers = list?.map(wholeIn);
  return numbers?.every((number) => number !== undefined) ? numbers : undefined;
}
