/**
 * What outlives a training that is killed: the newest copy of its state, where that lies in a file in memory. While it
 * trains, each copy is published with all that a checkpoint says; the next training in the folder takes up what was left
 * and saves it before anything else.
 */
import {
  claimMirrorFile,
  copiesLeft,
  isRestored,
  listGenerations,
  publishFacts,
  readArrays,
  removeMirror,
  startWriter,
  whichFolder,
  type Checkpoint,
  type Generation,
  type Json,
  type MirrorFacts,
  type MirrorPaths,
  type Opening,
  type Series,
  type Writer,
} from "../checkpoint/index.js";
import { isOf, type LockOptions } from "../store/index.js";
import { fromJson, toJson } from "./progress.js";
import type { Reserve } from "./rescue.js";
import { progressOf } from "./saves.js";
import { ownBuffers } from "../trainer/state.js";
import { toNetworks } from "./train-state.js";

/** The reason that its checkpoint is kept with. */
const reason = "killed";

export interface Outliving {
  readonly paths: MirrorPaths | undefined;
  /** Publishes a copy. A failure leaves none, which is how it was before. */
  publish(reserve: Reserve): void;
  /** The newest copy that is published, for a training that leaves it to the next one. */
  left(): Promise<{ readonly path: string; readonly batches: number } | undefined>;
  /** @param leave whether the next training is to find what there is */
  close(leave: boolean): Promise<void>;
}

/**
 * @param began the step at which training begins
 * @param local as in Checkpoint
 * REQUIRES: the weights folder is this training's alone
 */
export async function outlive(
  weights: string,
  series: Series,
  { run, sequence: opened }: Pick<Opening, "run" | "sequence">,
  began: number,
  local: Checkpoint["local"],
): Promise<Outliving> {
  const paths = await claimMirrorFile(weights, series);
  if (!paths)
    return {
      paths,
      publish: () => undefined,
      left: () => Promise.resolve(undefined),
      close: () => Promise.resolve(),
    };
  const here = await whichFolder(weights);
  let last: Promise<void> = Promise.resolve();
  let batches: number | undefined;
  return {
    paths,
    publish({ copy, place, setup }) {
      if (copy.where !== "file") return;
      const { layout, crc } = copy.file;
      const content = {
        counters: Object.fromEntries(copy.rest.counters),
        progress: progressOf(copy.rest, place, setup),
        ...(local && { local }),
      };
      const at = new Date().toISOString();
      const facts = {
        arrays: { layout, crc },
        ...here,
        series,
        opened,
        began,
        run,
        step: place.step,
        at,
        content,
      };
      last = last
        .then(() => publishFacts(paths, facts))
        .then(
          () => {
            batches = place.batches;
          },
          () => {
            batches = undefined;
          },
        );
    },
    async left() {
      await last;
      return batches === undefined ? undefined : { path: paths.arrays, batches };
    },
    async close(leave) {
      await last;
      if (!leave) await removeMirror(paths);
    },
  };
}

/**
 * Whether a checkpoint holds all that a copy does, or a person has gone on from another one since. By the order of saving,
 * never by the clock.
 * @param newest the newest checkpoint of its class and name
 */
export function isSuperseded(
  { opened, began, run, step, at }: Pick<MirrorFacts, "opened" | "began" | "run" | "step" | "at">,
  newest: Pick<Generation, "kind" | "reason" | "run" | "sequence" | "step" | "savedAt"> | undefined,
): boolean {
  if (began === step) return true; // what it began with is a checkpoint already
  if (newest === undefined) return false;
  if (opened === undefined) return newest.run === run ? newest.step >= step : newest.savedAt > at;
  // Nothing has been saved since it opened the folder.
  if (newest.sequence <= opened) return false;
  return newest.run !== run || isRestored(newest) || newest.step >= step;
}

export interface TakenUp {
  /** Ids of the checkpoints that were made of what was left. */
  readonly saved: readonly string[];
  /** Files of what cannot be understood, and stays. */
  readonly staying: readonly string[];
}

/**
 * Saves what killed trainings of this folder have left in memory, unless it is superseded, which goes. What cannot be judged
 * stays. Throws as opening and saving do; then it is still there.
 * @param series of that training alone; of all when left out
 */
export async function takeUpLeft(
  weights: string,
  series?: Series,
  { patience, onWaiting }: Pick<LockOptions, "patience" | "onWaiting"> = {},
): Promise<TakenUp> {
  const saved: string[] = [];
  const staying: string[] = [];
  for (const { paths, facts } of await copiesLeft(weights, series)) {
    const of = facts.series!;
    const writer = await startWriter({ folder: weights, ...of, patience, ballast: false }, onWaiting);
    try {
      // Only now is it certain that no training is making it.
      const { whole } = await listGenerations(weights);
      const newest = whole.find((one) => isOf(one, of));
      const checkpoint = isSuperseded(facts, newest) ? undefined : await checkpointOf(paths, facts);
      if (checkpoint === "not understood") {
        staying.push(paths.facts);
        continue;
      }
      if (checkpoint) saved.push((await writer.save(...checkpoint)).generation.id);
      await removeMirror(paths);
    } finally {
      await writer.close();
    }
  }
  return { saved, staying };
}

function localIn({ content: { local } }: MirrorFacts): Checkpoint["local"] {
  const isObject = typeof local === "object" && local !== null && !Array.isArray(local);
  return isObject ? (local as NonNullable<Checkpoint["local"]>) : undefined;
}

const isCounter = (entry: [string, Json]): entry is [string, number] =>
  Number.isSafeInteger(entry[1]) && (entry[1] as number) >= 0;

/** What is saved of a copy, and its memory; undefined when it is not whole. */
async function checkpointOf(
  paths: MirrorPaths,
  facts: MirrorFacts,
): Promise<Parameters<Writer["save"]> | "not understood" | undefined> {
  const progress = fromJson(facts.content["progress"] as { readonly [key: string]: Json });
  const counters = Object.entries(facts.content["counters"] ?? {});
  if (!progress || !counters.every(isCounter)) return "not understood";
  const arrays = await readArrays({ path: paths.arrays, ...facts.arrays });
  if (!arrays) return undefined;
  const { config, place } = progress;
  const state = { arrays, counters: new Map(counters) };
  const networks = toNetworks(state, config, config.learningRate);
  const content = { kind: "emergency", reason, step: place.step, networks } as const;
  return [{ ...content, progress: toJson(progress), local: localIn(facts) }, ownBuffers({ arrays })];
}
