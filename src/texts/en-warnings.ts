/** What stops nothing and is worth saying, in English. */
import type { Warning, WarningCode, WarningData } from "../events/warning.js";
import { purposes } from "./en-damage.js";
import { errors } from "./en-errors.js";
import { formats } from "./formats.js";
import { failureText } from "./failure.js";
import { asTyped, otherOptions } from "./option-words.js";

const { and, integer } = formats("en");

const square = (side: number): string => `${side}x${side}`;
const change = ({ before, now }: { before: number | string; now: number | string }): string =>
  `${before} → ${now}`;

const uncached: Record<
  WarningData["IMAGES_NOT_CACHED"]["reason"],
  (folders: string, detail: string) => string
> = {
  full: (folders) => `there is too little room in ${folders}`,
  changed: (folders) => `${folders} gave back something else than was written`,
  "no-disk": (folders) => `none of ${folders} is on a disk`,
  system: (folders, detail) => `${folders} (${detail})`,
};

const sentences: { readonly [Code in WarningCode]: (data: WarningData[Code]) => string } = {
  THREADS_DIFFER: (data) =>
    `The checkpoint was trained with another number of threads (${change(data)}): the training is the same, its last decimals are not.`,
  DEVICE_DIFFERS: (data) =>
    `The checkpoint was trained on another device (${change(data)}): the training is the same, its last decimals are not.`,
  ARITHMETIC_DIFFERS: (data) =>
    `The checkpoint was trained with another version of the arithmetic (${change(data)}): the training is the same, its last decimals are not.`,
  DATA_DIFFERS: ({ before, now }) =>
    before === now
      ? "The images are not those of the checkpoint: there are as many, but their contents are others. Training goes on with the new ones."
      : `The images are not those of the checkpoint (${before} → ${now}): training goes on with the new ones, in a new order.`,
  START_IGNORED: ({ wanted, resolution }) =>
    `--start is for the beginning of a training, and this one goes on where it was, at ${square(resolution)}. To begin at ${square(wanted)}, start anew with --fresh.`,
  HALF_IMITATED: () =>
    "The processor does not compute in half precision: its rounding is imitated, which is slower than --precision float32. Mixed precision is for graphics cards.",
  PLAN_ALREADY_FINISHED: () =>
    "The whole plan is already trained; there is nothing left to do. Raise --epochs or --end to go on, or start anew with --fresh.",
  NO_OPTIMIZER_STATE: ({ id, networks }) =>
    `Those files hold weights alone (${networks.length === 0 ? id : and(networks)}): Adam starts without memory, so the first batches may be a bit rough.`,
  OPTIMIZER_NOT_ADAM: ({ optimizers }) =>
    `The optimizer in those files is not Adam (${optimizers.map(({ network, kind = "unknown" }) => `${network}: ${kind}`).join(", ")}), so Adam starts without memory and with its own options: the first batches may be a bit rough. Give --lr if you want another learning rate.`,
  OPTIMIZER_UNCLEAR: ({ networks }) =>
    `The optimizer in those files cannot be matched with the weights (${and(networks)}): Adam starts without memory, so the first batches may be a bit rough.`,
  OPTIMIZER_OPTIONS_DIFFER: ({ options }) =>
    `Training goes on with other options of Adam than those files have: ${otherOptions(options, (network) => network)}.`,
  LEARNING_RATE_TAKEN: ({ learningRate }) =>
    `The learning rate is that of the files: ${asTyped(learningRate)}. Give --lr if you want another.`,
  RESOLUTION_UNKNOWN: ({ start }) =>
    `Those files do not say to which resolution they were trained, so training begins at ${square(start)}. If they were trained further, stop and start again with --start, such as --start 64.`,
  WEIGHTS_NOT_FINITE: ({ id }) =>
    `The weights of ${id} are not all numbers: training has diverged, and ends by itself if the next saves are no better. Good ones that were saved before stay, and so do the files with the familiar names.`,
  WEIGHTS_UNCHANGED: ({ id }) =>
    `All weights of ${id} are those of the checkpoint before it, although steps have passed: nothing is being learnt. Check --lr; the older checkpoints are kept.`,
  WAITING_FOR_FOLDER: ({ purpose, pid }) =>
    `The checkpoints are being looked after by another guardapesos (${purposes[purpose]}, process ${pid}): training begins when it has ended, or gives up after half a minute.`,
  STATE_TAKEN_UP: ({ id }) =>
    `The training before was cut off before it could save, but its newest state was still in memory. It is saved and verified now: ${id}`,
  STATE_NOT_UNDERSTOOD: ({ file }) =>
    `A training before was cut off, and this version cannot read what it left in memory. It stays there until the computer restarts, for the version that wrote it: ${file}`,
  FILE_MOVED_ASIDE: ({ path }) =>
    `A file that is not one of these checkpoints stood where the newest weights go. It has another name now, and nothing was lost: ${path}`,
  NO_HARD_LINKS: ({ folder }) =>
    `The disk of ${folder} has no hard links: the files with the familiar names are copies there, so a checkpoint takes twice the room.`,
  DISK_FILLING: ({ savesLeft }) =>
    `The disk is filling up: room for ${integer(savesLeft)} more ${savesLeft === 1 ? "save" : "saves"}. Before one fails, old automatic and emergency saves go by themselves; what else lies on that disk is yours to remove.`,
  CHECKPOINT_DAMAGED: (data) =>
    `${failureText(errors, { code: "CHECKPOINT_DAMAGED", data, message: data.id })} It was whole when it was saved: look after that disk. Older checkpoints stay for it.`,
  SAVED_ELSEWHERE: ({ folder }) =>
    `The weights folder did not take the last save, so it is in another one, whole and verified: ${folder}`,
  SAVED_IN_MEMORY: ({ folder }) =>
    `The weights folder did not take the last save, and no disk did. It is in memory, whole and verified: ${folder}. Copy it to a disk before you switch the machine off.`,
  ROOM_MADE: ({ ids }) =>
    `The disk was full, so older saves went to make room for this one: ${ids.join(", ")}. The newest ones stay.`,
  IMAGES_NOT_CACHED: ({ folders, reason, detail }) =>
    `Not all decoded images fit in memory, and the disk does not take the others: ${uncached[reason](folders.join(", "), detail)}. They are decoded again each time, which may slow training down; nothing else changes. The variable TMPDIR (TEMP on Windows) chooses another folder.`,
  SAMPLES_NOT_WRITTEN: (failure) =>
    `The preview picture could not be written (${failureText(errors, failure)}). Training goes on and the weights are not affected.`,
};

/** The sentence of a warning. */
export function warningText({ code, data }: Warning): string {
  return (sentences[code] as (data: WarningData[WarningCode]) => string)(data);
}
