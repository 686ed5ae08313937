/** Taking a file that lies elsewhere into a generation, byte for byte, and knowing that it was still while it was read. */
import { createHash } from "node:crypto";
import { GuardapesosError } from "../base/errors.js";
import type { ArtifactRecord, CopiedArtifact, TensorIndex } from "./artifact.js";
import { copyFile, type FileInfo } from "./disk.js";
import { hashFile } from "./hash-file.js";
import type { Site } from "./site.js";

/**
 * Copies a file: shares its blocks where the file system can (the copy is read for its digest then), else byte by byte.
 * @throws ARTIFACT_CHANGED it was written to meanwhile, or is no file
 */
export async function copyArtifact(
  site: Site,
  { name, medium, from }: CopiedArtifact,
  path: string,
  onProgress: (bytes: number) => void,
): Promise<ArtifactRecord> {
  const { disk } = site;
  const before = await stillness(site, from);
  let bytes = 0;
  const onRead = (length: number): void => onProgress((bytes += length));
  let sha256: string;
  if (await disk.clone(from, path)) sha256 = await hashFile(disk, path, { onRead });
  else {
    const hash = createHash("sha256");
    await copyFile(disk, from, path, (piece) => {
      hash.update(piece);
      onRead(piece.length);
    });
    sha256 = hash.digest("hex");
  }
  const after = await stillness(site, from);
  const isSame = (["identity", "bytes", "modified"] as const).every((fact) => before[fact] === after[fact]);
  if (!isSame || bytes !== before.bytes) throw new GuardapesosError("ARTIFACT_CHANGED", { file: from });
  const tensors = await indexOf(site, medium, path);
  return { name, bytes, digest: `sha256:${sha256}`, medium, ...(tensors && { tensors }) };
}

async function stillness({ disk }: Site, path: string): Promise<FileInfo> {
  const info = await disk.info(path);
  if (info?.kind === "file") return info;
  throw new GuardapesosError("ARTIFACT_CHANGED", { file: path });
}

/** undefined for a file that its medium's reader can make nothing of: it is kept as it is all the same. */
async function indexOf(
  { codecs, disk }: Site,
  medium: CopiedArtifact["medium"],
  path: string,
): Promise<TensorIndex | undefined> {
  const codec = codecs[medium];
  try {
    return await codec?.inspect(disk, path, undefined, "crc32");
  } catch (error) {
    if (codec?.faultOf(error) === undefined) throw error;
    return undefined;
  }
}
