/** Storages of a file: what a pickle says of them, and the bytes behind it. */
import { dtypeOfStorageClass, type Dtype } from "./dtypes.js";
import type { NoStorage } from "./pickle-machine.js";
import { isKind, type TorchStorage, type TorchValue } from "./values.js";
import type { RecordReader } from "./zip-record.js";

/** What is known of a file once it is open. */
export interface Opened {
  readonly value: TorchValue;
  readonly format: "zip" | "legacy";
  /** Bytes of the pickle of `value`, as far as what it takes in the file allows. */
  readonly pickleBytes: number;
  /** The values in it that may stand in more than one place. */
  readonly shared: ReadonlySet<TorchValue>;
  /** Identities of storages that are unpacked from their beginning whenever a part of them is read. */
  readonly packed: ReadonlySet<object>;
  /** Names that are not on the allow-list and were skipped. */
  readonly skipped: readonly string[];
  /** Whether the file has checksums of its data. */
  readonly checksums: boolean;
  /** Checks all that can be checked. @throws TORCH_FILE_INVALID */
  verify(): Promise<void>;
}

/** A persistent id that is no storage, or contradicts another of the same key. */
export const notAStorage: NoStorage = { problem: { reason: "storage" } };

/** A storage that a pickle names. */
export interface StorageId {
  readonly key: string;
  readonly dtype: Dtype;
  readonly location: string;
  /** Elements. */
  readonly length: number;
}

/** ("storage", class, key, location, elements) */
export function storageId(id: readonly TorchValue[]): StorageId | NoStorage {
  const [tag, type, key, location, length] = id;
  if (tag !== "storage" || !isKind(type, "global")) return notAStorage;
  const untyped = /^_?UntypedStorage$/.test(type.name);
  const dtype = untyped ? "uint8" : dtypeOfStorageClass(type.name);
  if (dtype === undefined || typeof key !== "string" || typeof location !== "string") return notAStorage;
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) return notAStorage;
  return { key, dtype, location, length };
}

/** @param word bytes that are swapped as one; 1 for none */
export function storageOver(id: StorageId, reader: RecordReader, word: number): TorchStorage {
  const identity = {};
  return {
    kind: "storage",
    dtype: id.dtype,
    length: id.length,
    location: id.location,
    identity,
    async readInto(start, target) {
      await reader.readInto(start, target);
      swap(target, word);
    },
    async *chunks() {
      for await (const piece of reader.chunks()) {
        swap(piece, word);
        yield piece;
      }
    },
  };
}

/** Turns big-endian words around, in place. REQUIRES: whole words. */
function swap(bytes: Uint8Array, word: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (word === 2) buffer.swap16();
  else if (word === 4) buffer.swap32();
  else if (word === 8) buffer.swap64();
}
