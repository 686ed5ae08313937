/**
 * Where `watch` and `import` keep what they find: the store of guarded trainings, with a note of what has been kept already, so
 * that what retention has removed is not kept again and again.
 */
import { join } from "node:path";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { GuardapesosError } from "../base/errors.js";
import { codecs } from "../checkpoint/index.js";
import {
  diskError,
  guardedFolder,
  makeFolders,
  nodeDisk,
  openStore,
  siteOf,
  takeLock,
  writeText,
  type Lock,
  type Store,
} from "../store/index.js";

const noteName = "watched.json";
const noteAtMost = 16 * 2 ** 20;
/** Checkpoints that are remembered; the newest. */
const remembered = 20_000;
const noteSchema = z.looseObject({ kept: z.array(z.tuple([z.string(), z.string()])) });

/** Of all guarded trainings: their series are told apart by their names. */
const label = "script";

export interface WatchedFolder {
  readonly path: string;
  readonly store: Store;
  /** Whether a checkpoint was kept in this state. */
  readonly isKept: (path: string, signature: string) => boolean;
  /** Writes it down. Never rejects: without it, it is only kept once more. */
  readonly remember: (path: string, signature: string) => Promise<void>;
  /** Looks once more before a generation gets its name; what it throws calls the save off. */
  readonly beforeCommit: (look: () => Promise<void>) => void;
  readonly release: () => Promise<void>;
}

/**
 * Opens the store, as its only writer.
 * @throws WEIGHTS_IN_USE, WEIGHTS_NOT_WRITABLE, FOLDER_IS_LINK, LINK_LEADS_NOWHERE, DISK_FULL, SAVE_FAILED
 */
export async function openWatchedFolder(weights: string, series: string): Promise<WatchedFolder> {
  const disk = nodeDisk;
  const path = join(weights, guardedFolder);
  const site = siteOf(weights, { folder: guardedFolder, codecs, disk });
  if ((await disk.info(path))?.kind === "link")
    throw new GuardapesosError("FOLDER_IS_LINK", { folder: path });
  let lookAgain: () => Promise<void> = () => Promise.resolve();
  const { store, lock } = await opened();

  async function opened(): Promise<{ store: Store; lock: Lock }> {
    try {
      await makeFolders(disk, path);
      const held = await takeLock(disk, path, weights, { purpose: "train", patience: 60 });
      const looking: Lock = {
        ...held,
        check: async () => {
          await held.check();
          await lookAgain();
        },
      };
      const options = { label, name: series, lock: looking };
      return { lock: held, store: await openStore(site, options).catch((error: unknown) => held.release().then(() => { throw error; })) }; // prettier-ignore
    } catch (error) {
      throw diskError(error, weights, 0, undefined);
    }
  }

  const note = join(path, noteName);
  const kept = new Map(await readNote());
  async function readNote(): Promise<readonly (readonly [string, string])[]> {
    try {
      return noteSchema.parse(parseBounded(await disk.readText(note, { whole: noteAtMost }))).kept;
    } catch {
      return []; // there is none, or it says nothing
    }
  }
  return {
    path,
    store,
    isKept: (one, signature) => kept.get(one) === signature,
    async remember(one, signature) {
      kept.delete(one);
      kept.set(one, signature);
      const temporary = join(path, `.${noteName}.tmp`);
      try {
        await disk.remove(temporary).catch(() => undefined);
        await writeText(disk, temporary, `${JSON.stringify({ kept: [...kept].slice(-remembered) })}\n`);
        await disk.rename(temporary, note);
      } catch {
        // A full disk.
      }
    },
    beforeCommit: (look) => (lookAgain = look),
    release: async () => {
      await store.close();
      await lock.release();
    },
  };
}
