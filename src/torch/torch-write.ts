/**
 * Values -> `.pth`, with the records of PyTorch 2 in its order: data.pkl, .format_version, .storage_alignment,
 * byteorder, data/N, version, .data/serialization_id. One pass, a few MiB of memory beyond the tensors; the same
 * content gives the same bytes, whatever the file is called.
 */
import { createHash } from "node:crypto";
import { dtypes } from "./dtypes.js";
import { pickle } from "./pickle-write.js";
import { openFile, type OpenSink } from "../base/file-sink.js";
import { byteStream, type StreamOptions, type WrittenFile } from "./stream.js";
import type { TorchValue } from "./values.js";
import { zipWriter } from "./zip-write.js";

/** The folder inside the archive. torch.save uses the file's name; a constant keeps the bytes free of it. */
const FOLDER = "archive";

export interface WriteOptions extends StreamOptions {
  /** Told the CRC-32 of each storage, with its identity: for a tensor in memory, its array. */
  readonly onStorage?: (identity: object, crc: number) => void;
  /** Opens what is written to; a new file by default. */
  readonly open?: OpenSink;
}

/**
 * Creates `path`, which must not exist, and writes `value` into it; the file has been fsynced when this returns. The
 * folder's own entry has not: that is for the caller, who knows what else belongs to the save.
 * A failed write removes the file it began and throws what the disk said (Node's error with ENOSPC, EEXIST, EIO...).
 * @param value usually a dict; tensors over one array (or read from one storage) share it in the file too
 */
export async function writeTorchFile(
  path: string,
  value: TorchValue,
  options: WriteOptions = {},
): Promise<WrittenFile> {
  const { bytes, storages } = pickle(value);
  const sink = await (options.open ?? openFile)(path);
  try {
    const stream = byteStream(sink, options);
    const zip = zipWriter(stream);
    const digest = createHash("sha256");
    const add = async (
      name: string,
      size: number,
      data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    ) => {
      const crc = await zip.add(`${FOLDER}/${name}`, size, data);
      digest.update(`${name} ${crc}\n`);
      return crc;
    };
    const addText = async (name: string, text: string) =>
      add(name, text.length, [new TextEncoder().encode(text)]);

    await add("data.pkl", bytes.length, [bytes]);
    await addText(".format_version", "1");
    await addText(".storage_alignment", "64");
    await addText("byteorder", "little");
    for (const [key, storage] of storages.entries()) {
      const size = storage.length * dtypes[storage.dtype].size;
      const crc = await add(`data/${key}`, size, storage.chunks());
      options.onStorage?.(storage.identity, crc);
    }
    await addText("version", "3\n");
    // PyTorch: 40 digits made from the names and CRCs of the records. Ours too, by another hash.
    const id = BigInt(`0x${digest.copy().digest("hex")}`) % 10n ** 40n;
    await addText(".data/serialization_id", id.toString().padStart(40, "0"));
    await zip.end();
    const written = await stream.finish();
    await sink.sync();
    await sink.close();
    return written;
  } catch (error) {
    await sink.discard();
    throw error;
  }
}
