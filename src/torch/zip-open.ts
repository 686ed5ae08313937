/**
 * The format of PyTorch 1.6 and later: a zip archive with one folder, in it data.pkl and the storages data/KEY.
 * Grammar: docs/torch-format.md.
 */
import { dtypes } from "./dtypes.js";
import { PickleCutOff, type NoStorage } from "./pickle-machine.js";
import { unpickle } from "./pickle-read.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import type { Source } from "./source.js";
import { notAStorage, storageId, storageOver, type Opened } from "./storage.js";
import type { TorchStorage, TorchValue } from "./values.js";
import { readArchive, STORED, type Entry } from "./zip-directory.js";
import { recordReader, type RecordReader } from "./zip-record.js";

/** Bytes of the largest data.pkl that is unpacked: it has to lie in memory whole. */
const MAX_UNPACKED_PICKLE = 16 * 2 ** 20;
/** The pickle of a good checkpoint packs to a tenth; memory and time for it are allowed by what it takes in the file. */
const PICKLE_PACKS = 10;
/** Bytes of the largest data.pkl that is read: half a million tensors. */
const MAX_PICKLE = 64 * 2 ** 20;

/** @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED */
export async function openZip(source: Source, skipUnknown: boolean): Promise<Opened> {
  const { entries, checksums } = await readArchive(source);
  const directory: Origin = { file: source.path, where: "zip-directory", base: 0 };
  const folder = entries[0]!.name.split("/", 1)[0]!;
  const records = new Map<string, Entry>();
  for (const entry of entries) {
    if (!entry.name.startsWith(`${folder}/`))
      throw invalid(directory, entry.offset, { reason: "record-name", name: entry.name });
    records.set(entry.name.slice(folder.length + 1), entry);
  }
  const program = programIn([...records.keys()]);
  if (program !== undefined) throw unsupported(source.path, { feature: program });
  const main = records.get("data.pkl");
  if (main === undefined) throw invalid(directory, 0, { reason: "record-missing", name: "data.pkl" });
  const readers = new Map<Entry, RecordReader>();
  const readerOf = (entry: Entry) => {
    const reader = readers.get(entry) ?? recordReader(source, entry, checksums);
    readers.set(entry, reader);
    return reader;
  };
  const bigEndian = await isBigEndian(source, records.get("byteorder"), checksums);

  const storages = new Map<string, TorchStorage>();
  const packed = new Set<object>();
  const storageOf = (id: readonly TorchValue[]): TorchStorage | NoStorage => {
    const wanted = storageId(id);
    if ("problem" in wanted) return wanted;
    if (id.length !== 5) return notAStorage;
    const { key, dtype, length } = wanted;
    const known = storages.get(key);
    if (known !== undefined) {
      const same = known.dtype === dtype && known.length === length;
      return same ? known : notAStorage;
    }
    const entry = records.get(`data/${key}`);
    if (entry === undefined) return { problem: { reason: "record-missing", name: `data/${key}` } };
    const expected = length * dtypes[dtype].size;
    if (entry.size !== expected) {
      return { problem: { reason: "record-size", bytes: entry.size, expected } };
    }
    const storage = storageOver(wanted, readerOf(entry), bigEndian ? dtypes[dtype].word : 1);
    storages.set(key, storage);
    if (entry.method !== STORED) packed.add(storage.identity);
    return storage;
  };

  const limit = main.method === STORED ? MAX_PICKLE : MAX_UNPACKED_PICKLE;
  if (main.size > limit)
    throw unsupported(source.path, { feature: "size", where: { record: "data.pkl" }, bytes: main.size });
  const pickleBytes = Math.min(main.size, PICKLE_PACKS * main.packed);
  const reader = readerOf(main);
  const position = await reader.position();
  const bytes = new Uint8Array(main.size);
  await reader.readInto(0, bytes);
  const origin: Origin = { file: source.path, where: { record: "data.pkl" }, base: position ?? 0 };
  const options = { worth: pickleBytes, skipUnknown };
  const { value, length, shared, skipped } = wholePickle(bytes, origin, storageOf, options);
  if (length !== bytes.length) throw invalid(origin, length, { reason: "appended" });
  return {
    value,
    format: "zip",
    pickleBytes,
    shared,
    packed,
    skipped,
    checksums,
    async verify() {
      for (const entry of entries)
        await (readers.get(entry) ?? recordReader(source, entry, checksums)).check();
    },
  };
}

/** What torch saves in the same kind of archive that is no checkpoint. */
function programIn(
  names: readonly string[],
): "torchscript" | "exported-program" | "torch-package" | undefined {
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  // torch.export.save: since PyTorch 2.8 with an archive_format, before that with one record of JSON.
  if (has(/^(archive_format|serialized_exported_program\.(json|pt))$/)) return "exported-program";
  if (has(/^(constants\.pkl$|code\/)/)) return "torchscript";
  return has(/^\.data\/(extern_modules|python_version)$/) ? "torch-package" : undefined;
}

function wholePickle(...args: Parameters<typeof unpickle>): ReturnType<typeof unpickle> {
  try {
    return unpickle(...args);
  } catch (error) {
    if (!(error instanceof PickleCutOff)) throw error;
    throw invalid(args[1], args[0].length, { reason: "cut-off" });
  }
}

async function isBigEndian(source: Source, entry: Entry | undefined, checksums: boolean): Promise<boolean> {
  if (entry === undefined) return false;
  const bytes = new Uint8Array(Math.min(entry.size, 16));
  await recordReader(source, entry, checksums).readInto(0, bytes);
  const order = Buffer.from(bytes).toString("latin1");
  if (order === "little" || order === "big") return order === "big";
  throw invalid({ file: source.path, where: { record: entry.name }, base: entry.offset }, 0, {
    reason: "pickle",
  });
}
