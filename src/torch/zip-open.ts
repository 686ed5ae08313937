/**
 * The format of PyTorch 1.6 and later: a zip archive with one folder, in it data.pkl and the storages data/KEY.
 * Grammar: docs/torch-format.md.
 */
import { dtypes } from "./dtypes.js";
import { PickleCutOff, type NoStorage } from "./pickle-machine.js";
import { unpickle } from "./pickle-read.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import type { Source } from "./source.js";
import { storageId, storageOver, type Opened } from "./storage.js";
import type { TorchStorage, TorchValue } from "./values.js";
import { readArchive, type Entry } from "./zip-directory.js";
import { recordReader, type RecordReader } from "./zip-record.js";

/** Bytes of the largest data.pkl that is unpacked: it has to lie in memory whole. */
const MAX_UNPACKED_PICKLE = 16 * 2 ** 20;
/** Bytes of the largest data.pkl that is read: ten million tensors. */
const MAX_PICKLE = 2 ** 30;

/** @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED */
export async function openZip(source: Source): Promise<Opened> {
  const { entries } = await readArchive(source);
  const directory: Origin = { file: source.path, record: "zip directory", base: 0 };
  const folder = entries[0]!.name.split("/", 1)[0]!;
  const records = new Map<string, Entry>();
  for (const entry of entries) {
    if (!entry.name.startsWith(`${folder}/`))
      throw invalid(directory, entry.offset, "there are records outside its one folder");
    records.set(entry.name.slice(folder.length + 1), entry);
  }
  if (records.has("constants.pkl") || [...records.keys()].some((name) => name.startsWith("code/"))) {
    throw unsupported(source.path, "a TorchScript program (torch.jit.save)");
  }
  const main = records.get("data.pkl");
  if (main === undefined) throw invalid(directory, 0, "there is no record data.pkl in the archive");
  const readers = new Map<string, RecordReader>();
  const readerOf = (entry: Entry) => {
    const reader = readers.get(entry.name) ?? recordReader(source, entry);
    readers.set(entry.name, reader);
    return reader;
  };
  const bigEndian = await isBigEndian(source, records.get("byteorder"));

  const storages = new Map<string, TorchStorage>();
  const storageOf = (id: readonly TorchValue[]): TorchStorage | NoStorage => {
    const wanted = storageId(id);
    if ("problem" in wanted) return wanted;
    if (id.length !== 5) return { problem: "a persistent id that is not a storage" };
    const { key, dtype, length } = wanted;
    const known = storages.get(key);
    if (known !== undefined) {
      const same = known.dtype === dtype && known.length === length;
      return same ? known : { problem: `storage ${key} has two types or lengths` };
    }
    const entry = records.get(`data/${key}`);
    if (entry === undefined) return { problem: `there is no record data/${key} for storage ${key}` };
    if (entry.size !== length * dtypes[dtype].size) {
      return {
        problem: `storage ${key} should have ${length} elements of ${dtype}, but its record has ${entry.size} bytes`,
      };
    }
    const storage = storageOver(wanted, readerOf(entry), bigEndian ? dtypes[dtype].word : 1);
    storages.set(key, storage);
    return storage;
  };

  const limit = main.method === 0 ? MAX_PICKLE : MAX_UNPACKED_PICKLE;
  if (main.size > limit) throw unsupported(source.path, `a data.pkl of ${main.size} bytes`);
  const reader = readerOf(main);
  const position = await reader.position();
  const bytes = new Uint8Array(main.size);
  await reader.readInto(0, bytes);
  const origin: Origin = { file: source.path, record: "data.pkl", base: position ?? 0 };
  const { value, length, shared } = wholePickle(bytes, origin, storageOf, main.packed);
  if (length !== bytes.length) throw invalid(origin, length, "there is more after the end of the pickle");
  return {
    value,
    format: "zip",
    pickleBytes: main.packed,
    shared,
    async verify() {
      for (const entry of entries) {
        await readerOf(entry).check();
      }
    },
  };
}

function wholePickle(...args: Parameters<typeof unpickle>): ReturnType<typeof unpickle> {
  try {
    return unpickle(...args);
  } catch (error) {
    if (!(error instanceof PickleCutOff)) throw error;
    throw invalid(args[1], args[0].length, `the pickle is cut off: ${error.message}`);
  }
}

async function isBigEndian(source: Source, entry: Entry | undefined): Promise<boolean> {
  if (entry === undefined) return false;
  const bytes = new Uint8Array(Math.min(entry.size, 16));
  await recordReader(source, entry).readInto(0, bytes);
  const order = Buffer.from(bytes).toString("latin1");
  if (order === "little" || order === "big") return order === "big";
  throw invalid(
    { file: source.path, record: entry.name, base: entry.offset },
    0,
    `the byte order ${JSON.stringify(order)}`,
  );
}
