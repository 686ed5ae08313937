/**
 * What a run says in English. Each event gives lines, none when there is nothing to say. Lines may begin with an emoji:
 * a terminal that cannot show it gets the line without.
 */
import type { CheckpointKind } from "../checkpoint/checkpoint.js";
import type { RunEvent, RunEventOf, SavedFile, WarningCode } from "../events/event.js";
import type { ChildEnd } from "../events/guarded.js";
import { damageOf, problemOf } from "./en-damage.js";
import { formats } from "./formats.js";
import { guardEvents } from "./en-guard.js";
import { heatAdvice, heatEvents } from "./en-heat.js";
import { imageNote, imageReason } from "./en-images.js";

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

const warnings: Record<WarningCode, (detail: string) => string> = {
  THREADS_DIFFER: (detail) =>
    `The checkpoint was trained with another number of threads (${detail}): the training is the same, its last decimals are not.`,
  DEVICE_DIFFERS: (detail) =>
    `The checkpoint was trained on another device (${detail}): the training is the same, its last decimals are not.`,
  ARITHMETIC_DIFFERS: (detail) =>
    `The checkpoint was trained with another version of the arithmetic (${detail}): the training is the same, its last decimals are not.`,
  DATA_DIFFERS: (detail) => {
    const [before, now] = detail.split(" → ");
    return before === now
      ? "The images are not those of the checkpoint: there are as many, but their contents are others. Training goes on with the new ones."
      : `The images are not those of the checkpoint (${detail}): training goes on with the new ones, in a new order.`;
  },
  START_IGNORED: (detail) => {
    const [wished = "", place = ""] = detail.split(" → ").map((side) => square(Number(side)));
    return `--start is for the beginning of a training, and this one goes on where it was, at ${place}. To begin at ${wished}, start anew with --fresh.`;
  },
  HALF_IMITATED: () =>
    "The processor does not compute in half precision: its rounding is imitated, which is slower than --precision float32. Mixed precision is for graphics cards.",
  PLAN_ALREADY_FINISHED: () =>
    "The whole plan is already trained; there is nothing left to do. Raise --epochs or --end to go on, or start anew with --fresh.",
  NO_OPTIMIZER_STATE: (detail) =>
    `Those files hold weights alone (${detail}): Adam starts without memory, so the first batches may be a bit rough.`,
  OPTIMIZER_NOT_ADAM: (detail) =>
    `The optimizer in those files is not Adam (${detail}), so Adam starts without memory and with its own options: the first batches may be a bit rough. Give --lr if you want another learning rate.`,
  OPTIMIZER_UNCLEAR: (detail) =>
    `The optimizer in those files cannot be matched with the weights (${detail}): Adam starts without memory, so the first batches may be a bit rough.`,
  OPTIMIZER_OPTIONS_DIFFER: (detail) =>
    `Training goes on with other options of Adam than those files have: ${detail}.`,
  LEARNING_RATE_TAKEN: (detail) =>
    `The learning rate is that of the files: ${detail}. Give --lr if you want another.`,
  RESOLUTION_UNKNOWN: (detail) =>
    `Those files do not say to which resolution they were trained, so training begins at ${detail}x${detail}. If they were trained further, stop and start again with --start, such as --start 64.`,
  WEIGHTS_NOT_FINITE: (detail) =>
    `The weights of ${detail} are not all numbers: training has diverged, and ends by itself if the next saves are no better. Good ones that were saved before stay, and so do the files with the familiar names.`,
  WEIGHTS_UNCHANGED: (detail) =>
    `All weights of ${detail} are those of the checkpoint before it, although steps have passed: nothing is being learnt. Check --lr; the older checkpoints are kept.`,
  WAITING_FOR_FOLDER: (detail) =>
    `The checkpoints are being looked after by another guardapesos (${detail}): training begins when it has ended, or gives up after half a minute.`,
  STATE_TAKEN_UP: (detail) =>
    `The training before was cut off before it could save, but its newest state was still in memory. It is saved and verified now: ${detail}`,
  STATE_NOT_UNDERSTOOD: (detail) =>
    `A training before was cut off, and this version cannot read what it left in memory. It stays there until the computer restarts, for the version that wrote it: ${detail}`,
  FILE_MOVED_ASIDE: (detail) =>
    `A file that is not one of these checkpoints stood where the newest weights go. It has another name now, and nothing was lost: ${detail}`,
  NO_HARD_LINKS: (detail) =>
    `The disk of ${detail} has no hard links: the files with the familiar names are copies there, so a checkpoint takes twice the room.`,
  DISK_FILLING: (detail) =>
    `The disk is filling up: room for ${plural(Number(detail), "more save", "more saves")}. Before one fails, old automatic and emergency saves go by themselves; what else lies on that disk is yours to remove.`,
  CHECKPOINT_DAMAGED: (detail) =>
    `${detail} It was whole when it was saved: look after that disk. Older checkpoints stay for it.`,
  SAVED_ELSEWHERE: (detail) =>
    `The weights folder did not take the last save, so it is in another one, whole and verified: ${detail}`,
  SAVED_IN_MEMORY: (detail) =>
    `The weights folder did not take the last save, and no disk did. It is in memory, whole and verified: ${detail}. Copy it to a disk before you switch the machine off.`,
  ROOM_MADE: (detail) =>
    `The disk was full, so older saves went to make room for this one: ${detail}. The newest ones stay.`,
  IMAGES_NOT_CACHED: (detail) =>
    `Not all decoded images fit in memory, and the disk does not take the others: ${detail}. They are decoded again each time, which may slow training down; nothing else changes. The variable TMPDIR (TEMP on Windows) chooses another folder.`,
  SAMPLES_NOT_WRITTEN: (detail) =>
    `The preview picture could not be written (${detail}). Training goes on and the weights are not affected.`,
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
function guardedEnd(event: RunEventOf<"ended">, { name, exitCode, codeOf }: ChildEnd): readonly string[] {
  switch (event.how) {
    case "finished":
    case "limit":
      return [
        rule,
        `🎉 ${name} has ended after ${duration(event.seconds)}.`,
        ...safe(event, "✅ Its newest checkpoint is kept and verified:"),
        ...goOn(event),
        rule,
      ];
    case "stopped":
      return [
        ...safe(event, "✅ Weights saved successfully:"),
        "",
        ...goOn(event),
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
        ...goOn(event),
        rule,
      ];
    case "failed":
      return [
        rule,
        codeOf === "script"
          ? `💥 ${name} has ended with exit code ${exitCode}, after ${duration(event.seconds)}.`
          : `💥 ${name} was ended because of an error, after ${duration(event.seconds)}.`,
        ...safe(event, "✅ Your weights are safe here:"),
        ...goOn(event),
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
  "image-skipped": ({ path, reason, page }) => [
    `⚠ Skipping an image that cannot be read: ${path}${page === undefined ? "" : `, page ${page}`} (${imageReason(reason)})`,
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
  "save-failed": ({ message, failures, retrySeconds }) => [
    `❌ The checkpoint could not be saved: ${message}`,
    ...(failures > 1 ? [`   That is ${integer(failures)} saves in a row that have failed.`] : []),
    retrySeconds === undefined
      ? "   The older checkpoints are as they were."
      : `   Training goes on, and the older checkpoints are as they were. Next try in ${duration(retrySeconds)}.`,
  ],
  "backed-up": ({ folder, bytes: size, seconds }) => [
    `🗄 Backup of the day: ${folder} (${bytes(size)}, ${duration(seconds)})`,
  ],
  "backup-failed": ({ message, retrySeconds }) => [
    `❌ The backup of the day could not be made: ${message}`,
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
  warning: ({ code, detail }) => [`⚠ ${warnings[code](detail)}`],
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
