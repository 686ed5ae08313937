/**
 * The folder of a guarded training, `WEIGHTS/guardapesos`: one guard at a time, and a note of which process it guards, so that
 * a guard that comes after a killed one knows that the script still runs.
 */
import { join } from "node:path";
import { z } from "zod";
import { parseBounded } from "../base/bounded-json.js";
import { GuardapesosError } from "../base/errors.js";
import {
  findWriters,
  guardedFolder,
  openStore,
  siteOf,
  isOf,
  isRunning,
  ownerSchema,
  listGenerations,
  nodeDisk,
  writeText,
  type Disk,
  type Owner,
  type Series,
  type Store,
} from "../store/index.js";
import { codecs } from "../checkpoint/index.js";
import type { ResumePoint } from "./placeholders.js";
import { findResumePoint } from "./resume-point.js";
import { startOf } from "./process-tree.js";

const noteName = "running.json";
const noteAtMost = 65_536;

const noteSchema = z.looseObject({ script: z.string(), guard: z.int(), processes: z.array(ownerSchema) });

export interface GuardedFolder {
  /** As the weights folder was given. */
  readonly path: string;
  readonly store: Store;
  readonly series: Series;
  /** Id of the newest checkpoint of the series, as far as its manifest tells. */
  readonly newest: () => Promise<string | undefined>;
  /** What the script can go on from; throws as findResumePoint does. */
  readonly resumePoint: () => Promise<ResumePoint | undefined>;
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

/** Of all guarded trainings: their series are told apart by their names. */
const label = "script";

/**
 * Makes the folder, and becomes its only guard.
 * @throws WEIGHTS_IN_USE another guard is there
 * @throws SCRIPT_STILL_RUNS its guard was killed, and it goes on
 * @throws WEIGHTS_NOT_WRITABLE, LINK_LEADS_NOWHERE, FOLDER_IS_LINK, DISK_FULL, SAVE_FAILED
 */
export async function openGuardedFolder(
  weights: string,
  series: string,
  disk: Disk = nodeDisk,
): Promise<GuardedFolder> {
  const path = join(weights, guardedFolder);
  const note = join(path, noteName);
  const site = siteOf(weights, { folder: guardedFolder, codecs, disk });
  const whose: Series = { label, class: label, name: series };
  const store = await openStore(site, { ...whose, patience: 60 });
  const { lock } = store.opening;
  const running = await stillRunning(disk, note);
  if (running !== undefined) {
    await store.close();
    const { pid, since } = running.process;
    throw new GuardapesosError("SCRIPT_STILL_RUNS", { folder: path, script: running.script, pid, since });
  }
  const write = async (script: string, pids: readonly number[]): Promise<void> => {
    if (pids.length === 0) return disk.remove(note);
    const mine = (await findWriters(disk, path)).find((one) => one.path === lock)?.owner;
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
    store,
    series: whose,
    newest: async () => (await listGenerations(site)).whole.find((one) => isOf(one, whose))?.id,
    resumePoint: () => findResumePoint(site, whose),
    lock: () => lock,
    note(script, pids) {
      // Without it a later guard only knows less.
      writing = writing.then(() => write(script, pids)).catch(() => undefined);
      return writing;
    },
    release: () => store.close(),
  };
}
