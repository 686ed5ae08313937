/**
 * The files of a guarded checkpoint under the names that the script gave them, as it left them when they were saved. What stands
 * there now is put aside, never overwritten. Copies: nothing of the store is ever linked into a user's folder.
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { z } from "zod";
import { diskError } from "../store/index.js";
import { stampOf } from "./emergency.js";

const schema = z.looseObject({
  guarded: z.looseObject({
    files: z.array(z.looseObject({ name: z.string(), path: z.string().optional() })),
    kind: z.string().optional(),
    watched: z.string().optional(),
    checkpoint: z.array(z.string()).optional(),
  }),
});

type Guarded = z.infer<typeof schema>["guarded"];

/** A file of a generation. */
interface Kept {
  readonly path: string;
  readonly bytes: number;
}

export interface PutBack {
  readonly files: readonly Kept[];
  /** Where what stood there has gone. */
  readonly aside: readonly string[];
}

/** Checkpoints that are a folder: it goes aside as a whole, so that nothing of two saves lies in it. */
const folderKinds = ["hf-trainer", "accelerate", "dcp", "shards"];

/** The folder that a checkpoint is; undefined where it is files. */
function folderOf(
  { kind = "", watched, checkpoint = [] }: Guarded,
  paths: readonly string[],
): string | undefined {
  const [own, ...others] = checkpoint;
  if (!folderKinds.includes(kind) || watched === undefined || own === undefined || others.length > 0)
    return undefined;
  const folder = join(watched, own);
  return paths.every((path) => path.startsWith(`${folder}${sep}`)) ? folder : undefined;
}

/** A name beside a file that nobody has. */
async function freeAside(path: string, stamp: string): Promise<string> {
  const ending = extname(path);
  for (let number = 1; ; number++) {
    const mark = number === 1 ? stamp : `${stamp}-${number}`;
    const aside = join(dirname(path), `OLD_${basename(path, ending)}_${mark}${ending}`);
    if (!(await isThere(aside))) return aside;
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Puts them back: all of them are whole beside their places before the first takes its own.
 * @param metadata of the generation; one of no guarded training has nothing to be put anywhere
 * @throws DISK_FULL, WEIGHTS_NOT_WRITABLE, SAVE_FAILED: what stood there stands there
 */
export async function putBack(metadata: unknown, kept: readonly Kept[], now: Date): Promise<PutBack> {
  const { data } = schema.safeParse(metadata);
  const places = (data?.guarded.files ?? []).flatMap(({ name, path }) => {
    const from = kept.find((file) => basename(file.path) === name);
    return from && path !== undefined ? [{ from, path, temporary: `${path}.${process.pid}.restored` }] : [];
  });
  const folder = data && folderOf(data.guarded, places.map(({ path }) => path)); // prettier-ignore
  const wasThere = folder !== undefined && (await isThere(folder));
  try {
    for (const { from, path, temporary } of places) {
      await mkdir(dirname(path), { recursive: true });
      await copyFile(from.path, temporary, constants.COPYFILE_FICLONE);
      // What the store keeps is read-only; the script writes to its own.
      await chmod(temporary, 0o644);
      const file = await open(temporary, "r+");
      await file.sync().finally(() => file.close());
    }
    const aside: string[] = [];
    let moved: string | undefined;
    if (folder !== undefined) {
      moved = await freeAside(folder, stampOf(now));
      await rename(folder, moved);
      if (wasThere) aside.push(moved);
    }
    for (const { path, temporary } of places) {
      if (folder !== undefined && moved !== undefined) {
        await mkdir(dirname(path), { recursive: true });
        await rename(join(moved, relative(folder, temporary)), path);
        continue;
      }
      if (await isThere(path)) {
        const old = await freeAside(path, stampOf(now));
        await rename(path, old);
        aside.push(old);
      }
      await rename(temporary, path);
    }
    // It was made here, for what was put back.
    if (moved !== undefined && !wasThere) await rm(moved, { recursive: true });
    return { files: places.map(({ path, from }) => ({ path, bytes: from.bytes })), aside };
  } catch (error) {
    for (const { temporary } of places) await rm(temporary, { force: true }).catch(() => undefined);
    throw diskError(error, dirname(places[0]?.path ?? "."), 0, undefined);
  }
}
