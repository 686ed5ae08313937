/**
 * Every path of the store is built and read here, so that nothing is ever written to, or removed from, a place that this
 * file does not know. The grammar is in docs/checkpoint-format.md.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { invariant } from "../base/invariant.js";
import { markedName } from "../base/marked-name.js";
import type { CheckpointKind } from "./checkpoint.js";

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

export const manifestFile = "manifest.json";
export const verifiedFile = "verified.json";
export const keptFile = "kept.json";

const stampPattern = String.raw`\d{8}_\d{6}(?:_\d+)?`;
const idPattern = new RegExp(`^(\\d{8,})-(${checkpointKinds.join("|")})-(${stampPattern})$`);
const dayPattern = /^\d{4}-\d{2}-\d{2}(?:_\d+)?$/;
const temporaryPrefix = ".tmp-";
const trashPrefix = ".trash-";
const lockPrefix = ".lock-";

/** Names of networks, labels and series stand inside file names: no separators, no control characters. */
export function isSafeName(text: string): boolean {
  return text.length > 0 && text.length <= 100 && !/[\\/:*?"<>|]|\p{Cc}/u.test(text) && !text.startsWith(".");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
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

export function generationId(step: number, kind: CheckpointKind, stamp: string): string {
  invariant(Number.isSafeInteger(step) && step >= 0, `a step is a whole number, not ${step}`);
  return `${String(step).padStart(8, "0")}-${kind}-${stamp}`;
}

export interface ParsedId {
  readonly step: number;
  readonly kind: CheckpointKind;
  readonly stamp: string;
}

/** The parts of a generation's folder name, or undefined for any other name. */
export function parseId(name: string): ParsedId | undefined {
  const parts = idPattern.exec(name);
  if (parts === null) return undefined;
  return { step: Number(parts[1]), kind: parts[2] as CheckpointKind, stamp: parts[3]! };
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

export function checkpointsFolder(weights: string): string {
  return join(weights, "checkpoints");
}

export function backupsFolder(weights: string): string {
  return join(weights, "backups");
}

export function generationFolder(weights: string, id: string): string {
  return join(checkpointsFolder(weights), id);
}

export function ballastPath(weights: string): string {
  return join(checkpointsFolder(weights), ".ballast");
}

/** Empty files beside it: where a disk is out of inodes, room alone is no use. */
export function spareFiles(weights: string): readonly string[] {
  // Of a save: its folder, two networks, the manifest, the mark; one more for the name that it is made under.
  return [1, 2, 3, 4, 5, 6].map((number) => `${ballastPath(weights)}-${number}`);
}

export function journalPath(weights: string): string {
  return join(checkpointsFolder(weights), "journal.jsonl");
}

export function networkFile(network: string): string {
  return `${network}.pth`;
}

/** The copy of a running training's state, outside the weights folder: in memory. */
export interface MirrorPaths {
  readonly folder: string;
  readonly arrays: string;
  readonly facts: string;
}

/** @param of what tells the copies of one training from all others */
export function mirrorNames(folder: string, of: readonly (string | number)[]): MirrorPaths {
  return mirrorOf(folder, createHash("sha256").update(JSON.stringify(of)).digest("hex").slice(0, 32));
}

const mirrorOf = (folder: string, key: string): MirrorPaths => {
  const base = join(folder, `guardapesos-${key}`);
  return { folder, arrays: `${base}.arrays`, facts: `${base}.json` };
};

/** The paths of a copy, from the name of its facts; undefined for any other name. */
export function mirrorNamed(folder: string, name: string): MirrorPaths | undefined {
  const key = /^guardapesos-([0-9a-f]{32})\.json$/.exec(name)?.[1];
  return key === undefined ? undefined : mirrorOf(folder, key);
}

/** Bytes of a label and a name in a file's name; a file system takes 255 for all of it. */
const stemBytes = 180;

/** Label and name as they stand in file names, and nothing else's where `apart`: "A_B" and "c" reads as "A" and "B_c". */
function stemOf({ label, name }: Series, apart: boolean): string {
  const stem = `${label}_${name}`;
  if (!apart && Buffer.byteLength(stem) <= stemBytes) return stem;
  return markedName(stem, JSON.stringify([label, name]), stemBytes);
}

/** `generator_DRUSEN_local.pth`: always the newest verified finite pair. @param apart where another series has that name */
export function familiarName(network: string, series: Series, apart = false): string {
  return `${network}_${stemOf(series, apart)}.pth`;
}

/** `EMERGENCY_generator_20251106_153045.pth`; `stamp` is that of the generation's id. */
export function emergencyName(network: string, stamp: string): string {
  return `EMERGENCY_${network}_${stamp}.pth`;
}

/** Where a user's own file goes that stands at a familiar name. */
export function asideName(network: string, series: Series, stamp: string): string {
  return `OLD_${network}_${stemOf(series, false)}_${stamp}.pth`;
}

/** What people call the two networks in the names of their files; short words only where they stand by themselves. */
const generatorWords = ["generator", "gen", "net_?g", "g"];
const criticWords = ["critic", "discriminator", "disc", "crit", "net_?d", "d"];

/** The last place of a word in a name, whatever its case. */
function wordIn(file: string, word: string): RegExpExecArray | undefined {
  const pattern = word.length > 5 ? word : `(?<![a-z])${word}(?![a-z])`;
  return [...file.matchAll(new RegExp(pattern, "gi"))].at(-1);
}

/** `word` written as `like` is: "G" and "d" give "D", "Generator" and "critic" give "Critic". */
function writtenAs(like: string, word: string): string {
  if (like === like.toUpperCase()) return word.toUpperCase();
  return like[0] === like[0]!.toLowerCase() ? word : word[0]!.toUpperCase() + word.slice(1);
}

/**
 * What the file that goes with a plain PyTorch file may be called: the name with the word for its network exchanged for
 * one of the other's, the likelier first. None when the name says neither.
 */
export function partnerNames(file: string): readonly string[] {
  const names = new Set<string>();
  for (const [from, to] of [
    [generatorWords, criticWords],
    [criticWords, generatorWords],
  ] as const) {
    for (const word of from) {
      const found = wordIn(file, word);
      if (found === undefined) continue;
      const [old] = found;
      // "netG" goes with "netD", and not with "critic".
      const isNet = /^net/i.test(old);
      for (const other of to.filter((one) => one.startsWith("net") === isNet)) {
        const fresh = isNet
          ? old.slice(0, -1) + writtenAs(old.slice(-1), other.slice(-1))
          : writtenAs(old, other);
        names.add(file.slice(0, found.index) + fresh + file.slice(found.index + old.length));
      }
    }
  }
  names.delete(file);
  return [...names];
}

/** Whether a file was put aside so, by whatever store. */
export function isAsideName(name: string): boolean {
  return new RegExp(`^OLD_.+_${stampPattern}\\.pth$`).test(name);
}

/** Which network a plain PyTorch file holds, where its name says so in full. */
export function networkOfName(file: string): "generator" | "critic" | undefined {
  if (/generator/i.test(file)) return "generator";
  return /critic|discriminator/i.test(file) ? "critic" : undefined;
}
