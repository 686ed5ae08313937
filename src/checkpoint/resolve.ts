/**
 * What a reference means: "latest", an id, a kind, a folder, or a path to a `.pth`. Reading needs no lock, changes nothing,
 * and never pairs networks of different saves.
 */
import { basename, dirname, join, resolve } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { CheckpointKind } from "./checkpoint.js";
import { isDiskFault, nodeDisk, type Disk } from "./disk.js";
import type { NamedFile } from "./familiar.js";
import { isGone, listGenerations, readGeneration, type Generation, type Skipped } from "./generations.js";
import {
  checkpointKinds,
  checkpointsFolder,
  generationFolder,
  isTemporaryFile,
  manifestFile,
  networkFile,
  parseId,
  type Series,
} from "./names.js";
import type { Header, PlainChoice } from "./network-file.js";
import { lookAt, plainPair } from "./plain-pair.js";
import { isOf } from "./series.js";
import { ambiguousPairs, loosePairs, type LoosePair } from "./loose.js";
import { verifyGeneration } from "./verify.js";

/** Where a checkpoint is to be loaded from. */
export type Source =
  | { readonly from: "generation"; readonly generation: Generation }
  /** Files with a header of ours, of one pair, outside a generation. */
  | { readonly from: "files"; readonly files: ReadonlyMap<string, string>; readonly header: Header }
  /** Plain PyTorch files; one with both networks stands twice. */
  | { readonly from: "plain"; readonly files: ReadonlyMap<string, string>; readonly choice?: PlainChoice };

export interface Resolved {
  readonly source: Source;
  /** Newer ones that were passed over because they are not whole. They stay where they are. */
  readonly skipped: readonly Skipped[];
}

/** The files of a source, as they are now. */
export async function filesOf(source: Source, disk: Disk = nodeDisk): Promise<readonly NamedFile[]> {
  if (source.from === "generation")
    return source.generation.files.map(({ path, bytes }) => ({ path, bytes }));
  const files = [...new Set(source.files.values())].map(async (path) => {
    return { path, bytes: (await disk.target(path))?.bytes ?? 0 };
  });
  return Promise.all(files);
}

export interface ResolveOptions {
  /** Only generations of this label and name, and class if it has one, answer to "latest" and kinds. */
  readonly series?: Series | undefined;
  /** Only generations that pass this answer to "latest", kinds and ids. */
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
  /** The networks that the caller cannot do without; both when left out. */
  readonly networks?: readonly string[] | undefined;
  /** For plain PyTorch files. */
  readonly plain?: PlainChoice | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
}

const pair = ["generator", "critic"];

/** Which generations count; all when left out. */
export interface Choice {
  readonly series?: Series | undefined;
  readonly accepts?: ((generation: Generation) => boolean) | undefined;
  readonly kind?: CheckpointKind | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
  /** As in VerifyOptions. */
  readonly hash?: ((path: string) => Promise<string>) | undefined;
  /** Told of each generation right before its files are read. */
  readonly onCandidate?: ((generation: Generation) => void) | undefined;
}

/**
 * The newest finite generation whose files have the right SHA-256, read now; undefined when there is none at all.
 * @throws CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_NEWER when there are some and not one is whole, also when what is damaged
 *   cannot tell whether it was chosen: nobody should start anew without knowing
 * @throws WEIGHTS_NOT_FINITE when all that are whole hold values that are not numbers
 */
export async function newestWhole(
  weights: string,
  choice: Choice = {},
  disk: Disk = nodeDisk,
): Promise<{ generation: Generation; skipped: readonly Skipped[] } | undefined> {
  const { series, accepts = () => true, kind, onProgress, hash, onCandidate } = choice;
  const { whole, damaged } = await listGenerations(weights, disk);
  const isOfKind = (id: string) => kind === undefined || parseId(id)?.kind === kind;
  const unreadable = damaged.filter(({ id }) => isOfKind(id)).sort(youngestFirst);
  const skipped: Skipped[] = [];
  for (const generation of whole) {
    if (!isOfKind(generation.id) || (series !== undefined && !isOf(generation, series))) continue;
    if (!accepts(generation)) continue;
    const { id, nonFinite: values } = generation;
    if (values > 0) {
      skipped.push({ id, file: manifestFile, reason: "not-finite", values });
      continue;
    }
    onCandidate?.(generation);
    const options = { ...(onProgress && { onProgress }), ...(hash && { hash }) };
    const { gone, damages } = await verifyGeneration(generation, options, disk);
    // A training has removed it, and so has newer ones.
    if (gone) return newestWhole(weights, choice, disk);
    const [fault] = damages;
    if (fault === undefined) {
      const newer = unreadable.filter((one) => youngestFirst(one, { id }) <= 0);
      return { generation, skipped: [...newer, ...skipped] };
    }
    skipped.push({ id, ...fault });
  }
  const [lost] = [...skipped, ...unreadable];
  if (lost !== undefined) throw uselessness(lost);
  return undefined;
}

/** A manifest that cannot be read has no place in the order; the stamp in the name is all there is. */
function youngestFirst(one: { readonly id: string }, other: { readonly id: string }): number {
  const stamp = ({ id }: { readonly id: string }) => parseId(id)?.stamp ?? "";
  return stamp(other).localeCompare(stamp(one)) || other.id.localeCompare(one.id);
}

function uselessness(skipped: Skipped): GuardapesosError {
  const { id } = skipped;
  switch (skipped.reason) {
    case "newer-format":
      return new GuardapesosError("CHECKPOINT_FORMAT_NEWER", { id, format: skipped.format });
    case "not-finite":
      return new GuardapesosError("WEIGHTS_NOT_FINITE", { id, values: skipped.values });
    default:
      return new GuardapesosError("CHECKPOINT_DAMAGED", skipped);
  }
}

/**
 * @param weights the weights folder
 * @param reference "latest"; a generation's id; a kind, for the newest of it; a folder (of a generation, a backup, or another
 *   weights folder); a `.pth` of a pair, by its path or by its name in the weights folder
 * @throws CHECKPOINT_NOT_FOUND nothing by that name
 * @throws CHECKPOINT_PARTNER_MISSING the other file of the pair is not there
 * @throws CHECKPOINT_DAMAGED the one that was asked for by id or path is not whole, or none is
 * @throws CHECKPOINT_FORMAT_NEWER, WEIGHTS_NOT_FINITE as newestWhole
 * @throws PROGRESS_UNREADABLE a `.pth` of ours does not say intelligibly what it belongs to
 * @throws FOLDER_NOT_READABLE
 * @throws for plain files what plainPair throws
 * @throws CHECKPOINT_PAIR_MISMATCH the files beside each other are of different saves, and the right one is not to be found
 */
export async function resolveReference(
  weights: string,
  reference: string,
  options: ResolveOptions = {},
  disk: Disk = nodeDisk,
): Promise<Resolved> {
  try {
    return await find(weights, reference, options, disk);
  } catch (error) {
    // What was found has been removed meanwhile: then it means another one, or none.
    if (await isGoneNow(disk, weights, error)) return resolveReference(weights, reference, options, disk);
    if (!isDiskFault(error)) throw error;
    throw new GuardapesosError("FOLDER_NOT_READABLE", { folder: weights, reason: reasonOf(error) }, error);
  }
}

/** Whether an error is about a generation that is not there any more. */
async function isGoneNow(disk: Disk, weights: string, error: unknown): Promise<boolean> {
  if (!(error instanceof GuardapesosError) || error.code !== "CHECKPOINT_DAMAGED") return false;
  const { id } = (error as GuardapesosError<"CHECKPOINT_DAMAGED">).data;
  return parseId(id) !== undefined && (await isGone(disk, generationFolder(weights, id)));
}

async function find(
  weights: string,
  reference: string,
  options: ResolveOptions,
  disk: Disk,
): Promise<Resolved> {
  const kind = checkpointKinds.find((one) => one === reference);
  if (reference === "latest" || kind !== undefined) {
    const { series, accepts, onProgress } = options;
    const found = await newestWhole(weights, { series, accepts, kind, onProgress }, disk);
    if (found !== undefined) {
      return { source: { from: "generation", generation: found.generation }, skipped: found.skipped };
    }
    const loose = kind !== undefined ? undefined : await newestLoose(disk, weights, options);
    if (loose !== undefined) return { source: loose, skipped: [] };
    throw await notFound(disk, weights, reference, options);
  }
  if (parseId(reference) !== undefined) {
    const folder = generationFolder(weights, reference);
    if ((await disk.info(folder)) === undefined) throw await notFound(disk, weights, reference, options);
    const generation = await readGeneration(disk, folder, reference, weights);
    if (options.accepts?.(generation) === false) throw await notFound(disk, weights, reference, options);
    return whole(disk, generation, options);
  }
  for (const path of [resolve(reference), join(weights, reference)]) {
    const there = await disk.target(path);
    if (there?.kind === "folder") return resolveFolder(disk, path, reference, options);
    if (there?.kind === "file") return resolveFile(disk, weights, path, options);
  }
  throw await notFound(disk, weights, reference, options);
}

async function notFound(
  disk: Disk,
  weights: string,
  reference: string,
  { accepts = () => true }: ResolveOptions,
): Promise<GuardapesosError> {
  const known = (await listGenerations(weights, disk)).whole.filter(accepts);
  const ids = known.slice(0, 5).map((one) => one.id);
  return new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: ids });
}

/** A generation that was asked for by name: it must be whole. */
async function whole(disk: Disk, generation: Generation, { onProgress }: ResolveOptions): Promise<Resolved> {
  const [fault] = (await verifyGeneration(generation, onProgress ? { onProgress } : {}, disk)).damages;
  if (fault !== undefined) throw new GuardapesosError("CHECKPOINT_DAMAGED", { id: generation.id, ...fault });
  return { source: { from: "generation", generation }, skipped: [] };
}

async function resolveFolder(
  disk: Disk,
  folder: string,
  reference: string,
  options: ResolveOptions,
): Promise<Resolved> {
  if ((await disk.info(join(folder, manifestFile))) !== undefined) {
    return whole(disk, await readGeneration(disk, folder, basename(folder), undefined), options);
  }
  if ((await disk.info(checkpointsFolder(folder))) !== undefined) {
    return resolveReference(folder, "latest", options, disk);
  }
  const loose = await newestLoose(disk, folder, options);
  if (loose === undefined) throw new GuardapesosError("CHECKPOINT_NOT_FOUND", { reference, known: [] });
  return { source: loose, skipped: [] };
}

async function resolveFile(
  disk: Disk,
  weights: string,
  path: string,
  options: ResolveOptions,
): Promise<Resolved> {
  const folder = dirname(path);
  // A file inside a generation stands for it.
  if ((await disk.info(join(folder, manifestFile))) !== undefined) {
    return whole(disk, await readGeneration(disk, folder, basename(folder), undefined), options);
  }
  const { networks: wanted = pair, plain: choice = {} } = options;
  const look = await lookAt(path, choice.recognise);
  const { header } = look;
  if (header === undefined) {
    const files = await plainPair(disk, path, look, wanted, choice);
    return { source: { from: "plain", files, choice }, skipped: [] };
  }

  // The generation that the file is a link to, or a copy of.
  for (const store of new Set([weights, folder])) {
    const generation = (await listGenerations(store, disk)).whole.find((one) => one.pair === header.pair);
    if (generation === undefined) continue;
    const damages = (await verifyGeneration(generation, {}, disk)).damages;
    if (damages.length === 0) return { source: { from: "generation", generation }, skipped: [] };
  }
  const beside = await looseFiles(disk, folder);
  const files = new Map<string, string>();
  for (const network of needed(header.networks, options)) {
    const partner =
      header.network === network
        ? path
        : beside.find((one) => one.header.pair === header.pair && one.header.network === network)?.path;
    if (partner === undefined) throw await mismatch(disk, weights, path, header, network);
    files.set(network, partner);
  }
  return { source: { from: "files", files, header }, skipped: [] };
}

/** The networks of a pair that the caller needs. */
function needed(
  networks: readonly string[],
  { networks: wanted = networks }: ResolveOptions,
): readonly string[] {
  return networks.filter((network) => wanted.includes(network));
}

/** Names the file that stands where the partner was expected, and the right one if it is anywhere. */
async function mismatch(
  disk: Disk,
  weights: string,
  path: string,
  header: Header,
  missing: string,
): Promise<GuardapesosError> {
  const name = basename(path);
  const expected = join(dirname(path), name.replace(header.network, missing));
  if (expected === path || (await disk.info(expected)) === undefined) {
    const partner = expected === path ? networkFile(missing) : expected;
    return new GuardapesosError("CHECKPOINT_PARTNER_MISSING", { file: path, partner });
  }
  const elsewhere = await looseFiles(disk, weights);
  const right = elsewhere.find((one) => one.header.pair === header.pair && one.header.network === missing);
  const [generator, critic] = missing === "generator" ? [expected, path] : [path, expected];
  return new GuardapesosError("CHECKPOINT_PAIR_MISMATCH", { generator, critic, partner: right?.path });
}

interface LooseFile {
  readonly path: string;
  readonly header: Header;
}

/** The files of ours that lie in a folder outside any generation. Unreadable ones and others' are passed over. */
async function looseFiles(disk: Disk, folder: string): Promise<LooseFile[]> {
  const files: LooseFile[] = [];
  for (const name of await disk.list(folder).catch(() => [])) {
    if (!name.endsWith(".pth") || isTemporaryFile(name)) continue;
    const path = join(folder, name);
    const header = (await lookAt(path).catch(() => undefined))?.header;
    if (header !== undefined) files.push({ path, header });
  }
  return files;
}

/**
 * The newest complete pair of our files in a folder, as after copying two files by hand; where there is none, the only plain
 * one.
 * @throws LOOSE_PAIR_AMBIGUOUS there are several plain ones
 */
async function newestLoose(disk: Disk, folder: string, options: ResolveOptions): Promise<Source | undefined> {
  const { pairs } = await loosePairs(folder, options, disk);
  const [first, second] = pairs;
  if (first === undefined) return undefined;
  if (first.header === undefined && second !== undefined) throw ambiguousPairs(folder, pairs);
  return sourceOf(first, options.plain);
}

/** A pair outside any generation as something to load. */
export function sourceOf({ files, header }: LoosePair, choice: PlainChoice = {}): Source {
  return header === undefined ? { from: "plain", files, choice } : { from: "files", files, header };
}
