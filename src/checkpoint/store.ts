/** The writing side of a weights folder, for networks. */
import {
  nodeDisk,
  openStore as openFiles,
  ownFolder,
  saveElsewhere as saveFilesElsewhere,
  siteOf,
  type Disk,
  type LockOptions,
  type Opening as StoredOpening,
  type SaveReport as StoredReport,
  type OpenOptions,
  type Site,
  type Store as FileStore,
} from "../store/index.js";
import { requestOf } from "./artifacts.js";
import type { Checkpoint } from "./checkpoint.js";
import { generationOf, type Generation } from "./generation.js";
import { codecs } from "./torch-codec.js";

/** The store of the networks that are trained here. */
export function networkSite(weights: string, disk: Disk = nodeDisk): Site {
  return siteOf(weights, { folder: ownFolder, codecs, disk });
}

export interface StoreOptions extends OpenOptions {
  /** The weights folder; made when it is not there. */
  readonly folder: string;
  /** For the writer's thread: whether a last save that finds the disk full is saved elsewhere, too. */
  readonly refugeWhenFull?: boolean | undefined;
}

export interface Opening extends Omit<StoredOpening, "lineage" | "sequence"> {
  /** The highest `sequence` that was given out here by then. */
  readonly sequence: number;
  /** The line of descent that its generations will be of. */
  readonly run: string;
}

export interface SaveReport extends Omit<StoredReport, "generation"> {
  readonly generation: Generation;
}

export interface Store extends Pick<FileStore, "device" | "close"> {
  /** What opening found and mended. */
  readonly opening: Opening;
  /**
   * Saves, one after the other when called again meanwhile. When it throws, the older generations are as they were, and the
   * store can be used on.
   * @param onProgress told the share done, 0 to 1
   * @throws DISK_FULL, WEIGHTS_NOT_WRITABLE, SAVE_FAILED, SAVE_NOT_VERIFIED, WEIGHTS_IN_USE (taken over by another)
   */
  save(checkpoint: Checkpoint, onProgress?: (share: number) => void): Promise<SaveReport>;
}

const reportOf = ({ generation, ...rest }: StoredReport): SaveReport => ({
  generation: generationOf(generation),
  ...rest,
});

/**
 * Opens a weights folder for writing.
 * @throws WEIGHTS_IN_USE, WEIGHTS_NOT_WRITABLE, FOLDER_IS_LINK, DISK_FULL, SAVE_FAILED (the disk fails)
 */
export async function openStore(
  options: StoreOptions,
  disk: Disk = nodeDisk,
  onWaiting?: LockOptions["onWaiting"],
): Promise<Store> {
  const site = networkSite(options.folder, disk);
  const files = await openFiles(site, options, onWaiting);
  const { lineage, ...opened } = files.opening;
  return {
    device: files.device,
    opening: { ...opened, run: lineage },
    save: async (checkpoint, onProgress) => reportOf(await files.save(requestOf(checkpoint), onProgress)),
    close: () => files.close(),
  };
}

/** The last save of a training, in another place. @returns undefined when none takes it, or `error` is not about the place */
export async function saveElsewhere(
  checkpoint: Checkpoint,
  error: unknown,
  options: StoreOptions,
  device: string | undefined,
  onProgress?: (share: number) => void,
): Promise<{ readonly folder: string; readonly report: SaveReport } | undefined> {
  const place = {
    site: networkSite(options.folder),
    series: options,
    whenFull: options.refugeWhenFull ?? false,
    device,
  };
  const found = await saveFilesElsewhere(requestOf(checkpoint), error, place, onProgress);
  return found && { folder: found.folder, report: reportOf(found.report) };
}
