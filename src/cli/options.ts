/**
 * Every option once: what it is called and what it accepts. The command line and the config file both read these
 * tables, so that they cannot differ.
 */
import type { Command } from "commander";
import { Option } from "commander";
import type { Expected } from "../base/errors.js";
import { GuardapesosError } from "../base/errors.js";
import { precisions } from "../engine/precision.js";
import { bounds, presetNames, resolutions, type Autosave } from "../progan/config.js";
import type { OptionName, Texts } from "../texts/index.js";
import { languages } from "../texts/index.js";
import { devices } from "../training/options.js";
import { acceptedWord, type OptionExpected } from "./option-kinds.js";

export type OptionTable = Readonly<Partial<Record<OptionName, OptionExpected>>>;

const text = { kind: "text" } as const satisfies Expected;
const texts = { kind: "texts" } as const satisfies Expected;
const name = { kind: "name" } as const satisfies Expected;
const atLeastOne = { kind: "integer", min: 1 } as const satisfies Expected;
const aboveZero = { kind: "number", above: 0 } as const satisfies Expected;
const onOff = { kind: "boolean" } as const satisfies Expected;
const integer = <Bounds extends { min: number; max: number }>(within: Bounds) =>
  ({ kind: "integer", ...within }) as const satisfies Expected;
const perResolution = <Bounds extends { min: number; max: number }>(within: Bounds) =>
  ({ kind: "integers", ...within, count: resolutions.length }) as const satisfies Expected;

/** Of every command. */
export const commonOptions = {
  lang: { kind: "one-of", values: languages },
  json: onOff,
} as const satisfies OptionTable;

/** Where checkpoints are and who computes: every command that reads checkpoints takes these from the config file too. */
const placeOptions = {
  weights: text,
  device: { kind: "one-of", values: devices },
  threads: integer(bounds.threads),
} as const satisfies OptionTable;

const degrees = { kind: "integer", min: 30, max: 120 } as const satisfies Expected;
/** A week at most. */
const minutes = { kind: "number-from", min: 0, max: 10_080, example: 10 } as const satisfies Expected;

/** What heat is watched with, and what is done about it. */
export const heatTable = {
  sensor: { kind: "sensor" },
  warnAt: degrees,
  target: degrees,
  coolAt: degrees,
  stopAtTemp: degrees,
  resumeAt: degrees,
  coolMinutes: minutes,
  criticalMinutes: minutes,
  afterCritical: { kind: "one-of", values: ["stop", "cool"] },
  timeScale: { kind: "number-from", min: 1, max: 10_000, example: 60 },
} as const satisfies OptionTable;

/** Of `train`, and the keys of the config file. In the order of the help. */
export const trainingOptions = {
  data: text,
  class: text,
  weights: placeOptions.weights,
  name,
  preset: { kind: "one-of", values: presetNames },
  latent: integer(bounds.latent),
  channels: integer(bounds.channels),
  imageChannels: { kind: "one-of", values: [1, 3] },
  start: { kind: "one-of", values: resolutions },
  end: { kind: "one-of", values: resolutions },
  epochs: perResolution(bounds.epochs),
  batchSizes: perResolution(bounds.batchSizes),
  accumulate: integer(bounds.accumulate),
  precision: { kind: "one-of", values: precisions },
  lr: aboveZero,
  seed: { kind: "integer", ...bounds.seed },
  autosave: { kind: "interval" },
  keepEvery: { kind: "integer", min: 0 },
  backups: { kind: "integer", min: 0 },
  maxBatches: atLeastOne,
  stopAfter: { kind: "duration" },
  stopAt: { kind: "time-of-day" },
  stopWithParent: onOff,
  device: placeOptions.device,
  threads: placeOptions.threads,
  samples: text,
  phantoms: integer(bounds.phantoms),
  ...heatTable,
  fullBatches: onOff,
  fresh: onOff,
  resume: text,
  critic: text,
  stateDict: text,
  ...commonOptions,
} as const satisfies OptionTable;

/** Of `run`, and keys of the config file, too. In the order of the help. */
export const runOptions = {
  weights: placeOptions.weights,
  name,
  from: texts,
  autosave: trainingOptions.autosave,
  backups: trainingOptions.backups,
  stopAfter: trainingOptions.stopAfter,
  stopAt: trainingOptions.stopAt,
  restart: { kind: "integer", min: 0, max: 1000 },
  set: texts,
  resumeSet: texts,
  resumeArgs: text,
  resumeEnv: texts,
  heatSet: texts,
  recipe: text,
  coolBy: { kind: "one-of", values: ["pause", "restart"] },
  ...heatTable,
  hangKill: onOff,
  agent: onOff,
  events: text,
  ...commonOptions,
} as const satisfies OptionTable;

/** Of the config file alone: recipes of one's own. */
export const recipeOptions = {
  set: texts,
  resumeSet: texts,
  resumeArgs: text,
  resumeEnv: texts,
  heatSet: texts,
} as const satisfies OptionTable;

/** Whether an option may be given several times. */
export function addsUp(option: string): boolean {
  return (runOptions as OptionTable)[option as OptionName]?.kind === "texts";
}

/** Switches that are on by themselves: the help shows how to switch them off. */
const switchedOn: readonly OptionName[] = ["agent"];

/** Options with a value that the command line can take back from a config file: `--no-max-batches`. */
export const revocable = [
  "resume",
  "critic",
  "stateDict",
  "maxBatches",
  "stopAfter",
  "stopAt",
] as const satisfies OptionName[];

/** Of somebody else's training that is looked at. */
export const watchOptions = {
  weights: placeOptions.weights,
  name,
  once: onOff,
  events: text,
} as const satisfies OptionTable;
export const importOptions = { weights: placeOptions.weights, name } as const satisfies OptionTable;

export const configOption = { config: text } as const satisfies OptionTable;
/** Whose checkpoints a command is about, where there are several; of the command line alone. */
const seriesOptions = { class: text, name } as const satisfies OptionTable;
export const generateOptions = {
  weights: placeOptions.weights,
  ...seriesOptions,
  count: atLeastOne,
  seed: trainingOptions.seed,
  resolution: { kind: "one-of", values: resolutions },
  stateDict: trainingOptions.stateDict,
  truncation: { kind: "number-from", min: 0, max: 1000, example: 0.7 },
  grid: text,
  overwrite: onOff,
  out: text,
  device: placeOptions.device,
  threads: placeOptions.threads,
} as const satisfies OptionTable;
export const listOptions = { weights: placeOptions.weights } as const satisfies OptionTable;
export const seriesListOptions = { ...listOptions, ...seriesOptions } as const satisfies OptionTable;
export const verifyOptions = {
  weights: placeOptions.weights,
  ...seriesOptions,
  all: onOff,
  deep: onOff,
} as const satisfies OptionTable;

export const keepOptions = {
  weights: placeOptions.weights,
  ...seriesOptions,
  undo: onOff,
} as const satisfies OptionTable;
export const pruneOptions = {
  weights: placeOptions.weights,
  keepEvery: trainingOptions.keepEvery,
  dryRun: onOff,
} as const satisfies OptionTable;
export const backupOptions = {
  weights: placeOptions.weights,
  ...seriesOptions,
  daily: onOff,
  backups: trainingOptions.backups,
} as const satisfies OptionTable;

export const restoreOptions = { ...seriesListOptions, yes: onOff } as const satisfies OptionTable;

export const monitorOptions = { ...heatTable, log: text } as const satisfies OptionTable;

export const planOptions = {
  data: trainingOptions.data,
  class: trainingOptions.class,
  images: atLeastOne,
  preset: trainingOptions.preset,
  latent: trainingOptions.latent,
  channels: trainingOptions.channels,
  imageChannels: trainingOptions.imageChannels,
  start: trainingOptions.start,
  end: trainingOptions.end,
  epochs: trainingOptions.epochs,
  batchSizes: trainingOptions.batchSizes,
  accumulate: trainingOptions.accumulate,
  precision: trainingOptions.precision,
  device: trainingOptions.device,
  threads: trainingOptions.threads,
  rate: aboveZero,
  vram: aboveZero,
} as const satisfies OptionTable;

export const inspectOptions = { stats: onOff, skipUnknown: onOff } as const satisfies OptionTable;
export const convertOptions = {
  weightsOnly: onOff,
  stateDict: trainingOptions.stateDict,
} as const satisfies OptionTable;

type ValueOf<E extends Expected> = E extends {
  kind: "integer" | "number" | "number-from" | "duration" | "time-of-day";
}
  ? number
  : E extends { kind: "interval" }
    ? Autosave
    : E extends { kind: "integers" }
      ? readonly number[]
      : E extends { kind: "boolean" }
        ? boolean
        : E extends { kind: "texts" }
          ? readonly string[]
          : E extends { kind: "one-of"; values: readonly (infer Value)[] }
            ? Value
            : string;

/** The values of the options that were given; those that were not are absent. */
export type Settings<Table extends OptionTable> = {
  -readonly [Name in keyof Table]?: Table[Name] extends Expected ? ValueOf<Table[Name]> : never;
};

/** The parts of a text that holds several, with commas between them. */
export function wordsOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((word) => word.trim());
}

/** The name as it is typed: batchSizes -> batch-sizes. */
export function kebab(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * The error that says best what is wrong with a value, beyond "not what the option takes".
 * @param given the value's parts, as text
 * @returns undefined when there is nothing better to say
 */
export function specialFault(option: OptionName, given: readonly string[]): GuardapesosError | undefined {
  const value = given.join(",");
  if (option === "preset")
    return new GuardapesosError("PRESET_UNKNOWN", { preset: value, presets: presetNames });
  if (option === "start" || option === "end" || option === "resolution") {
    return new GuardapesosError("RESOLUTION_INVALID", { option: `--${option}`, value });
  }
  const expected = resolutions.length;
  if (option === "batchSizes" && given.length > 1 && given.length !== expected) {
    return new GuardapesosError("BATCH_SIZES_LENGTH", { given: given.length, expected });
  }
  return undefined;
}

/** The value of an option's text. Throws the error that says what it accepts. */
function parseOption(option: OptionName, typed: string, expected: OptionExpected): unknown {
  const value = acceptedWord(typed, expected);
  if (value !== undefined) return value;
  throw (
    specialFault(option, typed.split(",")) ??
    new GuardapesosError("OPTION_INVALID", { option: `--${kebab(option)}`, value: typed, expected })
  );
}

/** Teaches a command the options of a table, in its order. */
export function addOptions(command: Command, table: OptionTable, texts: Texts): void {
  for (const [key, expected] of Object.entries(table)) {
    const option = key as OptionName;
    const { value, help } = texts.help.option[option];
    const flag = `--${kebab(option)}`;
    const takesValue = expected.kind !== "boolean";
    const isOn = switchedOn.includes(option);
    const positive = new Option(takesValue ? `${flag} <${value ?? option}>` : flag, help).hideHelp(isOn);
    if (takesValue)
      positive.argParser((typed: string, before: unknown) => {
        const parsedValue = parseOption(option, typed, expected);
        return expected.kind === "texts"
          ? [...((before as readonly string[] | undefined) ?? []), ...(parsedValue as readonly string[])]
          : parsedValue;
      });
    command.addOption(positive);
    // So that the command line can win over a config file that has it.
    if (!takesValue || revocable.some((one) => one === option)) {
      command.addOption(new Option(`--no-${kebab(option)}`, isOn ? help : undefined).hideHelp(!isOn));
    }
  }
}
