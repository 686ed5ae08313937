/** What a folder is to the store, before anything is read from it. */
import { basename } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import { codeOf, nodeDisk, type Disk } from "./disk.js";
import { backupsFolder } from "./names.js";
import { guardedFolder, ownFolder } from "./site.js";

/** `foreign`: a file, or a folder with things in it of which nothing is ours. */
export type FolderState = "missing" | "empty" | "weights" | "foreign";

/**
 * Refuses a folder inside a weights folder that is a link: it leads elsewhere, and nothing of ours is there.
 * @throws FOLDER_IS_LINK
 */
export async function refuseLink(disk: Disk, folder: string): Promise<void> {
  if ((await disk.info(folder))?.kind === "link") throw new GuardapesosError("FOLDER_IS_LINK", { folder });
}

/** @throws FOLDER_NOT_READABLE */
export async function stateOfFolder(folder: string, disk: Disk = nodeDisk): Promise<FolderState> {
  const ours = [ownFolder, guardedFolder, basename(backupsFolder(folder))];
  try {
    const names = await disk.list(folder);
    if (names.length === 0) return "empty";
    return names.some((name) => name.endsWith(".pth") || ours.includes(name)) ? "weights" : "foreign";
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "missing";
    if (codeOf(error) === "ENOTDIR") return "foreign";
    throw new GuardapesosError("FOLDER_NOT_READABLE", { folder, reason: reasonOf(error) }, error);
  }
}
