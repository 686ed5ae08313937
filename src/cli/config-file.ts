/**
 * guardapesos.config.json: the options of training in a file, under the names of the command line ("batch-sizes";
 * "batchSizes" is understood too). What the command line says wins. Paths are relative to the current folder.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { OptionName } from "../texts/index.js";
import { nearest } from "../base/nearest.js";
import type { Settings } from "./options.js";
import { acceptedValue, isText } from "./option-kinds.js";
import { kebab, recipeOptions, runOptions, specialFault, trainingOptions } from "./options.js";

const configFileName = "guardapesos.config.json";

export type TrainingSettings = Settings<typeof trainingOptions>;

/** What the file may hold: the options of `train` and of `run`. Each command takes its own, and others' do not disturb. */
const fileOptions = { ...trainingOptions, ...runOptions } as const;
export type RecipeSettings = Settings<typeof recipeOptions>;
export type FileSettings = Settings<typeof fileOptions> & {
  /** Under their names; in the file alone. */
  recipes?: Readonly<Record<string, RecipeSettings>>;
};
/** The same, and what has no option. */
const fileKeys = { ...fileOptions, recipes: { kind: "recipes" } } as const;
type FileKey = keyof typeof fileKeys;

const trimmed = (value: unknown): unknown => (typeof value === "string" ? value.trim() : value);

/** Blanks around a text in a file, or around each of a list, are an accident. */
const withoutBlanks = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(trimmed) : trimmed(value);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A recipe, its keys as they are typed or as they are named in the code; undefined for what is none. */
function recipeOf(recipe: unknown): RecipeSettings | undefined {
  if (!isObject(recipe)) return undefined;
  const names = Object.keys(recipeOptions) as (keyof typeof recipeOptions)[];
  const settings = new Map<string, unknown>();
  for (const [written, value] of Object.entries(recipe)) {
    const name = names.find((known) => kebab(known) === written || known === written);
    const accepted = name && acceptedValue(withoutBlanks(value), recipeOptions[name]);
    if (name === undefined || accepted === undefined) return undefined;
    settings.set(name, accepted);
  }
  return Object.fromEntries(settings);
}

/** The recipes of a file, by their names; undefined where one is none. */
function recipesOf(recipes: unknown): FileSettings["recipes"] | undefined {
  if (!isObject(recipes)) return undefined;
  const entries = Object.entries(recipes).map(([name, recipe]) => [name, recipeOf(recipe)] as const);
  const isWhole = entries.every(([name, recipe]) => isText(name) && recipe !== undefined);
  return isWhole ? (Object.fromEntries(entries) as FileSettings["recipes"]) : undefined;
}

/** The value of a key; undefined for what it does not take. */
function valueOf(key: FileKey, value: unknown): unknown {
  return key === "recipes" ? recipesOf(value) : acceptedValue(withoutBlanks(value), fileOptions[key]);
}

/** A value of the file as text, however deep it is. */
function shown(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value).slice(0, 200);
  } catch {
    return "[...]";
  }
}

const keys = Object.keys(fileKeys) as FileKey[];
const keyOf = (written: string): FileKey | undefined =>
  keys.find((key) => kebab(key) === written || key === written);

/** Content of a config file -> settings. Throws the CONFIG_* errors, and those of the options themselves. */
export function parseConfig(file: string, content: string): FileSettings {
  let json: unknown;
  try {
    json = JSON.parse(content.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new GuardapesosError("CONFIG_NOT_JSON", { file, reason: reasonOf(error) });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    const value = shown(json);
    throw new GuardapesosError("CONFIG_INVALID", { file, key: "", value, expected: { kind: "object" } });
  }

  const typed = new Map<FileKey, string>();
  const entries: [FileKey, unknown][] = [];
  for (const [written, value] of Object.entries(json)) {
    const key = keyOf(written);
    if (key === undefined) {
      const suggestion = nearest(written, keys.map(kebab));
      throw new GuardapesosError("CONFIG_UNKNOWN_KEY", { file, key: written, suggestion });
    }
    const other = typed.get(key);
    if (other !== undefined)
      throw new GuardapesosError("CONFIG_KEY_TWICE", { file, key: other, other: written });
    typed.set(key, written);
    entries.push([key, value]);
  }
  const settings = new Map<FileKey, unknown>();
  for (const [key, value] of entries) {
    const accepted = valueOf(key, value);
    if (accepted === undefined) throw faultOf(file, key, typed.get(key) ?? key, value);
    settings.set(key, accepted);
  }
  return Object.fromEntries(settings);
}

/** What is wrong with a value, as well as it can be said. */
function faultOf(file: string, key: FileKey, written: string, value: unknown): GuardapesosError {
  return (
    specialFault(key as OptionName, Array.isArray(value) ? value.map(shown) : [shown(value)]) ??
    new GuardapesosError("CONFIG_INVALID", {
      file,
      key: written,
      value: typeof value === "string" ? JSON.stringify(value) : shown(value),
      expected: fileKeys[key],
    })
  );
}

/**
 * The settings of the config file: `path` if it is given, else guardapesos.config.json of `folder` if it is there.
 * Throws CONFIG_NOT_FOUND when the file that was asked for cannot be read.
 */
export async function readConfig(path: string | undefined, folder: string): Promise<FileSettings> {
  const file = path ?? join(folder, configFileName);
  let content: string;
  try {
    content = await readFile(file, "utf8");
  } catch (error) {
    if (path === undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new GuardapesosError("CONFIG_NOT_FOUND", { file: path ?? configFileName });
  }
  return parseConfig(path ?? configFileName, content);
}
