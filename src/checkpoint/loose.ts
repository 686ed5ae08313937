/**
 * Pairs of files that lie in a folder outside any generation: what a script of the user's has saved there, or two files of ours
 * that were copied by hand. Reading changes nothing.
 */
import { basename, join } from "node:path";
import { GuardapesosError, isGuardapesosError } from "../base/errors.js";
import {
  familiarName,
  isAsideName,
  isTemporaryFile,
  nodeDisk,
  type Disk,
  type Series,
} from "../store/index.js";
import { networkFile, networkOfName } from "./network-names.js";
import type { Header, PlainChoice } from "./network-file.js";
import { endings, lookAt, plainPair, type Look } from "./plain-pair.js";

export interface LoosePair {
  /** By network; one file with both stands twice. */
  readonly files: ReadonlyMap<string, string>;
  /** Of files of ours; undefined for plain ones. */
  readonly header: Header | undefined;
}

export interface Loose {
  /** Whole pairs: those of ours first, the newest first. */
  readonly pairs: readonly LoosePair[];
  /** Why a half was not paired, when several files could be its other half. */
  readonly unsure: GuardapesosError | undefined;
}

export interface LooseOptions {
  /** The networks that the caller cannot do without; both when left out. */
  readonly networks?: readonly string[] | undefined;
  readonly plain?: PlainChoice | undefined;
}

const both = ["generator", "critic"];

/** The pairs in a folder. Files that cannot be read, that have no partner, or that were moved aside once, are passed over. */
export async function loosePairs(
  folder: string,
  { networks: wanted = both, plain = {} }: LooseOptions = {},
  disk: Disk = nodeDisk,
): Promise<Loose> {
  const looks = new Map<string, Look>();
  for (const name of [...(await disk.list(folder).catch(() => []))].sort()) {
    if (!endings.test(name) || isTemporaryFile(name) || isAsideName(name)) continue;
    const path = join(folder, name);
    if ((await disk.target(path).catch(() => undefined))?.kind !== "file") continue;
    const look = await lookAt(disk, path, plain.recognise).catch(() => undefined);
    if (look !== undefined) looks.set(path, look);
  }
  const others = await plainPairs(disk, looks, wanted, plain);
  return { ...others, pairs: [...ownPairs(looks, wanted), ...others.pairs] };
}

function ownPairs(looks: ReadonlyMap<string, Look>, wanted: readonly string[]): LoosePair[] {
  const pairs = new Map<string, { header: Header; files: Map<string, string> }>();
  for (const [path, { header }] of looks) {
    if (header === undefined || !wanted.includes(header.network)) continue;
    const pair = pairs.get(header.pair) ?? { header, files: new Map<string, string>() };
    pairs.set(header.pair, pair);
    // The name that says most about it, should it lie there twice: generator_DRUSEN_local.pth after EMERGENCY_generator_...
    pair.files.set(header.network, path);
  }
  return [...pairs.values()]
    .flatMap(({ header, files }) => {
      const networks = header.networks.filter((one) => wanted.includes(one));
      const paths = networks.map((network) => files.get(network));
      if (paths.includes(undefined)) return [];
      return { header, files: new Map(networks.map((network, i) => [network, paths[i]!])) };
    })
    .sort((a, b) => b.header.saved_at.localeCompare(a.header.saved_at));
}

async function plainPairs(
  disk: Disk,
  looks: ReadonlyMap<string, Look>,
  wanted: readonly string[],
  choice: PlainChoice,
): Promise<Loose> {
  const pairs = new Map<string, LoosePair>();
  let unsure: GuardapesosError | undefined;
  for (const [path, look] of looks) {
    if (look.header !== undefined) continue;
    const holds = look.found.map(({ network }) => network);
    const isFirst = holds.includes(wanted[0]) || networkOfName(basename(path)) === wanted[0];
    if (!isFirst) continue;
    try {
      const files = await plainPair(disk, path, look, wanted, choice);
      pairs.set([...files.values()].join("\0"), { files, header: undefined });
    } catch (error) {
      if (!isGuardapesosError(error)) throw error;
      if (error.code === "CHECKPOINT_PARTNER_AMBIGUOUS") unsure ??= error;
    }
  }
  return { pairs: [...pairs.values()], unsure };
}

export interface LooseChoice {
  readonly series: Series;
  /** Whether the class was asked for: then no pair that is called after another one is taken. */
  readonly isSure: boolean;
  /** What belongs to generations that are here: their names are links, not pairs of their own. */
  readonly generations: readonly { readonly pair: string }[];
}

/**
 * The pair that training goes on from where its store has nothing: the only one that can be meant, or the newest of one
 * training.
 * @returns undefined when there is none
 * @throws LOOSE_PAIR_AMBIGUOUS when several can be meant, or the only one is called after another class
 * @throws CHECKPOINT_PARTNER_AMBIGUOUS when there is only a half that several files could go with
 */
export function chooseLoose(
  folder: string,
  { pairs, unsure }: Loose,
  { series, isSure, generations }: LooseChoice,
): LoosePair | undefined {
  const known = new Set(generations.map(({ pair }) => pair));
  const apart = pairs.filter(({ header }) => header === undefined || !known.has(header.pair));
  // Beside the generations of others, only what is called exactly like this training's is surely its own.
  const candidates = generations.length === 0 ? apart : apart.filter((pair) => isCalled(pair, series));
  if (candidates.length === 0) {
    if (unsure !== undefined && generations.length === 0) throw unsure;
    return undefined;
  }
  const labels = labelsOfRuns(candidates);
  const labelOf = (pair: LoosePair) => labelIn(pair) ?? labels.get(pair.header?.run ?? "");
  const fitting = candidates.filter((pair) => {
    const label = labelOf(pair);
    return !isSure || label === undefined || label === series.label;
  });
  const [first, ...others] = fitting;
  const isOneTraining =
    first?.header !== undefined && others.every(({ header }) => header?.run === first.header?.run);
  if (first !== undefined && (others.length === 0 || isOneTraining)) return first;
  throw ambiguousPairs(folder, fitting.length > 0 ? fitting : candidates);
}

/** Each pair by the first of its files, which stands for both. */
export function ambiguousPairs(folder: string, pairs: readonly LoosePair[]): GuardapesosError {
  const files = pairs.map((pair) => [...pair.files.values()][0]!);
  return new GuardapesosError("LOOSE_PAIR_AMBIGUOUS", { folder, files });
}

/** The files at the familiar names of a training, whatever they are; undefined unless all are there. */
export async function namedFiles(
  folder: string,
  networks: readonly string[],
  series: Series,
  disk: Disk = nodeDisk,
): Promise<readonly string[] | undefined> {
  const paths = networks.map((network) => join(folder, familiarName(networkFile(network), series)));
  const there = await Promise.all(paths.map((path) => disk.target(path)));
  return there.every((one) => one?.kind === "file") ? paths : undefined;
}

function isCalled({ files }: LoosePair, series: Series): boolean {
  return [...files].every(([network, path]) => basename(path) === familiarName(networkFile(network), series));
}

/** The class in a name such as generator_DRUSEN_v11.pth; undefined where a name has no such place. */
function labelIn({ files }: LoosePair): string | undefined {
  const [[network, path]] = files as unknown as [[string, string]];
  const parts = new RegExp(`^${network}_(.+)_[^_]+\\.[^.]+$`, "i").exec(basename(path));
  return parts?.[1];
}

/** The class of each training of ours, as far as one of its pairs is called after it. */
function labelsOfRuns(pairs: readonly LoosePair[]): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const pair of pairs) {
    const label = labelIn(pair);
    if (pair.header !== undefined && label !== undefined) labels.set(pair.header.run, label);
  }
  return labels;
}
