/**
 * Which folder holds the images that were asked for. People keep them as images, as a folder for each class, inside of
 * train, val and test, or as a folder for each patient; what is not certain is asked, so that nothing is ever mixed
 * that does not belong together.
 */
import { basename, join } from "node:path";
import { GuardapesosError, isGuardapesosError, reasonOf } from "../base/errors.js";
import { kindOfFile, listFolder, listOnce, type Listing } from "./folder-listing.js";

export interface ChosenFolder {
  readonly folder: string;
  /** What its images are called. */
  readonly label: string;
}

/** The class that means everything in the folder. */
export const wholeFolder = ".";

/**
 * @param root an absolute path
 * @throws FOLDER_NOT_FOUND, FOLDER_NOT_READABLE, CLASS_NEEDED, UNKNOWN_CLASS
 */
export async function chooseFolder(root: string, className: string | undefined): Promise<ChosenFolder> {
  const here = await view(root, true);
  if (className === wholeFolder) return { folder: root, label: basename(root) };
  if (className !== undefined) return named(root, here, className);
  const [only, ...more] = here.folders;
  // Images beside several class folders are more likely strays than a class of their own: ask, and mix nothing.
  if (more.length > 0) throw classNeeded(await choicesIn(root), root);
  if (only === undefined || here.images) return { folder: root, label: basename(root) };
  const folder = join(root, only);
  const choices = await choicesIn(folder);
  if (choices.classes.length + choices.deeper.length > 1) throw classNeeded(choices, root);
  return { folder, label: only };
}

/** What a folder holds. */
interface View {
  /** Whether there are images in it, beside those in its sub-folders. */
  readonly images: boolean;
  /** Sub-folders with images in them, or in theirs. */
  readonly folders: readonly string[];
}

async function listingOf(folder: string, isRoot: boolean): Promise<Listing> {
  try {
    return await listFolder(folder);
  } catch (error) {
    const nothing = { folders: [], images: [], unsure: [], others: [] };
    if (isGuardapesosError(error)) {
      if (isRoot) throw error;
      // There may be images in it, whatever they are called: whoever chooses it is told.
      return { ...nothing, images: [folder] };
    }
    if (!isRoot) return nothing;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (missing) throw new GuardapesosError("FOLDER_NOT_FOUND", { folder }, error);
    throw new GuardapesosError("FOLDER_NOT_READABLE", { folder, reason: reasonOf(error) }, error);
  }
}

async function view(folder: string, isRoot = false): Promise<View> {
  const listing = await listingOf(folder, isRoot);
  const folders: string[] = [];
  for (const name of listing.folders) if (await hasImages(join(folder, name))) folders.push(name);
  return { images: await imagesDirectly(folder, listing), folders };
}

async function imagesDirectly(folder: string, { images, unsure }: Listing): Promise<boolean> {
  if (images.length > 0) return true;
  for (const name of unsure) {
    const kind = await kindOfFile(join(folder, name)).catch(() => undefined);
    if (kind !== undefined && kind !== "dicom") return true;
  }
  return false;
}

async function hasImages(folder: string, seen = new Set<string>()): Promise<boolean> {
  const listing = await listOnce(folder, seen).catch(() => undefined);
  if (!listing) return false;
  if (await imagesDirectly(folder, listing)) return true;
  for (const name of listing.folders) if (await hasImages(join(folder, name), seen)) return true;
  return false;
}

const loose = (name: string): string => name.normalize().toLowerCase();

const splitName =
  /^(?:(train|training|entrenamiento)|val|valid|validation|validaci[oó]n|test|testing|prueba|dev|eval|evaluation|holdout)[\s_.-]*(?:set|sets|data|images?|split|folder|\d+)?s?$/u;
/** Parts of a data set, made for training and for trials, never a class. */
const isSplit = (name: string): boolean => splitName.test(loose(name));
const isTrainSplit = (name: string): boolean => splitName.exec(loose(name))?.[1] !== undefined;

/** The class that was named: among the sub-folders, else further in, else merely a name for the images that are here. */
async function named(root: string, here: View, className: string): Promise<ChosenFolder> {
  const all = (await listingOf(root, true)).folders;
  const alike = [String, (name: string) => name.normalize(), loose].map((form) =>
    all.filter((name) => form(name) === form(className)),
  );
  const [found, ...others] = alike.find((names) => names.length > 0) ?? [];
  if (others.length > 0) throw classNeeded(await choicesIn(root), root);
  const relative = found ?? (await furtherIn(root, here, className));
  if (relative !== undefined) {
    const folder = join(root, relative);
    if (await holdsSplits(folder)) throw classNeeded(await choicesIn(folder), root);
    return { folder, label: basename(folder) };
  }
  const { folder, classes, deeper } = await choicesIn(root);
  if (here.folders.length > 0) {
    throw new GuardapesosError("UNKNOWN_CLASS", {
      folder,
      wanted: className,
      classes: [...classes, ...deeper],
      places: [],
    });
  }
  return { folder: root, label: className };
}

const looselySame = (wanted: string) => (name: string) => loose(name) === loose(wanted);

/** Whether this is a part of a data set, or holds such parts, with several classes inside. */
async function holdsSplits(folder: string): Promise<boolean> {
  const { images, folders } = await view(folder);
  if (images) return false;
  if (folders.length > 1 && isSplit(basename(folder))) return true;
  for (const name of folders) {
    if ((isSplit(name) || folders.length === 1) && (await holdsSplits(join(folder, name)))) return true;
  }
  return false;
}

/** Levels below the folder that was given in which a class is looked for. */
const deepest = 4;

/** A class further in: relative path. Of several, the one to train on; else who asked must say which. */
async function furtherIn(root: string, here: View, className: string): Promise<string | undefined> {
  let level: readonly string[] = here.folders;
  for (let depth = 2; depth <= deepest; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      const { folders } = await listingOf(join(root, folder), false);
      for (const name of folders) next.push(`${folder}/${name}`);
    }
    const last = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
    const matches: string[] = [];
    for (const path of next) {
      if (looselySame(className)(last(path)) && (await hasImages(join(root, path)))) matches.push(path);
    }
    const toTrain = matches.filter((path) => path.split("/").some(isTrainSplit));
    const places = toTrain.length > 0 ? toTrain : matches;
    if (places.length === 1) return places[0];
    if (places.length > 1) {
      throw new GuardapesosError("UNKNOWN_CLASS", { folder: root, wanted: className, classes: [], places });
    }
    level = next;
  }
  return undefined;
}

/** What can be chosen. */
interface Choices {
  /** That holds the classes: the one that was asked about, or one inside of it. */
  readonly folder: string;
  readonly classes: readonly string[];
  /** Folders that seem to hold classes themselves, so that one of them is no choice. */
  readonly deeper: readonly string[];
}

async function choicesIn(folder: string): Promise<Choices> {
  const { images, folders } = await view(folder);
  const [only, ...more] = folders;
  if (only !== undefined && more.length === 0 && !images) return choicesIn(join(folder, only));
  const inside = new Map<string, readonly string[]>();
  for (const name of folders) {
    const one = await view(join(folder, name));
    if (!one.images && one.folders.length > 1) inside.set(name, one.folders);
  }
  const splits = [...inside.keys()].filter(isSplit);
  const [split] = [...splits.filter(isTrainSplit), ...splits];
  if (split !== undefined) return choicesIn(join(folder, split));
  const deeper = folders.filter((name) => inside.has(name) && !isSeries(inside.get(name)!));
  return { folder, classes: folders.filter((name) => !deeper.includes(name)), deeper };
}

/** More folders than anybody has classes, or names that differ in numbers alone: patients or eyes, or the parts of a data set. */
function isSeries(names: readonly string[]): boolean {
  const stems = new Set(names.map((name) => name.replace(/\d+/g, "")));
  return names.length > mostClasses || (names.length > 2 && stems.size === 1) || names.every(isSplit);
}
const mostClasses = 20;

function classNeeded({ folder, classes, deeper }: Choices, root: string): GuardapesosError {
  const together = deeper.length === 0 && isSeries(classes);
  return new GuardapesosError("CLASS_NEEDED", { folder, inside: folder !== root, classes, deeper, together });
}
