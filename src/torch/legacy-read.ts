/**
 * The format before PyTorch 1.6, still written by `_use_new_zipfile_serialization=False`: pickles one after the other
 * (magic number, version, machine, value, keys of the storages), then each storage as its length and its bytes. There
 * are no checksums, but every byte up to the end of the file is accounted for. Grammar: docs/torch-format.md.
 */
import { dtypes } from "./dtypes.js";
import { PickleCutOff, type NoStorage } from "./pickle-machine.js";
import { unpickle, type Unpickled } from "./pickle-read.js";
import { invalid, unsupported, type Origin } from "./problems.js";
import { readBytes, type Source } from "./source.js";
import { notAStorage, storageId, storageOver, type Opened, type StorageId } from "./storage.js";
import { isKind, type TorchStorage, type TorchValue } from "./values.js";
import type { RecordReader } from "./zip-record.js";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** First try at the length of the pickles; doubled until they fit. */
const WINDOW = 2 ** 20;
const MAX_WINDOW = 64 * 2 ** 20;
const CHUNK = 4 * 2 ** 20;

/** A storage whose place in the file is known once the keys are read. */
interface Pending {
  readonly id: StorageId;
  /** Byte of the file where its elements begin. */
  position?: number;
  readonly storage: TorchStorage;
}

/** Reads the head. @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED */
export async function openLegacy(source: Source, skipUnknown: boolean): Promise<Opened> {
  for (let window = WINDOW; ; window *= 4) {
    const bytes = await readBytes(source, 0, Math.min(window, MAX_WINDOW, source.size));
    try {
      const head = readHead(source, bytes, skipUnknown);
      await placeStorages(source, head);
      return {
        value: head.value,
        format: "legacy",
        pickleBytes: head.length,
        shared: head.shared,
        skipped: head.skipped,
        checksums: false,
        packed: new Set(),
        // There are no checksums; that all storages are there was seen on opening.
        verify: () => Promise.resolve(),
      };
    } catch (error) {
      if (!(error instanceof PickleCutOff)) throw error;
      const origin: Origin = { file: source.path, where: "pickle", base: 0 };
      if (bytes.length === source.size) throw invalid(origin, bytes.length, { reason: "cut-off" });
      if (window >= MAX_WINDOW)
        throw unsupported(source.path, { feature: "size", where: "pickle", bytes: MAX_WINDOW });
    }
  }
}

interface Head extends Pick<Unpickled, "value" | "shared" | "skipped"> {
  readonly keys: readonly string[];
  readonly storages: ReadonlyMap<string, Pending>;
  /** Byte of the file where the storages begin. */
  readonly length: number;
}

function readHead(source: Source, bytes: Uint8Array, skipUnknown: boolean): Head {
  let position = 0;
  const origin = (where: "start" | "pickle" | "storage-keys"): Origin => ({
    file: source.path,
    where,
    base: position,
  });
  const none = () => notAStorage;
  const next = (
    where: "start" | "pickle" | "storage-keys",
    storageOf: (id: readonly TorchValue[]) => TorchStorage | NoStorage = none,
  ) => {
    const result: Unpickled = unpickle(bytes.subarray(position), origin(where), storageOf, {
      worth: bytes.length,
      skipUnknown,
    });
    position += result.length;
    return result;
  };
  if (next("start").value !== MAGIC) throw invalid(origin("start"), 0, { reason: "not-torch" });
  const { value: version } = next("start");
  if (version !== PROTOCOL) throw unsupported(source.path, { feature: "legacy-version" });
  const { value: machine } = next("start");
  if (!(machine instanceof Map)) throw invalid(origin("start"), 0, { reason: "pickle" });
  const bigEndian = machine.get("little_endian") === false;

  const storages = new Map<string, Pending>();
  const { value, shared, skipped } = next("pickle", (id) => legacyStorage(source, id, storages, bigEndian));
  const { value: keys } = next("storage-keys");
  const names = Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : [];
  const complete =
    Array.isArray(keys) &&
    names.length === keys.length &&
    names.length === storages.size &&
    new Set(names).size === names.length &&
    names.every((key) => storages.has(key));
  if (!complete) throw invalid(origin("storage-keys"), 0, { reason: "storage" });
  return { value, shared, skipped, keys: names, storages, length: position };
}

/** ("storage", class, key, location, elements, view): view is None, or (key, offset, elements) of a part. */
function legacyStorage(
  source: Source,
  id: readonly TorchValue[],
  storages: Map<string, Pending>,
  bigEndian: boolean,
): TorchStorage | NoStorage {
  const wanted = storageId(id);
  if ("problem" in wanted) return wanted;
  if (id.length < 5 || id.length > 6) return notAStorage;
  const known = storages.get(wanted.key);
  if (known !== undefined && (known.id.dtype !== wanted.dtype || known.id.length !== wanted.length)) {
    return notAStorage;
  }
  const root = known ?? pendingStorage(source, wanted, bigEndian);
  storages.set(wanted.key, root);
  const view = id[5] ?? null;
  return view === null ? root.storage : partOf(root.storage, view);
}

/** A storage that is a part of another, as PyTorch 0.3 wrote views. */
function partOf(root: TorchStorage, view: TorchValue): TorchStorage | NoStorage {
  const [, offset, length] = isKind(view, "tuple") ? view.items : [];
  const good = (n: TorchValue | undefined): n is number =>
    typeof n === "number" && Number.isSafeInteger(n) && n >= 0;
  if (!good(offset) || !good(length) || offset + length > root.length) return notAStorage;
  const { size } = dtypes[root.dtype];
  const readInto = (start: number, target: Uint8Array) => root.readInto(start + offset * size, target);
  return {
    ...root,
    length,
    identity: {},
    readInto,
    async *chunks() {
      for (let at = 0; at < length * size; at += CHUNK) {
        const piece = new Uint8Array(Math.min(CHUNK, length * size - at));
        await readInto(at, piece);
        yield piece;
      }
    },
  };
}

function pendingStorage(source: Source, id: StorageId, bigEndian: boolean): Pending {
  const size = id.length * dtypes[id.dtype].size;
  const pending: { position?: number } = {};
  const reader: RecordReader = {
    size,
    position: () => Promise.resolve(pending.position),
    readInto: (start, target) => source.readInto(pending.position! + start, target),
    check: () => Promise.resolve(),
    async *chunks() {
      for (let at = 0; at < size; at += CHUNK) {
        yield await readBytes(source, pending.position! + at, Math.min(CHUNK, size - at));
      }
    },
  };
  const storage = storageOver(id, reader, bigEndian ? dtypes[id.dtype].word : 1);
  return Object.assign(pending, { id, storage });
}

/** Finds each storage behind the pickles: 8 bytes of length in elements, then the elements. */
async function placeStorages(source: Source, head: Head): Promise<void> {
  let position = head.length;
  for (const key of head.keys) {
    const pending = head.storages.get(key)!;
    const origin: Origin = { file: source.path, where: "storage", base: position };
    const size = pending.id.length * dtypes[pending.id.dtype].size;
    if (position + 8 + size > source.size) throw invalid(origin, 0, { reason: "cut-off" });
    const length = new DataView((await readBytes(source, position, 8)).buffer).getBigInt64(0, true);
    if (length !== BigInt(pending.id.length)) throw invalid(origin, 0, { reason: "storage" });
    pending.position = position + 8;
    position += 8 + size;
  }
  if (position !== source.size) {
    const origin: Origin = { file: source.path, where: "end", base: 0 };
    throw invalid(origin, position, { reason: "appended" });
  }
}
