/**
 * What outlives a training that is killed: the newest copy of its state, where that lies in a file in memory. While it
 * trains, each copy is published with all that a checkpoint says; the next training in the folder takes up what was left
 * and saves it before anything else.
 */
import { resolve } from "node:path";
import { listGenerations, startWriter, type Generation, type Series } from "../checkpoint/index.js";
import {
  createMirrorFile,
  folderIdentity,
  mirrorPaths,
  publishFacts,
  readArrays,
  readFacts,
  removeMirror,
  removeOrphans,
  type MirrorFacts,
} from "../checkpoint/mirror-file.js";
import type { LockOptions } from "../checkpoint/lock.js";
import type { MirrorPaths } from "../checkpoint/names.js";
import { isOf } from "../checkpoint/series.js";
import type { Json } from "../checkpoint/checkpoint.js";
import { fromJson, toJson } from "./progress.js";
import type { Reserve } from "./rescue.js";
import { progressOf } from "./saves.js";
import { ownBuffers, toNetworks } from "./train-state.js";

/** The reason that its checkpoint is kept with. */
const reason = "killed";

export interface Outliving {
  readonly paths: MirrorPaths | undefined;
  /** Publishes a copy. A failure leaves none, which is how it was before. */
  publish(reserve: Reserve): void;
  /** @param leave whether the next training is to find what there is */
  close(leave: boolean): Promise<void>;
}

/** @param run the line of descent of what is trained; REQUIRES: the weights folder is this training's alone */
export async function outlive(weights: string, series: Series, run: string): Promise<Outliving> {
  const paths = await mirrorPaths(weights, series);
  if (paths) await removeOrphans(paths);
  if (!paths || !(await createMirrorFile(paths))) {
    return { paths: undefined, publish: () => undefined, close: () => Promise.resolve() };
  }
  const folder = await folderIdentity(weights);
  let last: Promise<void> = Promise.resolve();
  return {
    paths,
    publish({ copy, place, setup }) {
      if (copy.where !== "file") return;
      const { layout, crc } = copy.file;
      const content = {
        counters: Object.fromEntries(copy.rest.counters),
        progress: progressOf(copy.rest, place, setup),
        ...(series.class !== undefined && { class: series.class }),
      };
      const at = new Date().toISOString();
      const facts = {
        arrays: { layout, crc },
        weights: resolve(weights),
        folder,
        run,
        step: place.step,
        at,
        content,
      };
      last = last.then(() => publishFacts(paths, facts)).catch(() => undefined);
    },
    async close(leave) {
      await last;
      if (!leave) await removeMirror(paths);
    },
  };
}

/** Whether a copy that was left is what training would go on from, had it been saved. */
export function isNewest(
  left: Pick<MirrorFacts, "folder" | "run" | "step" | "at">,
  folder: string,
  newest: Pick<Generation, "run" | "step" | "savedAt"> | undefined,
): boolean {
  if (left.folder !== folder) return false;
  if (newest === undefined) return true;
  // A checkpoint that was restored since, or is of another line, is what its user wants to go on from.
  return left.run === newest.run && left.step > newest.step && left.at > newest.savedAt;
}

/** Its class; undefined in copies from before it was written down. */
function classOf({ content }: MirrorFacts): string | null | undefined {
  const value = content["class"];
  return typeof value === "string" || value === null ? value : undefined;
}

/**
 * Saves what a killed training has left in memory, if it is newer than all checkpoints. Throws as opening and saving do;
 * then it is still there.
 * @returns the id of the checkpoint that was made of it
 */
export async function takeUpLeft(
  weights: string,
  series: Series,
  { patience, onWaiting }: Pick<LockOptions, "patience" | "onWaiting"> = {},
): Promise<string | undefined> {
  const paths = await mirrorPaths(weights, series);
  const facts = paths && (await readFacts(paths));
  if (!facts) return undefined;
  // Whose it says that it is: the names that it lay under may be another's now.
  const own = { ...series, class: classOf(facts) };
  const writer = await startWriter({ folder: weights, ...own, patience }, onWaiting);
  try {
    const { whole } = await listGenerations(weights);
    const newest = whole.find((one) => isOf(one, own));
    const progress = fromJson(facts.content["progress"] as { readonly [key: string]: Json });
    const isWanted = progress && isNewest(facts, await folderIdentity(weights), newest);
    const arrays = isWanted && (await readArrays({ path: paths.arrays, ...facts.arrays }));
    let id: string | undefined;
    if (arrays) {
      const counters = new Map(Object.entries(facts.content["counters"] as Record<string, number>));
      const { config, place } = progress;
      const networks = toNetworks({ arrays, counters }, config, config.learningRate);
      const checkpoint = {
        kind: "emergency",
        reason,
        step: place.step,
        networks,
        progress: toJson(progress),
      } as const;
      id = (await writer.save(checkpoint, ownBuffers({ arrays }))).generation.id;
    }
    await removeMirror(paths);
    return id;
  } finally {
    await writer.close();
  }
}
