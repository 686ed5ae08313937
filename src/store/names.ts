/**
 * Every path of the store is built and read here, so that nothing is ever written to, or removed from, a place that this
 * file does not know. The grammar is in docs/checkpoint-format.md.
 */
import { join, parse } from "node:path";
import { invariant } from "../base/invariant.js";
import { markedName } from "../base/marked-name.js";
import { folderPath, type FolderPath, type GenerationId } from "./brands.js";

/** Whose a checkpoint is, and who the familiar names speak of: `generator_DRUSEN_local.pth` has label "DRUSEN" and name "local". */
export interface Series {
  readonly label: string;
  readonly name: string;
  /**
   * The class as it is really called, which the label stands for in file names; null: generated images. undefined: not
   * recorded, as in checkpoints from before it was.
   */
  readonly class?: string | null | undefined;
}

export const checkpointKinds = ["auto", "epoch", "stage", "emergency", "manual", "imported"] as const;
/** auto: every N batches. epoch, stage: at their ends. emergency: on a stop. imported: from files of elsewhere. */
export type CheckpointKind = (typeof checkpointKinds)[number];

/** Where generations lie: in a folder of the weights folder. */
export interface Place {
  /** The weights folder. */
  readonly weights: string;
  /** The name in it of the folder with the generations. */
  readonly folder: string;
}

export const manifestFile = "manifest.json";
export const verifiedFile = "verified.json";
export const keptFile = "kept.json";

const stampPattern = String.raw`\d{8}_\d{6}(?:_\d+)?`;
const idPattern = new RegExp(`^(s?)(\\d{8,})-(${checkpointKinds.join("|")})-(${stampPattern})$`);
const dayPattern = /^\d{4}-\d{2}-\d{2}(?:_\d+)?$/;
const temporaryPrefix = ".tmp-";
const trashPrefix = ".trash-";
const lockPrefix = ".lock-";

const unsafe = /[\\/:*?"<>|]|\p{Cc}/u;

/** Labels and names of series stand inside file names: no separators, no control characters. */
export function isSafeName(text: string): boolean {
  return text.length > 0 && text.length <= 100 && !unsafe.test(text) && !text.startsWith(".");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

const reserved = new Set([manifestFile, verifiedFile, keptFile]);

/** Whether a file may be called so in a generation: on any system, and beside the store's own. */
export function isArtifactName(name: string): boolean {
  const fits = name.length > 0 && Buffer.byteLength(name) <= 200;
  return fits && !unsafe.test(name) && !/^\.|[. ]$/.test(name) && !reserved.has(name.toLowerCase());
}

/**
 * Local time as YYYYMMDD_HHMMSS.
 * @param copy 2, 3, ... when the plain stamp is taken
 */
export function stampOf(time: Date, copy = 1): string {
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  const clock = `${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
  return copy === 1 ? `${day}_${clock}` : `${day}_${clock}_${copy}`;
}

/**
 * Local day as YYYY-MM-DD: the name of a backup.
 * @param copy 2, 3, ... when the day already has one
 */
export function dayOf(time: Date, copy = 1): string {
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return copy === 1 ? day : `${day}_${copy}`;
}

/** What the number in a generation's id counts: steps of training, or, where they are not known, the saves of its folder. */
export type Counted = { readonly step: number } | { readonly save: number };

export function generationId(counted: Counted, kind: CheckpointKind, stamp: string): GenerationId {
  const [prefix, number] = "step" in counted ? ["", counted.step] : ["s", counted.save];
  invariant(Number.isSafeInteger(number) && number >= 0, `a step is a whole number, not ${number}`);
  return `${prefix}${String(number).padStart(8, "0")}-${kind}-${stamp}` as GenerationId;
}

export interface ParsedId {
  /** undefined: its number counts saves. */
  readonly step: number | undefined;
  readonly kind: CheckpointKind;
  readonly stamp: string;
}

/** The parts of a generation's folder name, or undefined for any other name. */
export function parseId(name: string): ParsedId | undefined {
  const parts = idPattern.exec(name);
  if (parts === null) return undefined;
  const [, counts, number, kind, stamp] = parts;
  return {
    step: counts === "s" ? undefined : Number(number),
    kind: kind as CheckpointKind,
    stamp: stamp!,
  };
}

export function isBackupName(name: string): boolean {
  return dayPattern.test(name);
}

/** A folder's name while it is being written. */
export function temporaryName(name: string): string {
  return temporaryPrefix + name;
}

/** A folder's name while it is being removed. */
export function trashName(name: string): string {
  return trashPrefix + name;
}

/** The name that a folder had before its removal began; undefined for any other name. */
export function nameBeforeTrash(name: string): string | undefined {
  return name.startsWith(trashPrefix) && isLeftover(name) ? name.slice(trashPrefix.length) : undefined;
}

/** Whether a folder in checkpoints/ or backups/ is what an interrupted save or removal left. */
export function isLeftover(name: string): boolean {
  for (const prefix of [temporaryPrefix, trashPrefix]) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (parseId(rest) !== undefined || isBackupName(rest)) return true;
  }
  return false;
}

/** The temporary name of a single file, in the folder of its final name. */
export function temporaryFile(name: string): string {
  return `${temporaryPrefix}link-${name}`;
}

export function isTemporaryFile(name: string): boolean {
  return name.startsWith(temporaryFile(""));
}

export function lockName(token: string): string {
  return lockPrefix + token;
}

export function isLockName(name: string): boolean {
  return /^\.lock-[0-9a-f]{32}$/.test(name);
}

/**
 * The wish that the owner of a lock may stop. What nobody removed goes with the temporary files when the folder is opened
 * next.
 */
export function stopName(lock: string): string {
  return temporaryFile(`stop-${lock.slice(lockPrefix.length)}`);
}

export function generationsFolder({ weights, folder }: Place): FolderPath {
  return folderPath(join(weights, folder));
}

export function backupsFolder(weights: string): FolderPath {
  return folderPath(join(weights, "backups"));
}

/** Also of one that is not finished, by its temporary name. */
export function generationFolder(place: Place, id: string): FolderPath {
  return within(generationsFolder(place), id);
}

/** A folder in another one. */
export function within(parent: FolderPath, name: string): FolderPath {
  return folderPath(join(parent, name));
}

export function ballastPath(place: Place): string {
  return join(generationsFolder(place), ".ballast");
}

/** Empty files beside it: where a disk is out of inodes, room alone is no use. */
export function spareFiles(place: Place): readonly string[] {
  // Of a save: its folder, two files, the manifest, the mark; one more for the name that it is made under.
  return [1, 2, 3, 4, 5, 6].map((number) => `${ballastPath(place)}-${number}`);
}

export function journalPath(place: Place): string {
  return join(generationsFolder(place), "journal.jsonl");
}

/** Bytes of a label and a name in a file's name; a file system takes 255 for all of it. */
const stemBytes = 180;

/** Label and name as they stand in file names, and nothing else's where `apart`: "A_B" and "c" reads as "A" and "B_c". */
function stemOf({ label, name }: Series, apart: boolean): string {
  const stem = `${label}_${name}`;
  if (!apart && Buffer.byteLength(stem) <= stemBytes) return stem;
  return markedName(stem, JSON.stringify([label, name]), stemBytes);
}

/** A file's name and its ending. */
function split(name: string): readonly [stem: string, ending: string] {
  const { name: stem, ext } = parse(name);
  return [stem, ext];
}

/**
 * `generator_DRUSEN_local.pth` for `generator.pth`: always the newest verified finite one.
 * @param apart where another series has that name
 */
export function familiarName(artifact: string, series: Series, apart = false): string {
  const [stem, ending] = split(artifact);
  return `${stem}_${stemOf(series, apart)}${ending}`;
}

/** `EMERGENCY_generator_20251106_153045.pth`; `stamp` is that of the generation's id. */
export function emergencyName(artifact: string, stamp: string): string {
  const [stem, ending] = split(artifact);
  return `EMERGENCY_${stem}_${stamp}${ending}`;
}

/** Where a user's own file goes that stands at a familiar name. */
export function asideName(artifact: string, series: Series, stamp: string): string {
  const [stem, ending] = split(artifact);
  return `OLD_${stem}_${stemOf(series, false)}_${stamp}${ending}`;
}

/** Whether a file was put aside so, by whatever store. */
export function isAsideName(name: string): boolean {
  return new RegExp(`^OLD_.+_${stampPattern}\\.pth$`).test(name);
}
