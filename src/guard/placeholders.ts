/**
 * `{generator}`, `{critic}`, `{file:NAME}`, `{dir}` and `{size}` in what a resumed script is given: the verified copies in the
 * store of the checkpoint that it goes on from. Pure.
 */
import { posix, win32 } from "node:path";
import { GuardapesosError } from "../base/errors.js";
import { nearest } from "../base/nearest.js";

/** A file of a checkpoint, verified, in the store. */
export interface ResumeFile {
  /** What the script called it: its path or its file name. */
  readonly name: string;
  /** The copy in the store, absolute. */
  readonly path: string;
  /** Which network it holds, where that is known otherwise than by its name. */
  readonly network?: "generator" | "critic" | undefined;
}

/** What a script can go on from. */
export interface ResumePoint {
  /** Of the checkpoint. */
  readonly id: string;
  /** The folder with the copies, absolute. */
  readonly folder: string;
  readonly files: readonly ResumeFile[];
  /** Side of the images of the last batch before it was saved, in pixels; undefined where that is not known. */
  readonly imageSize: number | undefined;
}

const simple = ["generator", "critic", "dir", "size"] as const;
const known = [...simple, "file:NAME"].map((name) => `{${name}}`);

/** A placeholder of ours: `{file:...}` may hold anything but a brace. Other braces are Python's, or the script's. */
const pattern = /\{(generator|critic|dir|size|file:[^{}]+)\}/g;
/** What may be one, mistyped. */
const similar = /\{([A-Za-z]+)(?::[^{}]*)?\}/g;

const baseName = (path: string): string => win32.basename(posix.basename(path));

/** The network that a file's name speaks of: a whole word of it (`gen_12.pth`, `netG.pth`, `my-critic.pt`). */
export function networkOf({
  name,
  network,
}: Pick<ResumeFile, "name" | "network">): "generator" | "critic" | undefined {
  if (network !== undefined) return network;
  const words = baseName(name)
    .replace(/\.[^.]*$/, "")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z]+/);
  const of = (names: readonly string[]): boolean => words.some((word) => names.includes(word));
  const isGenerator = of(["generator", "gen", "g"]);
  const isCritic = of(["critic", "discriminator", "disc", "crit", "d"]);
  return isGenerator === isCritic ? undefined : isGenerator ? "generator" : "critic";
}

function only(placeholder: string, point: ResumePoint, files: readonly ResumeFile[]): string {
  if (files.length === 1) return files[0]!.path;
  throw new GuardapesosError("PLACEHOLDER_EMPTY", {
    placeholder: `{${placeholder}}`,
    id: point.id,
    several: files.length > 1,
    files: point.files.map(({ name }) => name),
  });
}

/** Files of that name: as the script wrote the path, else by the file's name alone. */
function named(files: readonly ResumeFile[], wanted: string): readonly ResumeFile[] {
  const slashes = (path: string): string => path.replaceAll("\\", "/");
  const exact = files.filter(({ name }) => slashes(name) === slashes(wanted));
  return exact.length > 0 ? exact : files.filter(({ name }) => baseName(name) === baseName(wanted));
}

function valueOf(placeholder: string, point: ResumePoint): string {
  switch (placeholder) {
    case "dir":
      return point.folder;
    case "size":
      return point.imageSize === undefined ? only(placeholder, point, []) : String(point.imageSize);
    case "generator":
    case "critic":
      return only(
        placeholder,
        point,
        point.files.filter((file) => networkOf(file) === placeholder),
      );
    default:
      return only(placeholder, point, named(point.files, placeholder.slice("file:".length)));
  }
}

/** Whether a text asks for the size of the images. */
export const asksForSize = (text: string): boolean => text.includes("{size}");

/**
 * A mistyped placeholder is found before anything starts, not when a training of weeks is to go on.
 * @throws PLACEHOLDER_UNKNOWN
 */
export function checkPlaceholders(option: string, text: string): void {
  for (const [placeholder, word] of text.replace(pattern, "").matchAll(similar)) {
    const suggestion = nearest(word!, [...simple, "file"]);
    if (suggestion !== undefined)
      throw new GuardapesosError("PLACEHOLDER_UNKNOWN", { option, placeholder, known });
  }
}

/**
 * A text with its placeholders filled in.
 * @param written how a value stands in the text: as it is, or as Python's repr()
 * @throws PLACEHOLDER_EMPTY where the checkpoint has no such file, or several
 */
export function filledIn(text: string, point: ResumePoint, written: (value: string) => string): string {
  return text.replace(pattern, (_, placeholder: string) => {
    const value = valueOf(placeholder, point);
    return placeholder === "size" ? value : written(value);
  });
}
