/** The English sentence of each error: what happened, why, what to do, and whether the weights are safe. */
import type { ErrorCode, ErrorData, Expected } from "../base/errors.js";
import { damageOf, purposes } from "./en-damage.js";
import { imageErrors } from "./en-images.js";
import {
  torchFeature,
  torchFeatureAdvice,
  torchPlace,
  torchProblem,
  torchProblemAdvice,
  torchUnreadable,
} from "./en-torch.js";
import { formats } from "./formats.js";

const { and, or, bytes, duration, integer, moment } = formats("en");

export type ErrorTexts = { readonly [Code in ErrorCode]: (data: ErrorData[Code]) => string };

const meant = (suggestion: string | undefined): string =>
  suggestion === undefined ? "" : ` Did you mean ${suggestion}?`;

/** What an option accepts, to stand after "it takes". */
function expectation(expected: Expected): string {
  switch (expected.kind) {
    case "text":
      return "a text that is not empty";
    case "texts":
      return "a text that is not empty; in a file, also a list of them";
    case "name":
      return "at most 100 letters (140 bytes), digits, dots, dashes and underscores (it becomes part of a file name)";
    case "boolean":
      return "true or false";
    case "recipes":
      return 'recipes under their names, such as { "mine": { "resume-set": ["CKPT={generator}"] } }, with "set", "resume-set", "resume-args", "resume-env" and "heat-set"';
    case "object":
      return 'an object such as { "preset": "demo" }';
    case "integer":
      return expected.max === undefined
        ? `a whole number of at least ${expected.min}`
        : `a whole number from ${expected.min} to ${expected.max}`;
    case "number":
      return `a number greater than ${expected.above}, such as 0.001`;
    case "number-from":
      return `a number from ${expected.min} to ${expected.max}, such as ${expected.example}`;
    case "sensor":
      return "auto, none, nvml, nvidia-smi, other (one card of several: nvml:0), simulated:FILE or simulated:model";
    case "interval":
      return "batches (500), minutes (10m), or auto";
    case "duration":
      return "a length of time such as 8h, 30m, 90s or 1h30m, at most 87600h";
    case "time-of-day":
      return "a time of day such as 07:00 or 23:30";
    case "integers":
      return `one whole number from ${expected.min} to ${expected.max}, or ${expected.count} of them (one per resolution from 4x4 to 1024x1024)`;
    case "one-of":
      return or(expected.values);
  }
}

export const errors: ErrorTexts = {
  CURRENT_FOLDER_GONE: ({ folder }) =>
    `The current folder${folder === undefined ? "" : `, ${folder},`} does not exist any more: it has been deleted, renamed or unmounted. Change to another one (cd) and try again.`,
  FOLDER_NOT_FOUND: ({ folder }) => `The folder ${folder} does not exist. Check how the path is written.`,
  NAME_NOT_DECODED: ({ folder, name }) =>
    `${folder} holds names that are not UTF-8, as old zip files from Windows leave them (such as ${name}), and these cannot be opened. Rename them all at once with convmv -f latin1 -t utf8 -r --notest "${folder}", and try again.`,
  FOLDER_NOT_READABLE: ({ folder, reason }) =>
    `The folder ${folder} cannot be read: ${reason}. Check that it is a folder and that you may open it.`,
  ...imageErrors,
  DATA_NEEDED: ({ id, class: own, mayDraw }) =>
    `${id} was trained on images, and does not say where they are. Say so with --data${own === undefined ? " (and --class)" : ` and --class "${own}"`}${mayDraw ? ", or train on generated phantoms with --phantoms 1200" : ", or start anew with --fresh"}; nothing was touched.`,
  DATA_GONE: ({ id, folder }) =>
    `The images that ${id} was trained on are not in ${folder} any more: they were moved, renamed or deleted, or their disk is not there. Bring them back, or say with --data where they are now; the checkpoints are as they were.`,
  IMAGES_VANISHED: ({ folder, gone, of }) =>
    `${integer(gone)} of ${integer(of)} images are gone from ${folder}: they were moved or deleted, or their disk is not there any more. Training has ended rather than go on with the few that are left; bring them back and start the same command again.`,

  COMMAND_UNKNOWN: ({ command, suggestion }) =>
    `There is no command ${command}.${meant(suggestion)} See all of them with guardapesos --help.`,
  OPTION_UNKNOWN: ({ option, suggestion }) =>
    `There is no option ${option}.${meant(suggestion)} See all of them with --help.`,
  PROGRAM_NOT_GIVEN: () =>
    "Say what to run, after two dashes: guardapesos run -- python progan_local.py. Nothing was started.",
  PROGRAM_NOT_FOUND: ({ program }) =>
    `There is no program ${program}: look at how it is spelled, or give its whole path. Nothing was started.`,
  PROGRAM_NOT_EXECUTABLE: ({ program }) =>
    `${program} cannot be run: it is a folder, or is not marked as a program. A Python script is run with python ${program}. Nothing was started.`,
  SCRIPT_STILL_RUNS: ({ folder, script, pid, since }) =>
    `${script} still runs: it is process ${pid} (since ${moment(since)}), which goes on although the guardapesos that started it was killed. Two that write to the same files would spoil them, so nothing was started. Wait until it ends, or end it (Ctrl+C is kill -INT ${pid}), or give another folder with --weights instead of that of ${folder}.`,
  OPTION_VALUE_MISSING: ({ option }) => `${option} needs a value after it.`,
  ARGUMENT_MISSING: ({ argument }) => `Something is missing: ${argument}. See how to write it with --help.`,
  ARGUMENT_UNEXPECTED: ({ command, argument }) =>
    `${command} has no use for "${argument}". If it was meant for an option, write the option's name before it; see --help.`,

  PLACE_ELSEWHERE: ({ place }) =>
    `${place} is no folder of this machine, and guardapesos does not write to other places yet. Give a folder, such as one on another disk or on a network drive; one that is really called so is written ./${place}. Nothing was touched.`,
  OPTION_INVALID: ({ option, value, expected }) =>
    `${option} takes ${expectation(expected)}; "${value}" is not that.`,
  OPTIONS_CONFLICT: ({ option, other }) => `${option} and ${other} contradict each other. Keep one of them.`,
  OPTION_NEEDS: ({ option, needed }) =>
    `${option} says nothing without ${needed}. Add ${needed}, or leave ${option} out.`,
  RESOLUTION_INVALID: ({ option, value }) =>
    `${option} takes a resolution that is a power of two from 4 to 1024 (4, 8, 16, 32, 64, 128, 256, 512 or 1024); "${value}" is not one.`,
  RESOLUTION_RANGE: ({ start, end }) =>
    `Training cannot start at ${start}x${start} and end at ${end}x${end}. Make --start smaller than or equal to --end.`,
  RESOLUTION_UNTRAINED: ({ id, wanted, trained }) =>
    `${id} is trained to ${trained}x${trained}: at ${wanted}x${wanted} it would draw noise. Give --resolution ${trained} or less, or leave it out.`,
  GRID_TOO_LARGE: ({ path, count, resolution, most }) =>
    `A grid of ${integer(count)} images of ${resolution}x${resolution} is too large for ${path}: at most ${integer(most)} fit. Give a smaller --count or --resolution, or leave --grid out to get one file for each image.`,
  BATCH_SIZES_LENGTH: ({ given, expected }) =>
    `--batch-sizes takes one number, or exactly ${expected} (one per resolution from 4x4 to 1024x1024); it was given ${given}.`,
  PRESET_UNKNOWN: ({ preset, presets }) => `There is no preset "${preset}". Choose ${or(presets)}.`,
  CONFIG_NOT_JSON: ({ file, reason }) =>
    `${file} is not valid JSON (${reason}). Correct it, or move it away to train with the command line alone.`,
  CONFIG_UNKNOWN_KEY: ({ file, key, suggestion }) =>
    `${file} has a key that does not exist: "${key}".${meant(suggestion === undefined ? undefined : `"${suggestion}"`)} Its keys are the options of guardapesos train --help.`,
  CONFIG_KEY_TWICE: ({ file, key, other }) =>
    `${file} gives the same setting twice, as "${key}" and as "${other}". Keep one of them.`,
  CONFIG_INVALID: ({ file, key, value, expected }) =>
    key === ""
      ? `${file} must hold ${expectation(expected)}; it holds ${value}.`
      : `In ${file}, "${key}" takes ${expectation(expected)}; ${value} is not that.`,
  CONFIG_NOT_FOUND: ({ file }) => `The config file ${file} cannot be read. Check the path given to --config.`,

  SETTING_INVALID: ({ option, value, problem }) =>
    problem === "no-sign"
      ? `${option} takes NAME=VALUE; "${value}" has no = in it.`
      : problem === "name"
        ? `${option} takes NAME=VALUE or MODULE.NAME=VALUE with names as Python has them; "${value}" is none.`
        : `${option} takes NAME=VALUE; "${value}" can't be the name of an environment variable.`,
  SETTING_MISSING: ({ name, file, suggestion, imported }) =>
    `${file} assigns no ${name} at its top level, so it can't be set, and nothing was started.${
      imported === undefined
        ? `${meant(suggestion)} Names inside functions and classes can't be set.`
        : ` It imports that name: set it where it is assigned, as ${imported}=VALUE.`
    }`,
  PLACEHOLDER_UNKNOWN: ({ option, placeholder, known }) =>
    `${option} has ${placeholder} in it, which stands for nothing. There are ${and(known)}.`,
  PLACEHOLDER_EMPTY: ({ placeholder, id, several, files }) =>
    `${several ? `Several files of the checkpoint ${id} could be` : `The checkpoint ${id} has nothing for`} ${placeholder}: it holds ${files.length === 0 ? "no files" : and(files)}. Name one as {file:NAME}; the checkpoint is as it was, and nothing was started.`,
  QUOTE_NOT_CLOSED: ({ option, value }) =>
    `In ${option}, a quote is opened and not closed: ${value}. Close it, or put a backslash before it.`,
  RECIPE_UNKNOWN: ({ recipe, recipes, suggestion }) =>
    `There is no recipe "${recipe}".${meant(suggestion)} There are ${and(recipes)}; your own stand in the config file, under "recipes".`,

  DEVICE_UNAVAILABLE: ({ device, available, reason }) =>
    `The device ${device} cannot be used here: ${reason}. Choose --device ${or(available)}.`,
  DEVICE_NO_HALF: ({ device, reason }) =>
    `The device ${device} does not compute in half precision here (${reason}). Train with --precision float32.`,
  HALF_OVERFLOW: ({ network }) =>
    `The gradients of the ${network} are too large for half precision, however little they are scaled. The weights from before are kept: go on with --precision float32, or from an older checkpoint with a smaller --lr.`,
  ENGINE_MEMORY: ({ what, reason }) =>
    `There was not enough memory for ${what} (${reason}). Use smaller --batch-sizes, fewer --channels, a smaller --end or another --device; saved weights are not affected.`,
  ENGINE_FAILED: ({ what, reason }) =>
    `The compute engine failed at ${what}: ${reason}. Try --device cpu; saved weights are not affected.`,
  ENGINE_DIED: ({ reason }) =>
    `The compute engine has died in the middle of its work (${reason}). Start the same command again; if it happens again, use smaller --batch-sizes or another --device.`,
  ENGINE_HUNG: ({ seconds }) =>
    `The compute engine has not answered for ${duration(seconds)}, so it is not waited for any longer. Start the same command again; if it happens again, restart the computer, update the card's driver or use --device cpu.`,

  TORCH_FILE_UNREADABLE: ({ file, reason, detail }) => torchUnreadable(file, reason, detail),
  TORCH_FILE_INVALID: ({ file, ...what }) =>
    `${file} cannot be used: ${torchProblem(what)} (${torchPlace(what)}). ${torchProblemAdvice(file, what)}`,
  TORCH_FILE_REFUSED: ({ file, name, offset }) =>
    `${file} asks to run ${name} (byte ${integer(offset)}), and nothing inside a .pth file is ever run here. guardapesos inspect --skip-unknown shows the tensors around it, running nothing. If you trust the file, load it in PyTorch and save its state_dict again.`,
  TORCH_FILE_UNSUPPORTED: ({ file, ...content }) =>
    `${file} is not taken: ${torchFeature(content)}. ${torchFeatureAdvice(file, content)}`,

  WEIGHTS_NOT_WRITABLE: ({ folder, reason }) =>
    `The weights folder ${folder} cannot be written to (${reason}). Give another with --weights, or change its permissions; the checkpoints already there are as they were.`,
  WEIGHTS_FOLDER_GONE: ({ folder }) =>
    `The weights folder ${folder} is not there any more: it, or the checkpoints in it, were deleted or renamed, or its disk was unmounted. Bring it back, or give another with --weights.`,
  WEIGHTS_IN_USE: ({ folder, pid, since, host, purpose, unreadable }) => {
    if (unreadable !== undefined)
      return `Somebody may be writing to ${folder}: who it is cannot be read in ${unreadable}, as after a power cut. Try again in a minute, when it counts as gone; nothing was touched.`;
    const where = host === undefined ? "" : ` on ${host}`;
    const who = `Another guardapesos (${purpose === undefined ? "" : `${purposes[purpose]}, `}process ${pid}${where}, since ${moment(since)}) is writing to ${folder}.`;
    const silent =
      host === undefined ? "" : ` If it was killed there, it counts as gone after a minute of silence.`;
    return purpose === undefined || purpose === "train"
      ? `${who} Stop that one first, or give this one another folder with --weights; nothing was touched.${silent}`
      : `${who} It ends by itself: try again then; nothing was touched.${silent}`;
  },
  DISK_FULL: ({ folder, needed, free, files }) =>
    files !== undefined
      ? `The disk of ${folder} takes ${files === 0 ? "no more files" : `only ${files === 1 ? "1 more file" : `${integer(files)} more files`}`}, however small (its inodes are used up). Delete files there; the checkpoints already there are whole.`
      : `The disk of ${folder} is full: a checkpoint needs ${bytes(needed)} and ${bytes(free)} are free. Free some space; the checkpoints already there are whole.`,
  SAVE_FAILED: ({ folder, reason }) =>
    `A checkpoint could not be written to ${folder}: ${reason}. The checkpoints already there are whole.`,
  SAVE_NOT_VERIFIED: ({ id, ...damage }) =>
    `Checkpoint ${id} was written, but what was read back is not that (${damageOf(damage)}), so it does not count. The older checkpoints are whole; check that disk.`,
  ARTIFACT_CHANGED: ({ file }) =>
    `${file} changed, or went away, while it was copied into the checkpoints, so this copy was thrown away. The file itself was not touched, and the older checkpoints are whole; once it has been written to its end it can be kept.`,
  CHECKPOINT_NOT_FOUND: ({ reference, known }) =>
    known.length === 0
      ? `There is no checkpoint "${reference}": the weights folder holds none. Check --weights.`
      : `There is no checkpoint "${reference}". The newest ones are ${and(known)}; see all of them with guardapesos list.`,
  FOREIGN_NOT_FOUND: ({ folder }) =>
    `There is no checkpoint in ${folder}: no .pth, .pt, .ckpt or .safetensors file, and no folder as the Hugging Face Trainer, Accelerate or torch.distributed.checkpoint write them. Check the path.`,
  SERIES_NOT_FOUND: ({ folder, class: wanted, name, known }) => {
    const asked = [
      ...(wanted === undefined ? [] : [`class ${wanted}`]),
      ...(name === undefined ? [] : [`name ${name}`]),
    ];
    const there = known.map((one) => `${one.class} (${one.name})`);
    return `There is no checkpoint of ${and(asked)} in ${folder}, or several could be meant. ${there.length === 0 ? "It holds none." : `It holds those of ${and(there)}: write the class as it stands there, and the name, which stands in brackets.`}`;
  },
  CHECKPOINT_OF_OTHERS: ({ id, class: wanted, other, label, name }) => {
    const ways = `To go on from it all the same, --resume ${id}; to start anew beside it, --fresh`;
    if (other !== undefined) {
      const others = other === null ? "generated images" : `the class ${other}`;
      return `Checkpoint ${id} bears the names of this training, ${label} and ${name}, but it is of ${others}. Nothing was started and nothing was touched. ${ways}, or with another --name.`;
    }
    return wanted === undefined
      ? `Checkpoint ${id} was not trained on generated images. Give its images with --data (and --class). Nothing was started and nothing was touched. ${ways}.`
      : `Checkpoint ${id}, called ${label} and ${name}, does not say of which class it is, as those of earlier versions do not, and it was not trained on the images of ${wanted} as they are now. Nothing was started and nothing was touched. ${ways}.`;
  },
  CHECKPOINT_DAMAGED: ({ id, ...damage }) =>
    `Checkpoint ${id} is damaged: ${damageOf(damage)}. It was left as it is; guardapesos list shows the others and the backups, --resume takes one of them, and --fresh starts anew without touching any.`,
  CHECKPOINT_ARCHITECTURE: ({ id, differences, options }) =>
    `Checkpoint ${id} belongs to another network: ${differences.join("; ")}. ${options ? "Leave those options out to go on with its own sizes, or start anew with --fresh" : "Only the ProGAN of guardapesos is trained and drawn here: guardapesos inspect shows what the file holds"}; nothing was touched.`,
  CHECKPOINT_PAIR_MISMATCH: ({ generator, critic, partner }) =>
    `${generator} and ${critic} were not saved together, so training on from them would go wrong.${partner === undefined ? " Give two files of the same save." : ` The right partner is ${partner}.`}`,
  LOOSE_PAIR_AMBIGUOUS: ({ folder, files }) =>
    files.length === 1
      ? `${folder} holds no checkpoints, but a pair of files that may be of another class: ${and(files)}. Go on from it with --resume, or start anew with --fresh; nothing was touched.`
      : `${folder} holds several pairs of files that could be meant: ${and(files)}. Say which with --resume, or start anew with --fresh; nothing was touched.`,
  CHECKPOINT_PARTNER_MISSING: ({ file, partner }) =>
    `${file} is one half of a pair, and the other is not there: ${partner}. Put both into the same folder, or give the critic's file with --critic; nothing was touched.`,
  CHECKPOINT_PARTNER_AMBIGUOUS: ({ file, network, candidates }) =>
    `${file} is one half of a pair, and several files could be the other (the ${network}): ${and(candidates)}. Say which: --resume takes the generator's file and --critic the critic's; nothing was touched.`,
  CHECKPOINT_OTHER_NETWORK: ({ file, holds, wanted }) =>
    `${file} holds a ${holds}, not a ${wanted}, by the names of its weights. Give each file for what it is: the generator's with --resume and the critic's with --critic; nothing was touched.`,
  STATE_DICT_AMBIGUOUS: ({ file, network, names }) =>
    `${file} holds several state_dicts${network === undefined ? "" : ` of a ${network}`}: ${and(names)}. Say which one is meant with --state-dict, such as --state-dict ${names[0]}.`,
  STATE_DICT_UNKNOWN: ({ file, wanted, names }) =>
    `${file} holds no state_dict called ${wanted}. It holds ${and(names)}: choose among them with --state-dict.`,
  CHECKPOINT_FORMAT_NEWER: ({ id, format }) =>
    `Checkpoint ${id} was written by a newer guardapesos (format ${format}). Update guardapesos to read it; nothing was touched.`,
  PROGRESS_UNREADABLE: ({ id, where, detail }) =>
    `Checkpoint ${id} does not say in a way that this version understands where its training stood (${where === "" ? "" : `${where}: `}${detail}), so nothing goes on from it. Take another one with --resume (guardapesos list shows them), update guardapesos if a newer one wrote it, or start anew with --fresh; nothing was touched.`,
  NOT_A_WEIGHTS_FOLDER: ({ folder }) =>
    `${folder} is not a weights folder: there are neither checkpoints nor .pth files in it. Give the folder that training wrote to with --weights; nothing was touched.`,
  LINK_LEADS_NOWHERE: ({ path }) =>
    `${path} is a link, and what it leads to is not there. Is that disk mounted? Nothing was written.`,
  FOLDER_IS_LINK: ({ folder }) =>
    `${folder} is a link. Inside a weights folder links are not followed, so that nothing outside it is read, written or removed. Put the folder itself there, or let the whole weights folder (--weights) be the link; nothing was touched.`,
  CONFIRMATION_NEEDED: ({ newest }) =>
    `Restoring makes a backup the newest checkpoint, and nobody can be asked here which. Name it (guardapesos restore ${newest}), or take the newest with --yes; nothing was touched.`,
  NO_BACKUP: ({ folder }) =>
    `There is no backup in ${folder}. Training makes one every day, and guardapesos backup makes one now; guardapesos restore also takes the id of a checkpoint.`,
  NOTHING_TO_GENERATE_FROM: ({ folder }) =>
    `There is no checkpoint in ${folder} to generate from. Train first with guardapesos train, or give the folder with --weights.`,

  TRAINING_DIVERGED: ({ id, values, good }) =>
    `Training has diverged: ${integer(values)} ${values === 1 ? "value" : "values"} of its newest weights (${id}) are not numbers, and no further step makes them any. ${good === undefined ? "There never were good ones: start anew with --fresh and a smaller --lr." : `Go on from the last good ones (${good}) with a smaller --lr.`}`,
  WEIGHTS_NOT_FINITE: ({ id, values, chosen = false }) =>
    chosen
      ? `${id} cannot be used: ${integer(values)} of its values are not numbers, as when training has diverged, so nothing can be drawn from it or trained on. Choose another one (guardapesos list shows them); nothing was touched.`
      : `Training had diverged when ${id} was saved (${integer(values)} values that are not numbers), and no other checkpoint will do instead. Start anew with --fresh and a smaller --lr, or bring a backup back with guardapesos restore; nothing was touched.`,
  SENSOR_UNAVAILABLE: ({ sensor, reason }) =>
    `The temperature cannot be read with --sensor ${sensor}: ${reason}. Choose another --sensor, or train without one: --sensor none.`,
  TRACE_UNREADABLE: ({ file, reason }) =>
    `The temperature trace ${file} cannot be read: ${reason}. Check the path after --sensor simulated:.`,
  TRACE_INVALID: ({ file, line, reason }) =>
    `${file} is not a temperature trace: line ${line} (${reason}). It takes CSV with "seconds,temperature", JSON with the same names, or a log of nvidia-smi with a timestamp; see docs/heat.md.`,
  THRESHOLDS_ORDER: ({ low, lowValue, high, highValue }) =>
    `${low} (${lowValue} °C) must be below ${high} (${highValue} °C). Change one of them.`,
  ENDED_WITHOUT_ANSWER: ({ pid, newest }) =>
    `Process ${pid} has ended without a word: it was killed, or the computer has restarted. ${newest === undefined ? "There is no whole checkpoint yet." : `The newest whole checkpoint is ${newest}; guardapesos train goes on from it.`}`,
  OUTPUT_EXISTS: ({ path, option }) =>
    `${path} is there already, and another file is never written over. Give another name, ${option === undefined ? "or move that one away first" : `move that one away first, or add ${option}`}.`,
  OUTPUT_INCOMPLETE: ({ path, reason }) =>
    path === undefined
      ? `What this command had to say could not be written (${reason}), so it is not all there. The checkpoints are not touched by that. Make room, or send its output elsewhere.`
      : `${path} cannot be written to any more (${reason}). What was written before is whole. Make room, and begin another file.`,
  OUTPUT_NOT_WRITABLE: ({ path, reason }) =>
    `${path} cannot be written (${reason}). Give another place for it.`,
};
