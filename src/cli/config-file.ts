/**
 * guardapesos.config.json: the options of training in a file, under the names of the command line ("batch-sizes";
 * "batchSizes" is understood too). What the command line says wins. Paths are relative to the current folder.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { Expected } from "../base/errors.js";
import { GuardapesosError, reasonOf } from "../base/errors.js";
import type { OptionName } from "../texts/index.js";
import { autosaveOf } from "../progan/config.js";
import { parseSensor } from "../thermal/sensors/open.js";
import { nearest } from "../base/nearest.js";
import type { Settings } from "./options.js";
import { durationOf, timeOfDay } from "./stop-time.js";
import {
  isName,
  isText,
  kebab,
  perResolutionList,
  recipeOptions,
  runOptions,
  specialFault,
  trainingOptions,
} from "./options.js";

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

/** A recipe, its keys as they are typed or as they are named in the code. */
function recipeSchema(): z.ZodType {
  const names = Object.keys(recipeOptions) as (keyof typeof recipeOptions)[];
  const named = (written: string): string => names.find((name) => kebab(name) === written) ?? written;
  return z
    .record(z.string(), z.unknown())
    .transform((recipe) =>
      Object.fromEntries(Object.entries(recipe).map(([key, value]) => [named(key), value])),
    )
    .pipe(
      z.strictObject(
        Object.fromEntries(names.map((name) => [name, schemaOf(recipeOptions[name]).optional()])),
      ),
    );
}

function schemaOf(expected: Expected): z.ZodType {
  switch (expected.kind) {
    case "text":
      return z.string().trim().refine(isText);
    case "name":
      return z
        .string()
        .transform((value) => value.normalize())
        .pipe(z.string().refine(isName));
    case "texts": {
      const one = z.string().trim().refine(isText);
      return z.union([one.transform((value) => [value]), z.array(one)]);
    }
    case "boolean":
      return z.boolean();
    case "object":
      return z.looseObject({});
    case "recipes":
      return z.record(z.string().refine(isText), recipeSchema());
    case "integer":
      return z
        .int()
        .min(expected.min)
        .max(expected.max ?? Number.MAX_SAFE_INTEGER);
    case "number":
      return z.number().gt(expected.above);
    case "number-from":
      return z.number().min(expected.min).max(expected.max);
    case "sensor":
      return z.string().refine((value) => parseSensor(value) !== undefined);
    case "interval":
      return z.custom((value) => autosaveOf(value) !== undefined).transform(autosaveOf);
    case "duration":
      return z.custom((value) => durationOf(value) !== undefined).transform(durationOf);
    case "time-of-day":
      return z.custom((value) => timeOfDay(value) !== undefined).transform(timeOfDay);
    case "integers": {
      const one = z.int().min(expected.min).max(expected.max);
      return z
        .union([one.transform((value) => [value]), z.array(one).length(expected.count)])
        .transform((values) => perResolutionList(values, expected.count));
    }
    case "one-of":
      return z.literal([...expected.values]);
  }
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
const schema = z.strictObject(
  Object.fromEntries(keys.map((key) => [key, schemaOf(fileKeys[key]).optional()])),
);

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

  const typed = new Map<string, string>();
  const entries: [string, unknown][] = [];
  for (const [written, value] of Object.entries(json)) {
    const key = keys.find((known) => kebab(known) === written) ?? written;
    if (!keys.some((known) => known === key)) {
      const suggestion = nearest(written, keys.map(kebab));
      throw new GuardapesosError("CONFIG_UNKNOWN_KEY", { file, key: written, suggestion });
    }
    const other = typed.get(key);
    if (other !== undefined)
      throw new GuardapesosError("CONFIG_KEY_TWICE", { file, key: other, other: written });
    typed.set(key, written);
    entries.push([key, value]);
  }
  const normalised = Object.fromEntries(entries);

  const result = schema.safeParse(normalised);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const key = issue.path[0] as FileKey;
  const value = normalised[key];
  throw (
    specialFault(key as OptionName, Array.isArray(value) ? value.map(shown) : [shown(value)]) ??
    new GuardapesosError("CONFIG_INVALID", {
      file,
      key: typed.get(key) ?? key,
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
