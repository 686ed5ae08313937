/** The backups in a folder. What has the name of one and nothing of a checkpoint in it is the user's own, and no backup. */
import { basename } from "node:path";
import type { FolderPath } from "./brands.js";
import { newestBackupsFirst } from "./backup-policy.js";
import { codeOf, type Disk } from "./disk.js";
import {
  readAll,
  readGeneration,
  refuseLinked,
  stillThere,
  type Generation,
  type Listing,
} from "./generations.js";
import { backupsFolder, isBackupName, keptFile, manifestFile, verifiedFile, within } from "./names.js";
import type { Site } from "./site.js";

/** The backups of a store in its weights folder, newest first; an `id` is the backup's name. */
export async function listBackups(
  { disk, weights, folder }: Site,
  now: number = Date.now(),
): Promise<Listing> {
  const parent = backupsFolder(weights);
  if ((await disk.info(parent))?.kind === "link") {
    const id = basename(parent);
    return { whole: [], damaged: [{ id, file: id, reason: "not-a-file", found: "link" }] };
  }
  const { whole, damaged } = await backupsIn(parent, disk, now);
  // Which store a damaged one is of, it cannot say.
  return { whole: whole.filter(({ store }) => store === folder), damaged };
}

/** The backups in any folder, newest first; of one that cannot be listed, none. */
export async function backupsIn(parent: FolderPath, disk: Disk, now: number): Promise<Listing> {
  const names: string[] = [];
  for (const name of (await disk.list(parent).catch(() => [])).filter(isBackupName)) {
    if (await isBackup(disk, within(parent, name))) names.push(name);
  }
  const { whole, damaged } = await readAll(names, async (name) => {
    await refuseLinked(disk, within(parent, name), name);
    return readGeneration(disk, within(parent, name), name, undefined);
  });
  return {
    whole: newestBackupsFirst(whole, now),
    damaged: await stillThere(disk, damaged, ({ id }) => within(parent, id)),
  };
}

/** Whether there is anything of a checkpoint in it; a link is told as damaged, and never followed. */
async function isBackup(disk: Disk, folder: string): Promise<boolean> {
  const { kind } = (await disk.info(folder)) ?? {};
  if (kind !== "folder") return kind === "link";
  const names = await disk.list(folder).catch((error: unknown) => {
    if (codeOf(error) === undefined) throw error;
    return [manifestFile];
  });
  return names.some((name) => name === manifestFile || name.endsWith(".pth"));
}

/** Whether nothing but a backup lies in its folder: what a person has put there goes by nobody else's hand. */
export async function isNothingElse(disk: Disk, { folder, files }: Generation): Promise<boolean> {
  const ours = new Set([manifestFile, verifiedFile, keptFile, ...files.map(({ path }) => basename(path))]);
  return (await disk.list(folder)).every((name) => ours.has(name));
}
