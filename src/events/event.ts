/**
 * Everything that a run tells, as plain JSON. The terminal, `--json` and any log read this one stream.
 * Additive only: a field or a type may be added, never renamed, removed or given another meaning (docs/events.md).
 * Times are in seconds unless the name says otherwise; `at` is ISO 8601.
 */
import type { Damage, ErrorAsData, ErrorCode, Failure } from "../base/errors.js";
import type { ImageFault, ImageNote } from "../base/image-note.js";
import type { CheckpointKind, StoreProblem } from "../checkpoint/index.js";
import type { HeatEvent } from "../thermal/event.js";
import type { HeatSummary } from "../thermal/history.js";
import type { Thresholds } from "../thermal/thresholds.js";
import type { Losses } from "../trainer/contract.js";
import type { ChildEnd, GuardedEventData } from "./guarded.js";
import type { Detailed } from "./warning.js";

export type { Losses };
type Note<Type extends ImageNote["type"]> = Omit<Extract<ImageNote, { type: Type }>, "type">;
type News<Type extends HeatEvent["type"]> = Omit<Extract<HeatEvent, { type: Type }>, "type">;

/** Where in the plan training stands. Counts start at 0 and say what is done. */
export interface Position {
  /** Optimizer steps done. */
  readonly step: number;
  /** Batches done since the very first one, over all sessions. */
  readonly batches: number;
  readonly resolution: number;
  /** Epochs done at this resolution. */
  readonly epoch: number;
  /** Batches done in this epoch. */
  readonly batch: number;
  /** Share of the new layers in the fade-in, more than 0 to 1. */
  readonly alpha: number;
}

export interface SavedFile {
  readonly path: string;
  readonly bytes: number;
}

interface EventData extends GuardedEventData {
  "run-started": {
    readonly device: string;
    readonly threads: number;
    readonly data: string;
    /** The class as it stands in file names, and as it is really called; undefined for generated images. */
    readonly label: string;
    readonly class: string | undefined;
    readonly images: number;
    readonly weights: string;
    readonly samples: string;
    readonly preset: string;
    readonly start: number;
    readonly end: number;
    readonly parameters: { readonly generator: number; readonly critic: number };
  };
  /** Training continues from a checkpoint; `skipped` are newer ones that are not whole. */
  resumed: {
    readonly id: string;
    readonly kind: CheckpointKind;
    readonly position: Position;
    readonly skipped: readonly ({ readonly id: string } & Damage)[];
  };
  /**
   * At the beginning: with what heat is watched, and by which temperatures; or why it is not. Once more when a sensor that told
   * no temperature at the beginning (`unknown`) tells the first.
   */
  "heat-watch": {
    readonly sensor: string | undefined;
    readonly missing: "not-wanted" | "processor" | "not-found" | "unknown" | undefined;
    readonly thresholds: Thresholds;
  };
  /** A reading of the sensor. */
  temperature: News<"temperature">;
  /** Heat asks for something else from now on: nothing (`watch`), pauses (`pace`), a cool-down, or the end. */
  heat: News<"heat">;
  /** About once a second of a cool-down. */
  cooling: News<"cooling">;
  "sensor-lost": News<"sensor-lost">;
  "sensor-back": News<"sensor-back">;
  /** Heat has made the batches smaller; a step has as many more of them. Also told when training goes on with such batches. */
  "batches-divided": {
    readonly divisor: number;
    readonly resolution: number;
    readonly batchSize: number;
    readonly accumulate: number;
  };
  "images-loading": { readonly done: number; readonly total: number; readonly resolution: number };
  /** `page`, from 1, of a file that has several. */
  "image-skipped": ImageFault & { readonly path: string; readonly page?: number | undefined };
  /** The next six are told when the first resolution of a session is prepared, each only where there is something to tell. */
  "images-left-out": Note<"images-left-out">;
  "image-stacks": Note<"image-stacks">;
  "images-examining": Note<"images-examining">;
  "pixel-range": Note<"pixel-range">;
  "images-unusable": Note<"images-unusable">;
  "images-flat": Note<"images-flat">;
  /** The graphs of a resolution are being made: can take seconds. */
  "stage-preparing": { readonly resolution: number };
  "stage-started": {
    readonly resolution: number;
    readonly epochs: number;
    readonly images: number;
    readonly batchSize: number;
    readonly accumulate: number;
    readonly batchesPerEpoch: number;
    readonly alpha: number;
  };
  /** After each optimizer step. */
  stepped: Position &
    Losses & {
      readonly epochs: number;
      readonly batchesPerEpoch: number;
      /** Smoothed over the last steps. */
      readonly imagesPerSecond: number;
      /** Until the end of this epoch, and of the whole plan. */
      readonly epochSecondsLeft: number;
      readonly planSecondsLeft: number;
      /** How long this step waited for its images. */
      readonly waitedForImages: number;
      /** Since the last verified save; undefined before the first. */
      readonly saveAge: number | undefined;
      /** GPU temperature in °C; undefined when it is not known. */
      readonly temperature: number | undefined;
      /** True while the sensor that told the temperature is silent. */
      readonly temperatureLost?: boolean | undefined;
      /** Seconds of rest before this step, to hold the temperature; absent without. */
      readonly rested?: number | undefined;
    };
  "epoch-finished": Position & { readonly seconds: number; readonly epochs: number };
  "stage-finished": { readonly resolution: number; readonly seconds: number };
  /** A grid of images as training sees them. */
  "real-images-written": { readonly path: string; readonly resolution: number };
  "preview-written": { readonly path: string; readonly resolution: number; readonly epoch: number };
  "save-started": { readonly kind: CheckpointKind; readonly reason: string; readonly batches: number };
  saved: {
    readonly id: string;
    readonly kind: CheckpointKind;
    readonly reason: string;
    /** The names that users know, links into the generation. */
    readonly files: readonly SavedFile[];
    readonly folder: string;
    readonly bytes: number;
    readonly seconds: number;
    readonly position: Position;
    /** NaN and infinite values among the weights: more than 0 is a fault, and the familiar names stay where they were. */
    readonly nonFinite: number;
    /** How many more saves the disk has room for; undefined where it does not say. */
    readonly savesLeft: number | undefined;
  };
  /** Training goes on; the older checkpoints are as they were. */
  "save-failed": Failure & {
    readonly kind: CheckpointKind;
    /** In a row, with this one. */
    readonly failures: number;
    /** Until the next try; undefined when training is about to end. */
    readonly retrySeconds: number | undefined;
  };
  /** A verified copy of the newest checkpoint was made, the first of the day. */
  "backed-up": {
    readonly id: string;
    readonly folder: string;
    readonly bytes: number;
    readonly seconds: number;
    /** Names of old backups that went. */
    readonly removed: readonly string[];
  };
  /** Training goes on, and the checkpoints are as they were. */
  "backup-failed": Failure & { readonly retrySeconds: number };
  /** Something beside a checkpoint did not work; the checkpoint itself is safe. */
  "store-problem": StoreProblem;
  "stop-requested": {
    /** A signal, or `stop`, `time`, `parent`, `bug`: what asked first. */
    readonly signal: string;
    readonly times: number;
    readonly saving: boolean;
    /** How much of the save under way is done, from 0 to 1. */
    readonly share?: number | undefined;
    /** The batch under way is not waited for: the last finished state is saved at once. */
    readonly leaving?: boolean | undefined;
    /** No batch of this session has begun: there is nothing to be saved, and it ends at once. */
    readonly nothingYet?: boolean | undefined;
  };
  /** Training stops by itself at this moment, ISO 8601. */
  "stop-planned": { readonly time: string };
  /** The engine takes far longer than usual; training ends, its weights saved, if it has not answered after `giveUpAfter`. */
  "engine-slow": {
    readonly seconds: number;
    /** The longest such call so far; undefined when there was none. */
    readonly usual: number | undefined;
    readonly giveUpAfter: number;
  };
  /** In mixed precision: the gradients of a network overflowed, so the step that came here left it as it was. */
  "update-skipped": Position & {
    readonly network: "generator" | "critic";
    /** The loss scale from now on: half of what it was. */
    readonly scale: number;
    /** Updates of this network that were skipped, over all sessions. */
    readonly skipped: number;
  };
  warning: Detailed;
  /** The last event of every run. */
  ended: {
    readonly how: "finished" | "stopped" | "limit" | "overheated" | "failed";
    readonly signal: string | undefined;
    readonly position: Position | undefined;
    readonly seconds: number;
    /** Paths of the newest good pair, as far as they are there; empty when nothing was ever saved. */
    readonly files: readonly SavedFile[];
    /** Those of them that are not there any more; absent when all are. */
    readonly missing?: readonly string[];
    /** The state that stays in memory for the next start, as the disk did not take it; absent otherwise. */
    readonly inMemory?: { readonly path: string; readonly batches: number };
    readonly preview: string | undefined;
    /** NaN and infinite values in the newest save of this session: plain resuming then goes on from an older one. */
    readonly nonFinite: number;
    /** What to type to go on; undefined when the plan is finished. */
    readonly resumeCommand: string | undefined;
    /** Absent where nobody counts them: a guarded process without an agent. */
    readonly batchesLost: number | undefined;
    /** What heat did, over all sessions; absent when it was never watched. */
    readonly heat?: HeatSummary | undefined;
    /** Why it has failed, where that is one of ours; absent otherwise. */
    readonly code: ErrorCode | undefined;
    /** What the sentence of `code` is made from. */
    readonly data?: ErrorAsData["data"] | undefined;
    /** Of a guarded process; absent for our own training. Then `position` is absent, too. */
    readonly child?: ChildEnd | undefined;
  };
}

export type RunEvent = {
  [Type in keyof EventData]: { readonly type: Type } & EventData[Type];
}[keyof EventData];
export type RunEventOf<Type extends keyof EventData> = Extract<RunEvent, { readonly type: Type }>;

/** Where a run tells its events. Never throws, never waits. */
export type Emit = (event: RunEvent) => void;

/** What every event travels with. */
export interface Envelope {
  /** 32 hexadecimal digits, random: this start of this program. */
  readonly run: string;
  /** 1 for the first event of the run, then 1 more each time. */
  readonly seq: number;
  /** When it was told, ISO 8601 in UTC. */
  readonly at: string;
}

/** An event as it was told. */
export interface Told<Event extends RunEvent = RunEvent> {
  readonly envelope: Envelope;
  readonly event: Event;
}
