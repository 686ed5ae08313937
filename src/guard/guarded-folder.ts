/**
 * The folder of a guarded training, `WEIGHTS/guardapesos`: one guard at a time, and a note of which process it guards, so that
 * a guard that comes after a killed one knows that the script still runs.
 */
import { join } from "node:path";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { GuardapesosError } from "../base/errors.js";
import {
  diskError,
  findWriters,
  guardedFolder,
  isRunning,
  makeFolders,
  nodeDisk,
  takeLock,
  writeText,
  type Disk,
  type Owner,
} from "../store/index.js";
import { startOf } from "./process-tree.js";

const noteName = "running.json";
const noteAtMost = 65_536;

const word = z.string().max(300).default("");
const owner = z.looseObject({
  host: word,
  boot: word,
  machine: word,
  namespace: word,
  pid: z.int().positive(),
  started: word,
  since: z.iso.datetime(),
});
const noteSchema = z.looseObject({ script: z.string(), guard: z.int(), processes: z.array(owner) });

export interface GuardedFolder {
  /** Absolute or as the weights folder was given. */
  readonly path: string;
  /** Of the announcement, at the moment. */
  readonly lock: () => string;
  /** Writes down which processes are guarded now, in the order of importance; none: nothing runs any more. Never rejects. */
  readonly note: (script: string, pids: readonly number[]) => Promise<void>;
  readonly release: () => Promise<void>;
}

/** The first process of the note that still runs. */
async function stillRunning(
  disk: Disk,
  path: string,
): Promise<{ readonly script: string; readonly process: Owner } | undefined> {
  let note: z.infer<typeof noteSchema>;
  try {
    note = noteSchema.parse(parseBounded(await disk.readText(path, { first: noteAtMost })));
  } catch {
    return undefined; // there is none, or it says nothing
  }
  for (const one of note.processes)
    if (await isRunning(disk, one)) return { script: note.script, process: one };
  return undefined;
}

/**
 * Makes the folder, and becomes its only guard.
 * @throws WEIGHTS_IN_USE another guard is there
 * @throws SCRIPT_STILL_RUNS its guard was killed, and it goes on
 * @throws WEIGHTS_NOT_WRITABLE, LINK_LEADS_NOWHERE, DISK_FULL, SAVE_FAILED
 */
export async function openGuardedFolder(weights: string, disk: Disk = nodeDisk): Promise<GuardedFolder> {
  const path = join(weights, guardedFolder);
  const note = join(path, noteName);
  const free = async () => disk.freeSpace(weights).catch(() => undefined);
  const onDisk = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw diskError(error, weights, 0, await free());
    }
  };
  const lock = await onDisk(async () => {
    await makeFolders(disk, path);
    return takeLock(disk, path, path);
  });
  const running = await stillRunning(disk, note);
  if (running !== undefined) {
    await lock.release();
    const { pid, since } = running.process;
    throw new GuardapesosError("SCRIPT_STILL_RUNS", { folder: path, script: running.script, pid, since });
  }
  const write = async (script: string, pids: readonly number[]): Promise<void> => {
    if (pids.length === 0) return disk.remove(note);
    const mine = (await findWriters(disk, path)).find((one) => one.path === lock.path)?.owner;
    if (mine === undefined) return;
    const since = new Date().toISOString();
    const processes = pids.flatMap((pid) => {
      const started = startOf(pid);
      return started === undefined ? [] : [{ ...mine, pid, started, since }];
    });
    const temporary = join(path, `.${noteName}.${process.pid}.tmp`);
    await disk.remove(temporary).catch(() => undefined);
    await writeText(disk, temporary, `${JSON.stringify({ script, guard: process.pid, processes })}\n`);
    await disk.rename(temporary, note);
  };
  let writing: Promise<void> = Promise.resolve();
  return {
    path,
    lock: () => lock.path,
    note(script, pids) {
      // Without it a later guard only knows less.
      writing = writing.then(() => write(script, pids)).catch(() => undefined);
      return writing;
    },
    release: () => lock.release(),
  };
}
