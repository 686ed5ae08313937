/**
 * What a run says in English. Each event gives lines, none when there is nothing to say. Lines may begin with an emoji:
 * a terminal that cannot show it gets the line without.
 */
import type { CheckpointKind } from "../checkpoint/index.js";
import type { RunEvent, RunEventOf, SavedFile } from "../events/event.js";
import type { ChildEnd } from "../events/guarded.js";
import { damageOf, problemOf } from "./en-damage.js";
import { formats } from "./formats.js";
import { guardEvents } from "./en-guard.js";
import { errors } from "./en-errors.js";
import { heatAdvice, heatEvents } from "./en-heat.js";
import { imageNote, imageReason } from "./en-images.js";
import { warningText } from "./en-warnings.js";
import { failureText } from "./failure.js";

const { bytes, clock, decimal, duration, integer, moment, percent } = formats("en");

export type EventTexts = {
  readonly [Type in Exclude<RunEvent["type"], "stepped">]: (event: RunEventOf<Type>) => readonly string[];
};

/** Where the progress line stands, counted as people do: the epoch that is being worked on, from 1. */
export interface Place {
  readonly resolution: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly batch: number;
  readonly batches: number;
  /** Of this epoch, from 0 to 1. */
  readonly share: number;
}

/** The pieces of the progress line; the presenter chooses those that fit. */
export interface ProgressTexts {
  readonly place: (place: Place) => string;
  readonly share: (share: number) => string;
  readonly timeLeft: (seconds: number) => string;
  readonly losses: (critic: number, generator: number) => string;
  readonly penalty: (value: number) => string;
  readonly alpha: (value: number) => string;
  readonly rate: (imagesPerSecond: number) => string;
  /** Undefined: it was known, and is not any more. */
  readonly temperature: (celsius: number | undefined) => string;
  readonly saveAge: (seconds: number | undefined) => string;
  readonly loading: (done: number, total: number, resolution: number) => string;
}

export const rule = "=".repeat(60);

const plural = (count: number, one: string, many: string): string =>
  `${integer(count)} ${count === 1 ? one : many}`;
const square = (side: number): string => `${side}x${side}`;
const fileLines = (files: readonly SavedFile[]): string[] =>
  files.map(({ path, bytes: size }) => `    ${path} (${bytes(size)})`);

const caught: Record<string, string> = {
  SIGINT: "Ctrl+C caught!",
  SIGTERM: "Asked to terminate (SIGTERM)!",
  SIGHUP: "The terminal was closed (SIGHUP)!",
  SIGBREAK: "Ctrl+Break caught!",
  stop: "guardapesos stop asks to stop!",
  time: "It is time to stop!",
  parent: "The program that started this one has ended!",
  bug: "guardapesos has met a fault of its own!",
};

const saving: Record<CheckpointKind, (batches: number, reason: string) => string> = {
  auto: (batches) => `💾 Auto-saving checkpoint at batch ${integer(batches)}...`,
  epoch: () => "💾 Saving checkpoint at the end of the epoch...",
  stage: () => "💾 Saving checkpoint at the end of the resolution...",
  emergency: (batches, reason) => `🛟 Emergency save at batch ${integer(batches)} (${reason})...`,
  manual: (batches) => `💾 Saving checkpoint at batch ${integer(batches)}...`,
  imported: () => "💾 Saving the imported weights as a checkpoint...",
};

const goOn = ({ resumeCommand, nonFinite, files }: RunEventOf<"ended">): string[] =>
  resumeCommand === undefined
    ? []
    : [
        nonFinite === 0
          ? "💡 To go on exactly where it was:"
          : files.length > 0
            ? "💡 These weights are not all numbers. To go on from the last good ones (add a smaller --lr):"
            : "💡 To start anew (add a smaller --lr):",
        `   ${resumeCommand}`,
      ];

/** What is safe and where, and how much is not. */
function safe(event: RunEventOf<"ended">, headline: string): string[] {
  const { files, missing = [], nonFinite, inMemory, batchesLost } = event;
  const left = inMemory
    ? [
        `💾 The newest state (batch ${integer(inMemory.batches)}) is still in memory (${inMemory.path}). Start the same command again before you switch the machine off: it is saved first.`,
      ]
    : [];
  const counts = event.how !== "finished" && event.how !== "limit" && batchesLost !== undefined;
  const work = counts ? [lost(batchesLost)] : [];
  if (files.length > 0) return [headline, ...fileLines(files), ...left, ...work];
  if (missing.length > 0)
    return [
      `⚠ The newest saved weights are not where they were any more: ${missing.join(", ")}`,
      ...left,
      ...work,
    ];
  if (nonFinite > 0) return ["⚠ No weights were ever saved whose values are all numbers."];
  return inMemory
    ? [...left, ...work]
    : ["⚠ No checkpoint had been saved yet, so there are no weights to keep."];
}

const preview = (path: string | undefined): string[] =>
  path === undefined ? [] : [`🖼 Latest picture: ${path}`];

const lost = (batches: number): string =>
  batches === 0 ? "   Work lost: none." : `   Work lost: ${plural(batches, "batch", "batches")}.`;

/** The end of a guarded process. */
/** Of somebody else's script nobody promises that it goes on where it was. */
const again = ({ resumeCommand }: RunEventOf<"ended">): string[] =>
  resumeCommand === undefined ? [] : ["💡 To start it again:", `   ${resumeCommand}`];

function guardedEnd(event: RunEventOf<"ended">, { name, exitCode, codeOf }: ChildEnd): readonly string[] {
  switch (event.how) {
    case "finished":
    case "limit":
      return [
        rule,
        `🎉 ${name} has ended after ${duration(event.seconds)}.`,
        ...safe(event, "✅ Its newest checkpoint is kept and verified:"),
        ...again(event),
        rule,
      ];
    case "stopped":
      return [
        ...safe(event, "✅ Weights saved successfully:"),
        "",
        ...again(event),
        rule,
        "",
        "👋 Goodbye...",
      ];
    case "overheated":
      return [
        rule,
        `🔥 ${name} was ended because of heat.`,
        ...safe(event, "✅ Weights saved successfully:"),
        "",
        ...heatAdvice,
        "",
        ...again(event),
        rule,
      ];
    case "failed":
      return [
        rule,
        codeOf === "script"
          ? `💥 ${name} has ended with exit code ${exitCode}, after ${duration(event.seconds)}.`
          : `💥 ${name} was ended because of an error, after ${duration(event.seconds)}.`,
        ...safe(event, "✅ Your weights are safe here:"),
        ...again(event),
        rule,
      ];
  }
}

export const events: EventTexts = {
  ...heatEvents,
  ...guardEvents,
  "run-started": (event) => [
    `🚀 Training ${event.class ?? event.label} from ${square(event.start)} to ${square(event.end)} (preset ${event.preset})`,
    `   Images: ${integer(event.images)} (${event.data === "phantom" ? "generated OCT phantoms" : event.data})`,
    `   Device: ${event.device}, ${plural(event.threads, "thread", "threads")}. Generator: ${integer(event.parameters.generator)} parameters, critic: ${integer(event.parameters.critic)}`,
    `   Weights: ${event.weights}. Pictures: ${event.samples}`,
    "🛡 Press Ctrl+C whenever you like: your weights are saved before leaving.",
  ],
  resumed: ({ id: from, position, skipped }) => [
    ...skipped.map(
      ({ id, ...damage }) => `⚠ Skipped checkpoint ${id}: ${damageOf(damage)}. It was left as it is.`,
    ),
    `🔄 Going on from ${from}: ${square(position.resolution)}, ${position.batch === 0 ? plural(position.epoch, "epoch done", "epochs done") : `epoch ${position.epoch + 1}, batch ${integer(position.batch)}`} (alpha ${decimal(position.alpha, 3)}, ${plural(position.batches, "batch", "batches")} in all).`,
  ],
  "images-loading": ({ done, total, resolution }) => [progress.loading(done, total, resolution)],
  "image-skipped": ({ path, page, ...fault }) => [
    `⚠ Skipping an image that cannot be read: ${path}${page === undefined ? "" : `, page ${page}`} (${imageReason(fault)})`,
  ],
  "images-left-out": imageNote,
  "image-stacks": imageNote,
  "images-examining": imageNote,
  "pixel-range": imageNote,
  "images-unusable": imageNote,
  "images-flat": imageNote,
  "stage-preparing": ({ resolution }) => [`🔧 Preparing ${square(resolution)}...`],
  "stage-started": (event) => [
    `📐 ${square(event.resolution)}: ${plural(event.epochs, "epoch", "epochs")} of ${plural(event.batchesPerEpoch, "batch", "batches")}, ${plural(event.batchSize, "image", "images")} each${event.accumulate > 1 ? `, ${event.accumulate} batches per step` : ""}`,
  ],
  "epoch-finished": (event) => [
    `🏁 ${square(event.resolution)}: epoch ${event.epoch}/${event.epochs} finished in ${duration(event.seconds)}`,
  ],
  "stage-finished": ({ resolution, seconds }) => [
    `✅ ${square(resolution)} finished in ${duration(seconds)}`,
  ],
  "real-images-written": ({ path, resolution }) => [
    `🖼 Real images, as training sees them at ${square(resolution)}: ${path}`,
  ],
  "preview-written": ({ path }) => [`🖼 Picture: ${path}`],
  "save-started": ({ kind, batches, reason }) => [saving[kind](batches, reason)],
  saved: ({ files, bytes: size, seconds }) => [
    ...files.map(({ path }) => `=> Saving checkpoint: ${path}`),
    `✅ Checkpoint saved and verified (${bytes(size)}, ${duration(seconds)})`,
  ],
  "save-failed": ({ failures, retrySeconds, ...failure }) => [
    `❌ The checkpoint could not be saved: ${failureText(errors, failure)}`,
    ...(failures > 1 ? [`   That is ${integer(failures)} saves in a row that have failed.`] : []),
    retrySeconds === undefined
      ? "   The older checkpoints are as they were."
      : `   Training goes on, and the older checkpoints are as they were. Next try in ${duration(retrySeconds)}.`,
  ],
  "backed-up": ({ folder, bytes: size, seconds }) => [
    `🗄 Backup of the day: ${folder} (${bytes(size)}, ${duration(seconds)})`,
  ],
  "backup-failed": ({ retrySeconds, ...failure }) => [
    `❌ The backup of the day could not be made: ${failureText(errors, failure)}`,
    `   Training and its checkpoints are not affected. Next try in ${duration(retrySeconds)}; --backups 0 does without.`,
  ],
  "store-problem": ({ type, ...problem }) => [
    `⚠ ${problemOf(problem)} The checkpoints are whole; the next save tries again.`,
  ],
  "stop-requested": ({ signal, times, saving: busy, share, leaving, nothingYet }) => {
    if (nothingYet) {
      const what = caught[signal] ?? `Stop requested (${signal})!`;
      return times === 1 ? [rule, `🛑 ${what} Nothing has been trained yet: leaving at once.`, rule] : [];
    }
    if (times === 1) {
      return [
        rule,
        `🛑 ${caught[signal] ?? `Stop requested (${signal})!`} Saving the weights before leaving...`,
        rule,
      ];
    }
    if (leaving) {
      return ["⏩ The batch under way is not waited for: the weights from just before it are saved at once."];
    }
    return busy
      ? [`💾 Saving, ${percent(share ?? 0)}: your weights are safe in a moment. Nothing is interrupted.`]
      : ["⏳ Noted: as soon as the batch under way is done, the weights are saved. Nothing is lost."];
  },
  "stop-planned": ({ time }) => [`⏰ Training saves and stops by itself: ${moment(time)}`],
  "engine-slow": ({ seconds, usual, giveUpAfter }) => [
    `⚠ The engine has been at work for ${duration(seconds)} without an answer${usual === undefined ? "" : ` (so far it took ${duration(usual)} at most)`}. If none comes, training ends after ${duration(giveUpAfter)}, with the newest weights that can be had saved.`,
  ],
  "update-skipped": ({ network, scale, skipped, batches }) => [
    `⏭ Batch ${integer(batches)}: the gradients of the ${network} overflowed half precision, so this update was skipped (${integer(skipped)} so far); loss scale ${decimal(scale, 0)} from now on.`,
  ],
  warning: (event) => [`⚠ ${warningText(event)}`],
  ended: (event) => {
    if (event.child) return guardedEnd(event, event.child);
    switch (event.how) {
      case "finished":
        return [
          rule,
          `🎉 Training finished in ${duration(event.seconds)}!`,
          ...safe(event, "✅ The weights are here:"),
          ...preview(event.preview),
          rule,
        ];
      case "limit":
        return [
          rule,
          `⏸ The limit of batches was reached after ${duration(event.seconds)}.`,
          ...safe(event, "✅ The weights are saved:"),
          ...preview(event.preview),
          ...goOn(event),
          rule,
        ];
      case "stopped":
        return [
          // Stopped before it was known what there is.
          ...(event.position === undefined ? [] : safe(event, "✅ Weights saved successfully:")),
          "",
          ...goOn(event),
          rule,
          "",
          "👋 Goodbye...",
        ];
      case "overheated":
        return [
          rule,
          "🔥 Training has ended because of heat.",
          ...safe(event, "✅ Weights saved successfully:"),
          "",
          ...heatAdvice,
          "",
          ...goOn(event),
          rule,
        ];
      case "failed":
        return [
          rule,
          `💥 Training stopped because of an error, after ${duration(event.seconds)}.`,
          ...safe(event, "✅ Your weights are safe here:"),
          ...goOn(event),
          rule,
        ];
    }
  },
};

export const progress: ProgressTexts = {
  place: ({ resolution, epoch, epochs, batch, batches }) =>
    `${square(resolution)} · epoch ${epoch}/${epochs} · Batch ${batch}/${batches}`,
  share: percent,
  timeLeft: (seconds) => `ETA ${clock(seconds)}`,
  losses: (critic, generator) => `D ${decimal(critic, 3)} · G ${decimal(generator, 3)}`,
  penalty: (value) => `GP ${decimal(value, 3)}`,
  alpha: (value) => `alpha ${decimal(value, 3)}`,
  rate: (imagesPerSecond) => `${decimal(imagesPerSecond, 1)} img/s`,
  temperature: (celsius) => `${celsius === undefined ? "?" : decimal(celsius, 0)} °C`,
  saveAge: (seconds) =>
    seconds === undefined ? "not saved yet" : `saved ${duration(Math.floor(seconds))} ago`,
  loading: (done, total, resolution) =>
    `Loading images at ${square(resolution)}: ${integer(done)}/${integer(total)} (${percent(total === 0 ? 1 : done / total)})`,
};
