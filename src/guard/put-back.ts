/**
 * The files of a guarded checkpoint under the names that the script gave them, as it left them when they were saved. What stands
 * there now is put aside, never overwritten. Copies: nothing of the store is ever linked into a user's folder.
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import { diskError } from "../store/index.js";
import { stampOf } from "./emergency.js";

const schema = z.looseObject({
  guarded: z.looseObject({
    files: z.array(z.looseObject({ name: z.string(), path: z.string().optional() })),
  }),
});

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
    for (const { path, temporary } of places) {
      if (await isThere(path)) {
        const old = await freeAside(path, stampOf(now));
        await rename(path, old);
        aside.push(old);
      }
      await rename(temporary, path);
    }
    return { files: places.map(({ path, from }) => ({ path, bytes: from.bytes })), aside };
  } catch (error) {
    for (const { temporary } of places) await rm(temporary, { force: true }).catch(() => undefined);
    throw diskError(error, dirname(places[0]?.path ?? "."), 0, undefined);
  }
}
