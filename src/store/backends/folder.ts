/**
 * Copies in a folder, laid out like the store's own generations: `NAME/manifest.json` and the files beside it. What is not
 * finished lies in `.tmp-NAME`, and becomes `NAME` by one rename with the manifest.
 */
import { folderPath } from "../brands.js";
import { join } from "node:path";
import type { StoreProblem } from "../attempt.js";
import { discardFolder, removeFolder, removeLeftovers } from "../commit.js";
import { codeOf, type Disk } from "../disk.js";
import { isTemporaryFile, manifestFile, temporaryName } from "../names.js";
import {
  BackendError,
  checkName,
  isGenerationName,
  type Backend,
  type BackendReader,
  type Content,
  type ObjectName,
} from "./backend.js";

/** Writes a file whole and synced, or not at all. */
async function writeWhole(disk: Disk, path: string, object: ObjectName, content: Content): Promise<void> {
  const sink = await disk.create(path).catch((error: unknown) => {
    throw codeOf(error) === "EEXIST" ? new BackendError("exists", object, { cause: error }) : error;
  });
  try {
    let bytes = 0;
    for await (const piece of content.pieces) {
      bytes += piece.length;
      if (bytes > content.bytes) throw new BackendError("torn", object, { bytes });
      await sink.write(piece);
    }
    if (bytes < content.bytes) throw new BackendError("torn", object, { bytes });
    await sink.sync();
    await sink.close();
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

/** Whether a generation does; links are followed nowhere. */
async function exists(disk: Disk, folder: string, generation: string): Promise<boolean> {
  const at = join(folder, generation);
  if (!isGenerationName(generation) || (await disk.info(at))?.kind !== "folder") return false;
  return (await disk.info(join(at, manifestFile)))?.kind === "file";
}

/** Reads the copies in a folder; one that is not there has none. */
export function readFolder(disk: Disk, folder: string): BackendReader {
  return {
    place: folder,
    async *get(name) {
      checkName(name);
      if (!(await exists(disk, folder, name.generation))) throw new BackendError("missing", name);
      try {
        yield* disk.chunks(join(folder, name.generation, name.file));
      } catch (error) {
        throw codeOf(error) === "ENOENT" ? new BackendError("missing", name, { cause: error }) : error;
      }
    },
    async *list() {
      if ((await disk.target(folder)) === undefined) return;
      for (const name of await disk.list(folder)) if (await exists(disk, folder, name)) yield name;
    },
    async stat(generation) {
      if (!(await exists(disk, folder, generation))) return undefined;
      const files = new Map<string, number>();
      for (const name of (await disk.list(join(folder, generation))).filter((one) => !isTemporaryFile(one))) {
        const info = await disk.info(join(folder, generation, name));
        if (info?.kind === "file") files.set(name, info.bytes);
      }
      // It may have gone meanwhile.
      return files.has(manifestFile) ? files : undefined;
    },
  };
}

/**
 * Opens a folder for copies, and clears away what a killed writer has left.
 * REQUIRES: the folder is there, and its lock is held for as long as anything is written.
 * @param problems what could not be cleared away is added; it stays
 */
export async function openFolder(disk: Disk, folder: string, problems: StoreProblem[]): Promise<Backend> {
  await removeLeftovers(disk, [folderPath(folder)], problems);
  const unfinished = new Map<string, Promise<void>>();
  const staging = (generation: string): string => join(folder, temporaryName(generation));
  /** Makes the folder of what is not finished, once, for several puts that begin together. */
  const begin = async (generation: string): Promise<void> => {
    const making = unfinished.get(generation) ?? disk.makeFolder(staging(generation));
    unfinished.set(generation, making);
    try {
      await making;
    } catch (error) {
      unfinished.delete(generation);
      throw error;
    }
  };
  /** One rename: from then on it exists. */
  const finish = async (name: ObjectName): Promise<void> => {
    const [from, to] = [staging(name.generation), join(folder, name.generation)];
    try {
      await disk.syncFolder(from);
      await disk.rename(from, to);
    } catch (error) {
      // The same put may be tried again.
      await disk.remove(join(from, manifestFile)).catch(() => undefined);
      const isThere = await disk.info(to).catch(() => undefined);
      throw isThere === undefined ? error : new BackendError("exists", name, { cause: error });
    }
    unfinished.delete(name.generation);
    await disk.syncFolder(folder);
  };
  return {
    ...readFolder(disk, folder),
    async put(name, content) {
      checkName(name);
      await begin(name.generation);
      await writeWhole(disk, join(staging(name.generation), name.file), name, content);
      if (name.file === manifestFile) await finish(name);
    },
    async discard(generation) {
      if (!unfinished.delete(generation)) return;
      await discardFolder(disk, staging(generation));
    },
    async delete(generation) {
      return (await exists(disk, folder, generation)) && removeFolder(disk, folderPath(folder), generation);
    },
  };
}
