/** What a run begins with: a checkpoint to go on from, or fresh weights; and the config that results. */
import { GuardapesosError } from "../base/errors.js";
import {
  checkpointKinds,
  chooseLoose,
  filesOf,
  listGenerations,
  loadCheckpoint,
  loadNewest,
  loosePairs,
  namedFiles,
  resolveReference,
  sourceOf,
  type Checkpoint,
  type CheckpointKind,
  type Generation,
  type PlainChoice,
  type Resolved,
  type Series,
  type Source,
} from "../checkpoint/index.js";
import { isOf } from "../store/index.js";
import {
  defaultPreset,
  presets,
  type Architecture,
  type PresetName,
  type Resolution,
  type TrainingConfig,
} from "../progan/config.js";
import type { Warning } from "../events/warning.js";
import { networkOf, networks, parametersOf } from "../progan/parameters.js";
import { firstPlace, recounted, type Place } from "../progan/schedule.js";
import { learningRateOf, remarksOn, trainedTo } from "./imported.js";
import type { RunOptions } from "./options.js";
import { requireFinite } from "./finite.js";
import { readProgress, type Progress } from "./progress.js";
import { freshStateInPieces, type TrainState } from "../trainer/state.js";
import { architectureOf, fromNetworks } from "./train-state.js";
import { claim, type Claim, type IsTrainedOn } from "./whose.js";

export interface Beginning {
  readonly config: TrainingConfig;
  readonly preset: string;
  readonly place: Place;
  readonly state: TrainState;
  /** What training continues from; undefined for a fresh start. */
  readonly from:
    | {
        readonly id: string;
        readonly kind: CheckpointKind;
        /** The generation in this weights folder, for the line of descent; undefined for files from elsewhere. */
        readonly generation: string | undefined;
        readonly files: readonly { readonly path: string; readonly bytes: number }[];
        readonly skipped: Resolved["skipped"];
        /** What it says of its training; undefined for a plain PyTorch pair. */
        readonly saved: Progress | undefined;
        /** What it remembers of this computer; undefined for files without a manifest. */
        readonly local: Checkpoint["local"];
        /** Whose it is, where its manifest says so. */
        readonly label: string | undefined;
        readonly hasOptimizer: boolean;
        /** The resolution that was asked to begin with: of no use to a training that has begun at another. */
        readonly startIgnored: Resolution | undefined;
        /** What is to be said of a plain pair. */
        readonly remarks: readonly Warning[];
        /** Begins a line of descent of its own, because checkpoints of others bear its names. */
        readonly apart: boolean;
      }
    | undefined;
}

type Wishes = Pick<
  RunOptions,
  "preset" | "overrides" | "weights" | "fresh" | "resume" | "critic" | "stateDicts"
>;

type Found = Resolved & { readonly checkpoint?: Checkpoint } & Pick<Claim, "apart">;

/** The checkpoint to go on from, if there is one. */
async function find(
  { weights, fresh, resume, critic, stateDicts }: Wishes,
  series: Series,
  isTrainedOn: IsTrainedOn,
): Promise<Found | undefined> {
  if (fresh) return undefined;
  const plain = { recognise: networkOf, partner: critic, stateDicts };
  const isChoice = resume === undefined || ["latest", ...checkpointKinds].includes(resume);
  // Another weights folder has several to choose from, too; who names one of them, or a file, has decided.
  const { whole } = await listGenerations(isChoice ? weights : resume);
  if (!isChoice && whole.length === 0) {
    const named = await resolveReference(weights, resume, { plain });
    const isAnothers = named.source.from === "generation" && !isOf(named.source.generation, series);
    return { ...named, apart: isAnothers };
  }
  const { accepts, apart } = await claim(whole, series, isTrainedOn);
  if (resume !== undefined)
    return { ...(await resolveReference(weights, resume, { accepts, plain })), apart };
  const newest = await loadNewest(weights, { accepts });
  if (newest === undefined) {
    const source = await looseStart(weights, whole, series, plain);
    return source && { source, skipped: [], apart };
  }
  const { generation, ...rest } = newest;
  return { source: { from: "generation", generation }, apart, ...rest };
}

/**
 * The pair of files to go on from where there are no checkpoints: the user's own, or ours without their folder.
 * @throws LOOSE_PAIR_AMBIGUOUS, CHECKPOINT_PARTNER_AMBIGUOUS
 * @throws TORCH_FILE_*, CHECKPOINT_* the files that bear this training's names are of no use: it must not begin from zero
 */
async function looseStart(
  weights: string,
  generations: readonly Generation[],
  series: Series,
  plain: PlainChoice,
): Promise<Source | undefined> {
  const isSure = typeof series.class === "string";
  const found = chooseLoose(weights, await loosePairs(weights, { plain }), { series, isSure, generations });
  if (found !== undefined) return sourceOf(found, plain);
  const named = generations.length > 0 ? undefined : await namedFiles(weights, networks, series);
  return named && (await resolveReference(weights, named[0]!, { plain })).source;
}

/**
 * Explicit wishes over what the checkpoint was trained with. The preset that it already has changes nothing, and where it has
 * begun is past.
 */
function configFrom(
  saved: Progress,
  { preset, overrides }: Wishes,
): { config: TrainingConfig; preset: string } {
  const changed = preset !== undefined && preset !== saved.preset ? presets[preset] : {};
  const { start } = saved.config;
  return { config: { ...saved.config, ...changed, ...overrides, start }, preset: preset ?? saved.preset };
}

/** Where training stood, counted in the batches that it goes on with. */
function placeOf({ place, config: before }: Progress, config: TrainingConfig): Place {
  const same =
    before.batchSizes.join() === config.batchSizes.join() &&
    before.accumulate === config.accumulate &&
    before.batchDivisor === config.batchDivisor;
  return same ? place : recounted(place, config);
}

/** A plain pair says nothing of where it stood; what its optimizer remembers tells which resolution it has seen last. */
function placeOfPlain(checkpoint: Checkpoint, config: TrainingConfig, startGiven: boolean): Place {
  const last = trainedTo(checkpoint.optimizers?.get("generator"));
  const place = {
    ...firstPlace(config),
    step: checkpoint.step,
    batches: checkpoint.step * config.accumulate,
  };
  if (startGiven || last === undefined || last > config.end) return place;
  return { ...place, resolution: last, alpha: 1 };
}

/**
 * Reads what a run begins with; writes nothing.
 * @param isTrainedOn asked about checkpoints that do not say of which class they are
 * @throws RESOLUTION_RANGE, PROGRESS_UNREADABLE, CHECKPOINT_*, WEIGHTS_NOT_FINITE, TORCH_FILE_*
 */
export async function begin(wishes: Wishes, series: Series, isTrainedOn: IsTrainedOn): Promise<Beginning> {
  const preset = wishes.preset ?? defaultPreset;
  const found = await find(wishes, series, isTrainedOn);
  if (!found) {
    const config = { ...presets[preset], ...wishes.overrides };
    const { start, end } = config;
    if (start > end) throw new GuardapesosError("RESOLUTION_RANGE", { start, end });
    return {
      config,
      preset,
      place: firstPlace(config),
      state: await freshStateInPieces(config, config.seed),
      from: undefined,
    };
  }
  const architecture: Architecture = { ...presets[preset], ...wishes.overrides };
  const names = networks.map(
    (network) => [network, parametersOf(network, architecture).map(({ name }) => name)] as const,
  );
  const { source } = found;
  const checkpoint = found.checkpoint ?? (await loadCheckpoint(source, { parameters: new Map(names) }));
  const generation = source.from === "generation" ? source.generation.id : undefined;
  const files = await filesOf(source);
  const id = generation ?? files.map(({ path }) => path).join(", ");
  // What was taken without being named is finite by its manifest; files have none.
  if (wishes.resume !== undefined || source.from !== "generation")
    requireFinite(id, checkpoint.networks.values(), true);
  const saved = source.from === "plain" ? undefined : readProgress(checkpoint.progress, id);
  const { config, preset: name } = saved
    ? configFrom(saved, wishes)
    : planOfPlain(checkpoint, wishes, preset, id);
  const state = { ...fromNetworks(checkpoint.networks, config, id), scales: saved?.scales };
  const { start } = wishes.overrides;
  const place = saved ? placeOf(saved, config) : placeOfPlain(checkpoint, config, start !== undefined);
  // Adam that has not made a step yet, or none that half could hold, has no memory either, but then there is none to miss.
  const hasOptimizer = [...checkpoint.networks.values()].every(
    ({ adam }) =>
      adam !== undefined && (adam.entries.size > 0 || place.step === 0 || saved?.scales !== undefined),
  );
  const { learningRate } = wishes.overrides;
  const given = { learningRate: learningRate !== undefined, start: start !== undefined };
  const from = {
    id,
    kind: checkpoint.kind,
    generation,
    files,
    skipped: found.skipped,
    saved,
    local: source.from === "generation" ? source.generation.local : undefined,
    label: source.from === "generation" ? source.generation.series.label : undefined,
    hasOptimizer,
    apart: found.apart,
    startIgnored: saved && start !== saved.config.start ? start : undefined,
    remarks: saved ? [] : remarksOn(id, checkpoint, networks, config, given, presets[preset].learningRate),
  };
  return { config, preset: name, place, state, from };
}

/** The config for a plain pair: its own sizes and learning rate, and the rest from the wishes. */
function planOfPlain(
  checkpoint: Checkpoint,
  { overrides }: Wishes,
  preset: PresetName,
  id: string,
): { config: TrainingConfig; preset: string } {
  const own = architectureOf(checkpoint.networks.get("generator")!);
  if (!own)
    throw new GuardapesosError("CHECKPOINT_ARCHITECTURE", {
      id,
      differences: ["generator: initial.1.weight"],
      options: false,
    });
  const learningRate = learningRateOf(checkpoint.optimizers ?? new Map()) ?? presets[preset].learningRate;
  return { config: { ...presets[preset], ...own, learningRate, ...overrides }, preset };
}
