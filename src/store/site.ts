/** A store as everything in it is told of it: where it is, and by which means it is read and written. */
import type { Codecs } from "./codec.js";
import { nodeDisk, type Disk } from "./disk.js";
import type { Place } from "./names.js";

export interface Site extends Place {
  readonly disk: Disk;
  readonly codecs: Codecs;
  /** Whether the newest sound generation, and each emergency one, has names in the weights folder. */
  readonly aliases: boolean;
}

/**
 * Names of the folders of generations: of networks that are trained here, and of other programs' trainings. No framework
 * writes to the second: Accelerate deletes by number whatever lies in `checkpoints`.
 */
export const ownFolder = "checkpoints";
export const guardedFolder = "guardapesos";

/**
 * @param codecs for tensors in files; without them a damaged file is known by its digest alone
 */
export function siteOf(
  weights: string,
  {
    folder = ownFolder,
    codecs = {},
    disk = nodeDisk,
    aliases = folder === ownFolder,
  }: Partial<Omit<Site, "weights">> = {},
): Site {
  return { weights, folder, disk, codecs, aliases };
}
