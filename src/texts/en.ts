/** The English catalogue. It defines what a catalogue is; Spanish must satisfy it. */
import type { Damage } from "../base/errors.js";
import type { Position } from "../events/event.js";
import { damageOf } from "./en-damage.js";
import type { ErrorTexts } from "./en-errors.js";
import { errors } from "./en-errors.js";
import type { EventTexts, ProgressTexts } from "./en-events.js";
import { events, progress } from "./en-events.js";
import type { ForeignTexts } from "./en-foreign.js";
import { foreign } from "./en-foreign.js";
import type { HelpTexts } from "./en-help.js";
import { help } from "./en-help.js";
import type { MonitorTexts } from "./en-heat.js";
import { monitor } from "./en-heat.js";
import type { PlanTexts } from "./en-plan.js";
import { plan } from "./en-plan.js";
import type { StoreTexts } from "./en-store.js";
import { store } from "./en-store.js";
import type { Formats, Language } from "./formats.js";
import { formats } from "./formats.js";

/** What the commands other than training say. */
export interface CommandTexts {
  /** Stands before an error's sentence where there is no emoji. */
  readonly error: string;
  /** A thrown value that is not one of ours; its stack stands below. */
  readonly bug: (message: string) => string;
  readonly generated: (count: number, resolution: number, id: string) => string;
  readonly wrote: (path: string) => string;
  /** Nothing tells to which resolution the weights are trained, so this one is taken. */
  readonly resolutionUntold: (resolution: number) => string;
  /** So many of them are written. */
  readonly drawing: (done: number, count: number, secondsLeft: number | undefined) => string;
  /** In place of each path, where there are many. */
  readonly wroteMany: (count: number, first: string, last: string) => string;
  readonly drawingStopped: (done: number, count: number) => string;
  /** @param pairs files outside any checkpoint that training would go on from */
  readonly noCheckpoints: (folder: string, pairs: readonly (readonly string[])[]) => string;
  /** Headings of the table of checkpoints. */
  readonly columns: {
    readonly id: string;
    readonly class: string;
    readonly name: string;
    readonly kind: string;
    readonly step: string;
    readonly resolution: string;
    readonly epoch: string;
    readonly alpha: string;
    readonly age: string;
    readonly size: string;
    readonly verified: string;
    readonly notes: string;
  };
  readonly ago: (seconds: number) => string;
  readonly verifiedAgo: (seconds: number | undefined) => string;
  readonly notFinite: (count: number) => string;
  readonly damaged: (id: string, damage: Damage) => string;
  readonly whole: (id: string, bytes: number) => string;
  readonly gone: (ids: readonly string[]) => string;
  readonly inspected: {
    readonly file: (path: string, format: string, bytes: number) => string;
    readonly keys: (keys: readonly string[]) => string;
    /** Names from the file that are not on the allow-list. */
    readonly skipped: (names: readonly string[]) => string;
    readonly stateDict: (key: string | undefined, tensors: number, elements: number) => string;
    /** What all names begin with, and is taken off. */
    readonly prefix: (prefix: string) => string;
    readonly optimizer: (name: string, kind: string, parameters: number, withState: number) => string;
    readonly steps: (least: number, most: number) => string;
    /** The options of a group of parameters, each with its value. */
    readonly options: (options: readonly string[]) => string;
    /** Of a file of ours. */
    readonly saved: (id: string, savedAt: string | undefined) => string;
    readonly position: (position: Position) => string;
    readonly columns: readonly [name: string, type: string, shape: string, size: string];
    readonly statistics: readonly [least: string, most: string, mean: string, notFinite: string];
    readonly shares: (name: string) => string;
    readonly unknown: string;
    /** In place of a shape: so many together. */
    readonly tensors: (count: number) => string;
    readonly allFinite: string;
    readonly checked: string;
    readonly unchecked: string;
  };
  readonly convertStopped: (to: string) => string;
  readonly converted: (from: string, to: string, bytes: number) => string;
  /** Steps have passed since its parent, and the weights are the same. */
  readonly stale: (id: string) => string;
}

export interface Texts {
  readonly language: Language;
  readonly format: Formats;
  readonly errors: ErrorTexts;
  readonly events: EventTexts;
  readonly progress: ProgressTexts;
  readonly help: HelpTexts;
  readonly store: StoreTexts;
  readonly monitor: MonitorTexts;
  readonly foreign: ForeignTexts;
  readonly plan: PlanTexts;
  readonly commands: CommandTexts;
}

const format = formats("en");
const ago = (seconds: number): string => `${format.duration(Math.floor(seconds))} ago`;

export const en: Texts = {
  language: "en",
  format,
  errors,
  events,
  progress,
  help,
  store,
  monitor,
  foreign,
  plan,
  commands: {
    error: "Error:",
    bug: (message) =>
      `This is a bug in guardapesos, not in what you did (${message}); checkpoints already saved are not affected. Please report it with the lines below.`,
    generated: (count, resolution, id) =>
      `✨ ${format.integer(count)} ${count === 1 ? "image" : "images"} of ${resolution}x${resolution} from ${id}`,
    wrote: (path) => `🖼 ${path}`,
    resolutionUntold: (resolution) =>
      `⚠ Nothing says to which resolution these weights are trained, so they are drawn at ${resolution}x${resolution}. If that looks like noise, give another with --resolution, such as --resolution 8.`,
    drawing: (done, count, secondsLeft) =>
      `   ${format.integer(done)} of ${format.integer(count)} images${secondsLeft === undefined ? "" : `, about ${format.duration(Math.ceil(secondsLeft))} left`}`,
    wroteMany: (count, first, last) => `🖼 ${format.integer(count)} images, from ${first} to ${last}`,
    drawingStopped: (done, count) =>
      `🛑 Stopped: ${format.integer(done)} of ${format.integer(count)} images are written, each of them whole.`,
    noCheckpoints: (folder, pairs) =>
      pairs.length === 0
        ? `There are no checkpoints in ${folder} yet. guardapesos train makes them by itself.`
        : `There are no checkpoints in ${folder} yet, but files that guardapesos train can go on from: ${pairs.map(format.and).join("; ")}.`,
    columns: {
      id: "checkpoint",
      class: "class",
      name: "name",
      kind: "kind",
      step: "step",
      resolution: "resolution",
      epoch: "epoch",
      alpha: "alpha",
      age: "age",
      size: "size",
      verified: "verified",
      notes: "notes",
    },
    ago,
    verifiedAgo: (seconds) => (seconds === undefined ? "not yet" : ago(seconds)),
    notFinite: (count) => `⚠ ${format.integer(count)} values are not numbers`,
    damaged: (id, damage) =>
      `❌ ${id} is damaged: ${damageOf(damage)}. It is left as it is; train goes on from the newest whole one.`,
    gone: (ids) => `💡 Removed meanwhile by a training, as newer ones are there: ${ids.join(", ")}`,
    whole: (id, bytes) => `✅ ${id} is whole (${format.bytes(bytes)} read and compared)`,
    inspected: {
      file: (path, what, bytes) => `📦 ${path}: ${what}, ${format.bytes(bytes)}`,
      keys: (keys) => `   Keys: ${keys.join(", ")}`,
      stateDict: (key, tensors, elements) =>
        `   Weights${key === undefined ? "" : ` (${key})`}: ${format.integer(tensors)} tensors, ${format.integer(elements)} numbers`,
      prefix: (prefix) => `   Their names begin with ${prefix}; it is taken off where they are used.`,
      optimizer: (name, kind, parameters, withState) =>
        `   Optimizer${name === "" ? "" : ` (${name})`}: ${kind}, ${format.integer(parameters)} parameters, ${format.integer(withState)} of them with a memory`,
      steps: (least, most) =>
        least === most
          ? `   Updates: ${format.integer(most)}`
          : `   Updates: ${format.integer(least)} to ${format.integer(most)}`,
      options: (options) => `   Options: ${options.join(", ")}`,
      saved: (id, savedAt) =>
        `   Checkpoint: ${id}${savedAt === undefined ? "" : `, saved ${format.moment(savedAt)}`}`,
      position: ({ resolution, epoch, batch, step, alpha }) =>
        `   Training: ${resolution}x${resolution}, epochs done ${epoch}, batch ${format.integer(batch)}, step ${format.integer(step)}, alpha ${format.decimal(alpha, 3)}`,
      columns: ["tensor", "type", "shape", "size"],
      statistics: ["min", "max", "mean", "NaN/Inf"],
      shares: (name) => `shares the data of ${name}`,
      tensors: (count) => `${format.integer(count)} tensors`,
      unknown: "of an unknown kind",
      allFinite: "✅ All values are finite numbers.",
      skipped: (names) =>
        `   Kept as they are, and not run (not on the list of known names): ${names.join(", ")}`,
      checked: "✅ All data is what was saved (CRC-32).",
      unchecked: "⚠ There are no checksums in this file: damage to the numbers themselves cannot be noticed.",
    },
    convertStopped: (to) => `Stopped: ${to} was not made, and nothing is left of it.`,
    converted: (from, to, bytes) => `✅ ${from} → ${to} (${format.bytes(bytes)})`,
    stale: (id) => `⚠ ${id} holds the same weights as the checkpoint before it, although steps have passed.`,
  },
};
