/**
 * What a reference means: "latest", an id, a kind, a folder, or a path to a `.pth`. Reading needs no lock, changes nothing,
 * and never pairs networks of different saves.
 */
import { basename, dirname, join, resolve } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import {
  checkpointKinds,
  folderPath,
  generationFolder,
  generationsFolder,
  isDiskFault,
  isGone,
  isTemporaryFile,
  manifestFile,
  nodeDisk,
  parseId,
  readGeneration,
  type Disk,
  type NamedFile,
  type Series,
  type Skipped,
} from "../store/index.js";
import { generationOf, type Generation } from "./generation.js";
import { ambiguousPairs, loosePairs, type LoosePair } from "./loose.js";
import type { Header, PlainChoice } from "./network-file.js";
import { networkFile } from "./network-names.js";
import { lookAt, plainPair } from "./plain-pair.js";
import { networkSite } from "./store.js";
import { listGenerations, newestWhole, verifyGeneration } from "./upkeep.js";

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
  return parseId(id) !== undefined && (await isGone(disk, generationFolder(networkSite(weights), id)));
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
    const site = networkSite(weights, disk);
    const folder = generationFolder(site, reference);
    if ((await disk.info(folder)) === undefined) throw await notFound(disk, weights, reference, options);
    const generation = generationOf(await readGeneration(disk, folder, reference, site));
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
    return whole(
      disk,
      generationOf(await readGeneration(disk, folderPath(folder), basename(folder), undefined)),
      options,
    );
  }
  if ((await disk.info(generationsFolder(networkSite(folder)))) !== undefined) {
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
    return whole(
      disk,
      generationOf(await readGeneration(disk, folderPath(folder), basename(folder), undefined)),
      options,
    );
  }
  const { networks: wanted = pair, plain: choice = {} } = options;
  const look = await lookAt(disk, path, choice.recognise);
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
    const header = (await lookAt(disk, path).catch(() => undefined))?.header;
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
