/**
 * What a script is given to go on from: copies of the newest whole checkpoint of its series, under the script's own file
 * names. Copies, for some scripts save where they have loaded from, and a generation never changes.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { hashInThread, newestWhole, type Generation, type Series, type Site } from "../store/index.js";
import { networkOf, type ResumeFile, type ResumePoint } from "./placeholders.js";

/** In the folder of the guarded training; goes at the end of a run. */
export const resumeFolder = "resume";

/** What a manifest says of a guarded checkpoint, as far as it is of use here. */
const guardedSchema = z.looseObject({
  guarded: z.looseObject({
    files: z.array(z.looseObject({ name: z.string(), path: z.string().optional() })).default([]),
    imageSide: z.int().positive().optional().catch(undefined),
  }),
});

/** A file's name without its folders, of any system. */
const plainName = (path: string): string => basename(path.replaceAll("\\", "/"));

interface Source {
  /** What the script calls it; where it has never saved it, its name in the generation. */
  readonly name: string;
  readonly from: string;
  readonly digest: string;
  readonly network: ResumeFile["network"];
}

/** Pure. */
function sourcesOf({ files, metadata }: Generation): {
  sources: readonly Source[];
  imageSize: number | undefined;
} {
  const { data } = guardedSchema.safeParse(metadata);
  const paths = new Map(data?.guarded.files.map(({ name, path }) => [name, path]));
  const sources = files.map(({ name, path: from, digest }) => {
    const own = paths.get(name) ?? name;
    // In a snapshot from before the script's first save the name is ours, and speaks of the network.
    return { name: own, from, digest, network: networkOf({ name: own }) ?? networkOf({ name }) };
  });
  return { sources, imageSize: data?.guarded.imageSide };
}

/** Copies one file, shares its blocks where the file system can, and reads it back. @returns whether it is the same */
async function copied({ from, digest }: Source, to: string): Promise<boolean> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  return `sha256:${await hashInThread(to)}` === digest;
}

/**
 * Copies the files of a generation into a folder of their own, which is emptied before. Each under the script's name; where two
 * have the same, under those of the generation.
 * @returns undefined where that was not possible (a full disk): the generation is as it was
 */
async function copyAll(
  sources: readonly Source[],
  folder: string,
): Promise<readonly ResumeFile[] | undefined> {
  const names = sources.map(({ name }) => plainName(name));
  const areUnique = new Set(names.map((name) => name.toLowerCase())).size === names.length;
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const files: ResumeFile[] = [];
    for (const [index, source] of sources.entries()) {
      const path = join(folder, areUnique ? names[index]! : basename(source.from));
      if (!(await copied(source, path))) return undefined;
      files.push({ name: source.name, path, network: source.network });
    }
    return files;
  } catch {
    return undefined;
  }
}

/**
 * The newest whole checkpoint of a series, verified now, with copies of its files; undefined where there is none yet.
 * Where they cannot be copied, the generation's own files are given.
 * @throws CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_NEWER, WEIGHTS_NOT_FINITE: there are some, and not one is of use; nobody should
 *   begin anew without knowing
 */
export async function findResumePoint(site: Site, series: Series): Promise<ResumePoint | undefined> {
  const found = await newestWhole(site, { series, hash: hashInThread });
  if (found === undefined) return undefined;
  const { generation } = found;
  const { sources, imageSize } = sourcesOf(generation);
  const folder = resolve(site.weights, site.folder, resumeFolder);
  const files = await copyAll(sources, folder);
  return files === undefined
    ? {
        id: generation.id,
        folder: resolve(generation.folder),
        files: sources.map(({ name, from, network }) => ({ name, path: resolve(from), network })),
        imageSize,
      }
    : { id: generation.id, folder, files, imageSize };
}
