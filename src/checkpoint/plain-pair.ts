/**
 * Plain PyTorch files: which networks they hold, and which two make a pair. What a file holds is known by the names of its
 * weights where the caller knows its networks, else by the name of the file. Nothing is chosen among several.
 */
import { basename, dirname, join, resolve } from "node:path";
import { GuardapesosError } from "../base/errors.js";
import {
  chosenOf,
  stateDictName,
  stateDictsIn,
  type FoundStateDict,
  type Recognise,
} from "../torch/index.js";
import { isTemporaryFile, type Disk } from "../store/index.js";
import { networkFile, networkOfName, partnerNames } from "./network-names.js";
import { openTorch } from "./torch-codec.js";
import { headerFault, headerFormat, headerIn, type Header, type PlainChoice } from "./network-file.js";

/** What a `.pth` says about itself, and the state_dicts that it holds. Opening reads a few kilobytes, no tensors. */
export interface Look {
  readonly header: Header | undefined;
  readonly found: readonly FoundStateDict[];
}

/**
 * @throws TORCH_FILE_*
 * @throws PROGRESS_UNREADABLE, CHECKPOINT_FORMAT_NEWER for one of ours that cannot be understood: it must not pass for a plain
 *   one
 */
export async function lookAt(disk: Disk, path: string, recognise?: Recognise): Promise<Look> {
  const file = await openTorch(disk, path, "follow");
  try {
    const fault = headerFault(file.value);
    if (fault !== undefined) throw new GuardapesosError("PROGRESS_UNREADABLE", { id: path, ...fault });
    const header = headerIn(file.value);
    if (header !== undefined && header.format > headerFormat) {
      throw new GuardapesosError("CHECKPOINT_FORMAT_NEWER", { id: path, format: header.format });
    }
    return { header, found: stateDictsIn(file.value, recognise) };
  } finally {
    await file.close();
  }
}

/** The networks that were recognised. */
const networksOf = ({ found }: Look): ReadonlySet<string> =>
  new Set(found.flatMap(({ network }) => (network === undefined ? [] : [network])));

/**
 * The files of a plain pair, from the path of one of them: the same file twice when it holds both networks.
 * @param wanted the networks that are needed
 * @throws CHECKPOINT_PARTNER_MISSING, CHECKPOINT_PARTNER_AMBIGUOUS, CHECKPOINT_OTHER_NETWORK, STATE_DICT_UNKNOWN
 * @throws CHECKPOINT_PAIR_MISMATCH when the other file belongs to a save of ours
 * @throws TORCH_FILE_*
 */
export async function plainPair(
  disk: Disk,
  path: string,
  look: Look,
  wanted: readonly string[],
  choice: PlainChoice,
): Promise<ReadonlyMap<string, string>> {
  const own = ownNetworks(path, look, wanted, choice);
  const files = new Map(wanted.filter((one) => own.includes(one)).map((network) => [network, path]));
  const looks = [look];
  for (const network of wanted.filter((one) => !own.includes(one))) {
    const half = own.some((one) => wanted.includes(one));
    const partner = await partnerOf(disk, path, network, choice, half ? undefined : own[0]!);
    const other = await lookAt(disk, partner, choice.recognise);
    // A partner that knows its own pair belongs to another save.
    if (other.header !== undefined) {
      const [generator, critic] = network === "generator" ? [partner, path] : [path, partner];
      throw new GuardapesosError("CHECKPOINT_PAIR_MISMATCH", { generator, critic, partner: undefined });
    }
    const holds = networksOf(other);
    if (holds.size > 0 && !holds.has(network)) {
      throw new GuardapesosError("CHECKPOINT_OTHER_NETWORK", {
        file: partner,
        holds: [...holds][0]!,
        wanted: network,
      });
    }
    files.set(network, partner);
    looks.push(other);
  }
  checkNames(path, looks, choice);
  return files;
}

/** Every state_dict that was asked for stands in one of the files. */
function checkNames(file: string, looks: readonly Look[], { stateDicts = [] }: PlainChoice): void {
  const all = looks.flatMap(({ found }) => found);
  const unknown = stateDicts.find((name) => chosenOf(all, [name]).length === 0);
  if (unknown === undefined) return;
  throw new GuardapesosError("STATE_DICT_UNKNOWN", { file, wanted: unknown, names: all.map(stateDictName) });
}

/** The networks in the file that was given. */
function ownNetworks(
  path: string,
  look: Look,
  wanted: readonly string[],
  { partner }: PlainChoice,
): readonly string[] {
  const holds = networksOf(look);
  const named = networkOfName(basename(path));
  const [first] = wanted;
  if (holds.size === 0) return [partner === undefined ? (named ?? first!) : first!];
  // With its partner named, a file is what stands first; without, what its own name says.
  const expected = partner === undefined ? named : first;
  if (expected !== undefined && !holds.has(expected)) {
    throw new GuardapesosError("CHECKPOINT_OTHER_NETWORK", {
      file: path,
      holds: [...holds][0]!,
      wanted: expected,
    });
  }
  return partner === undefined ? [...holds] : [first!];
}

/**
 * The file with the other network: the one that was named, the one that is called like it, or the only one there.
 * @param alone what `path` holds when it is no half of what is wanted: then only a name tells its partner
 */
async function partnerOf(
  disk: Disk,
  path: string,
  network: string,
  choice: PlainChoice,
  alone: string | undefined,
): Promise<string> {
  const folder = dirname(path);
  const isFile = async (one: string) => (await disk.target(one))?.kind === "file";
  const missing = (partner: string) =>
    new GuardapesosError("CHECKPOINT_PARTNER_MISSING", { file: path, partner });
  const ambiguous = (candidates: readonly string[]) =>
    new GuardapesosError("CHECKPOINT_PARTNER_AMBIGUOUS", { file: path, network, candidates });
  if (choice.partner !== undefined) {
    for (const one of [resolve(choice.partner), join(folder, choice.partner)])
      if (await isFile(one)) return one;
    throw missing(choice.partner);
  }
  const called = partnerNames(basename(path)).map((name) => join(folder, name));
  const there: string[] = [];
  for (const one of called)
    if ((await isFile(one)) && (await mayHold(disk, one, network, choice))) there.push(one);
  if (there.length === 1) return there[0]!;
  if (there.length > 1) throw ambiguous(there);
  if (alone !== undefined) {
    throw new GuardapesosError("CHECKPOINT_OTHER_NETWORK", { file: path, holds: alone, wanted: network });
  }
  const { others, like } = await halvesIn(disk, path, network, choice);
  if (others.length === 1 && like === 0) return others[0]!;
  if (others.length > 0) throw ambiguous(others.slice(0, 5));
  throw missing(called[0] ?? join(folder, networkFile(network)));
}

/** Whether the names of its weights allow for it; what cannot be read is told when it is opened. */
async function mayHold(
  disk: Disk,
  path: string,
  network: string,
  { recognise }: PlainChoice,
): Promise<boolean> {
  const look = await lookAt(disk, path, recognise).catch(() => undefined);
  const holds = look === undefined ? new Set<string>() : networksOf(look);
  return holds.size === 0 || holds.has(network);
}

/** Endings of the files that PyTorch users save. */
export const endings = /\.(pth|pt|ckpt|tar|bin|pkl|model)$/i;

/** By the names of their weights: the plain files beside `path` with the network, and how many hold what it holds itself. */
async function halvesIn(
  disk: Disk,
  path: string,
  network: string,
  { recognise }: PlainChoice,
): Promise<{ others: string[]; like: number }> {
  const others: string[] = [];
  let like = 0;
  if (recognise === undefined) return { others, like };
  const folder = dirname(path);
  for (const name of [...(await disk.list(folder).catch(() => []))].sort()) {
    const one = join(folder, name);
    if (one === path || !endings.test(name) || isTemporaryFile(name)) continue;
    const look = await lookAt(disk, one, recognise).catch(() => undefined);
    const holds = look === undefined || look.header !== undefined ? new Set<string>() : networksOf(look);
    if (holds.has(network)) others.push(one);
    else if (holds.size > 0) like++;
  }
  return { others, like };
}
