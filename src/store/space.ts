/** Room on the disk: what a save needs, how many more fit, and the ballast that an emergency save may throw off. */
import { randomFillSync } from "node:crypto";
import type { SaveRequest } from "./artifact.js";
import { writeText } from "./disk.js";
import { ballastPath, spareFiles } from "./names.js";
import type { Site } from "./site.js";

/** For names, manifest and what the file system needs for its own books. */
const BYTES_PER_SAVE = 256 * 1024;

/**
 * Bytes that a save will take on disk, at most.
 * @param copies whole copies of it that are made beside it, where the file system has no hard links
 */
export function spaceNeeded({ artifacts, metadata }: SaveRequest, copies: number): number {
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  return bytes * (1 + copies) + 2 * JSON.stringify(metadata).length + BYTES_PER_SAVE;
}

/** How many more saves of this size fit into the free space if nothing is removed meanwhile. */
export function savesLeft(free: number, bytesPerSave: number): number {
  return Math.max(0, Math.floor(free / Math.max(1, bytesPerSave)));
}

/**
 * Writes the ballast unless there is one of that size. It holds random bytes: a file system that packs or leaves out zeros
 * would not keep the room. Empty files beside it keep inodes.
 * REQUIRES: there is room.
 */
export async function keepBallast(site: Site, bytes: number): Promise<void> {
  const { disk } = site;
  for (const spare of spareFiles(site)) {
    if ((await disk.info(spare)) === undefined) await writeText(disk, spare, "");
  }
  const path = ballastPath(site);
  const there = await disk.info(path);
  if (there?.kind === "file" && there.bytes >= bytes) return;
  if (there !== undefined) await disk.remove(path);
  const block = new Uint8Array(Math.min(bytes, 2 ** 20));
  const sink = await disk.create(path);
  try {
    for (let left = bytes; left > 0; left -= block.length) {
      randomFillSync(block); // again, for file systems that store equal blocks once
      await sink.write(left < block.length ? block.subarray(0, left) : block);
    }
    await sink.sync();
    await sink.close();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/** @returns whether there was any */
export async function releaseBallast(site: Site): Promise<boolean> {
  const { disk } = site;
  let released = false;
  for (const path of [ballastPath(site), ...spareFiles(site)]) {
    if ((await disk.info(path)) === undefined) continue;
    await disk.remove(path);
    released = true;
  }
  return released;
}
