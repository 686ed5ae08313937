/** The words of `--help`, in English. */

interface OptionText {
  /** What stands for its value, e.g. "folder" in `--data <folder>`. Absent for a switch. */
  readonly value?: string;
  readonly help: string;
}

interface CommandText {
  readonly description: string;
  readonly examples: readonly string[];
}

const options = {
  data: {
    value: "folder",
    help: "images, or class folders with images; without it, those of the checkpoint, or generated OCT phantoms",
  },
  class: {
    value: "name",
    help: "the class: whose folder to train on (. for all of them together), or whose checkpoints are meant",
  },
  weights: { value: "folder", help: "where the checkpoints live (default: weights)" },
  name: {
    value: "name",
    help: "last part of the weights' names: generator_CLASS_NAME.pth (training's default: local)",
  },
  preset: { value: "name", help: "demo, rtx3070, conservative or full (default: rtx3070)" },
  latent: { value: "n", help: "numbers in a latent vector" },
  channels: { value: "n", help: "channels from 4x4 to 32x32; halved at each resolution above" },
  imageChannels: { value: "n", help: "1 (grey) or 3 (colour)" },
  start: { value: "side", help: "first resolution: 4, 8, 16 ... 1024" },
  end: { value: "side", help: "last resolution" },
  epochs: { value: "n", help: "epochs at each resolution: one number, or nine separated by commas" },
  batchSizes: { value: "n", help: "images in a batch: one number, or nine, one per resolution" },
  accumulate: { value: "n", help: "batches whose gradients make one step" },
  precision: {
    value: "type",
    help: "float32, or mixed: half precision on a card that has it, weights in float32 (default: float32)",
  },
  lr: { value: "rate", help: "learning rate of both networks" },
  seed: { value: "n", help: "start of all random numbers: same seed, same result" },
  autosave: {
    value: "interval",
    help: "between automatic saves: batches (500), minutes (10m), or auto: from what a save costs",
  },
  keepEvery: { value: "steps", help: "keep one checkpoint of so many steps for good (default: 0: none)" },
  backups: {
    value: "n",
    help: "backups to keep in weights/backups; training makes one a day (default: 7; 0: none)",
  },
  maxBatches: { value: "n", help: "stop when this many batches are done, over all sessions" },
  stopAfter: { value: "time", help: "save and stop after so long: 8h, 30m, 90s, 1h30m" },
  stopAt: { value: "hh:mm", help: "save and stop when the clock shows this: 07:00" },
  stopWithParent: { help: "save and stop when the program that started this one has ended" },
  device: { value: "name", help: "auto, cpu, webgpu, dml, cuda or coreml (default: auto)" },
  threads: { value: "n", help: "processor threads (default: one per core)" },
  samples: { value: "folder", help: "where the preview pictures go (default: samples)" },
  phantoms: { value: "n", help: "generated images per epoch when there is no --data" },
  sensor: {
    value: "sensor",
    help: "where the card's temperature comes from: auto, none, nvml, nvidia-smi, other, simulated:FILE, simulated:model (default: auto)",
  },
  warnAt: { value: "°C", help: "from here on, pauses and more frequent saves (default: 78)" },
  target: { value: "°C", help: "the temperature that pauses hold (default: 79)" },
  coolAt: { value: "°C", help: "from here on: save, cool down, go on with smaller batches (default: 82)" },
  stopAtTemp: { value: "°C", help: "from here on: save and end (default: 85)" },
  resumeAt: { value: "°C", help: "how cool the card must be to go on (default: 70)" },
  coolMinutes: { value: "n", help: "how long a cool-down lasts at least (default: 10)" },
  criticalMinutes: {
    value: "n",
    help: "the same after the critical temperature, with --after-critical cool (default: 30)",
  },
  afterCritical: { value: "what", help: "at the critical temperature: stop, or cool (default: stop)" },
  timeScale: { value: "n", help: "with a simulated sensor: how many times faster time runs" },
  fullBatches: { help: "go back to the batch sizes from before heat divided them" },
  lang: { value: "language", help: "es or en (default: that of the system)" },
  json: { help: "one JSON object per line, for other programs" },
  fresh: { help: "start anew; older checkpoints stay as they are" },
  resume: { value: "ref", help: "go on from this: an id, a kind such as emergency, latest, or a .pth file" },
  critic: {
    value: "file",
    help: "the critic's file, where --resume names the generator's and it cannot be found",
  },
  stateDict: {
    value: "key",
    help: "which weights to take where a .pth file holds several (inspect shows their names; with commas, one for each network)",
  },
  config: {
    value: "file",
    help: "options from this JSON file (default: guardapesos.config.json, if it is there)",
  },
  count: { value: "n", help: "how many images (default: 16)" },
  truncation: {
    value: "limit",
    help: "keep the noise within this many standard deviations: less variety, cleaner images (0: no limit; default: 0.7)",
  },
  resolution: {
    value: "pixels",
    help: "side of an image, 4 to 1024 (default: what the weights are trained to; 64 where nothing tells)",
  },
  grid: {
    value: "file",
    help: "one picture with all of them (.png, .jpg, .webp or .tif), instead of one PNG each",
  },
  overwrite: { help: "let --grid replace a file that is there" },
  out: { value: "folder", help: "where the PNG files go (default: generated)" },
  all: { help: "every checkpoint, not only the newest" },
  images: { value: "n", help: "images in an epoch (default: those of --data, or --phantoms)" },
  rate: {
    value: "GFLOP/s",
    help: "how fast the device computes; without it, that is measured here in a few seconds",
  },
  vram: { value: "GB", help: "say whether training fits into this much memory" },
  deep: { help: "also open the files and check each tensor" },
  dryRun: { help: "only say what would be removed, and what that would free" },
  yes: { help: "restore the newest backup without asking" },
  daily: { help: "only when today has none, or one that is six hours old" },
  undo: { help: "take the mark away again" },
  from: {
    value: "folder",
    help: "where to look for checkpoints that no agent tells of; may be given several times",
  },
  restart: {
    value: "n",
    help: "start it again so many times after a crash, where something says how it goes on (default: 0)",
  },
  set: {
    value: "name=value",
    help: "for this run, a constant at the top level of the script (or MODULE.NAME=VALUE); VALUE is Python, and a text where it is none; NAME:=text is always a text; may be given several times",
  },
  resumeSet: {
    value: "name=value",
    help: "like --set, where there is a checkpoint to go on from; {generator}, {critic}, {file:NAME}, {dir}, {size} stand for what it holds",
  },
  resumeArgs: { value: "text", help: "words to add to the command then, split as a shell does" },
  resumeEnv: { value: "name=value", help: "a variable of the environment then" },
  recipe: {
    value: "name",
    help: "such settings under a name: progan-local, or one of your own in the config file",
  },
  coolBy: { value: "how", help: "cool the card by pause (in place, the default), or by restart" },
  heatSet: { value: "name=value", help: "like --set, when it is started again after heat" },
  hangKill: { help: "kill a script that has shown no progress for far too long (default: only say so)" },
  agent: { help: "put nothing into the script: no whole saves, no snapshots, plain signals" },
  once: { help: "keep what is finished now and end, as cron wants it" },
  events: { value: "file", help: "add every event to this file, one JSON object per line" },
  log: {
    value: "file",
    help: "write every reading to this new CSV file, which --sensor simulated: plays again",
  },
  weightsOnly: { help: "the weights alone, without the optimizer's memory and the rest" },
  skipUnknown: { help: "also shows the tensors around what is not known, running nothing" },
  stats: { help: "also minimum, maximum, mean and NaN count of each tensor" },
} satisfies Record<string, OptionText>;

export type OptionName = keyof typeof options;

const commands = {
  train: {
    description:
      "Trains a ProGAN. Goes on by itself from the newest whole checkpoint; Ctrl+C saves the weights before leaving.",
    examples: [
      "guardapesos train --preset demo",
      "guardapesos train --data images --class DRUSEN",
      "guardapesos train --data images --class DRUSEN --resume emergency",
    ],
  },
  run: {
    description:
      "Runs a PyTorch training of yours, unedited, and guards it: whole saves, one safe Ctrl+C, automatic saves, verified checkpoints, heat.",
    examples: [
      "guardapesos run -- python progan_local.py",
      "guardapesos run --autosave 500 --stop-at 07:00 -- python train.py --epochs 20",
      "guardapesos run -- torchrun --nproc-per-node 2 train.py",
    ],
  },
  plan: {
    description:
      "Says what a training will take in work, time, memory and disk, resolution by resolution, before it begins.",
    examples: ["guardapesos plan --preset rtx3070 --vram 8", "guardapesos plan --data images --class DRUSEN"],
  },
  generate: {
    description: "Makes images from a checkpoint, as PNG files or as one grid.",
    examples: [
      "guardapesos generate --count 64 --grid grid.png",
      "guardapesos generate latest --truncation 0.7",
    ],
  },
  stop: {
    description:
      "Asks the training of a weights folder to stop, and waits until its weights are safe. Works from another terminal, and where Ctrl+C does not reach: services, detached runs.",
    examples: ["guardapesos stop", "guardapesos stop --weights /data/weights"],
  },
  list: { description: "Shows the checkpoints of a weights folder, newest first.", examples: [] },
  verify: {
    description: "Reads checkpoints back and compares them with what was saved.",
    examples: [
      "guardapesos verify",
      "guardapesos verify --all --deep",
      "guardapesos verify runs/checkpoint-500",
    ],
  },
  keep: {
    description: "Marks a checkpoint: from then on nothing removes it but you.",
    examples: ["guardapesos keep latest", "guardapesos keep 00012000-epoch-20251106_153045 --undo"],
  },
  prune: {
    description:
      "Removes checkpoints that are not needed, old emergencies first. The newest verified ones, the ends of resolutions and what you have marked always stay.",
    examples: ["guardapesos prune --dry-run", "guardapesos prune"],
  },
  backup: {
    description:
      "Copies the newest whole checkpoint, and verifies the copy: into weights/backups, where the newest 7 stay, or into a folder of yours, where nothing is ever removed.",
    examples: ["guardapesos backup", "guardapesos backup /media/usb/weights"],
  },
  restore: {
    description: "Makes a backup, or an older checkpoint, the newest one again. Nothing is removed.",
    examples: ["guardapesos restore", "guardapesos restore 2025-11-06"],
  },
  stats: {
    description:
      "Shows what saving has cost: saves, time, bytes, space, and how old the last verified save is.",
    examples: [],
  },
  doctor: {
    description:
      "Examines a weights folder: can it be written to, does the disk keep what it is given, is anything damaged; and says what to do.",
    examples: [],
  },
  monitor: {
    description:
      "Shows a card live: temperature, power, memory, fan, what slows it down, and what training would do about its heat.",
    examples: [
      "guardapesos monitor",
      "guardapesos monitor --log night.csv",
      "guardapesos monitor --sensor simulated:model",
    ],
  },
  watch: {
    description:
      "Looks after a training that somebody else started: keeps each finished checkpoint of a folder, verified. Changes nothing in it.",
    examples: ["guardapesos watch runs --weights weights", "guardapesos watch runs --once"],
  },
  import: {
    description: "Keeps a checkpoint of another program, once: a file, or a folder.",
    examples: ["guardapesos import runs/checkpoint-500", "guardapesos import best.ckpt --name ckpt-a"],
  },
  inspect: {
    description:
      "Shows what is inside a .pth or .safetensors file or another program's checkpoint folder, without running anything in it.",
    examples: [
      "guardapesos inspect weights/generator_DRUSEN_local.pth --stats",
      "guardapesos inspect runs/checkpoint-500",
    ],
  },
  convert: {
    description: "Converts weights from .pth to .safetensors, or back.",
    examples: ["guardapesos convert generator.pth generator.safetensors"],
  },
} satisfies Record<string, CommandText>;

export type CommandName = keyof typeof commands;

export interface HelpTexts {
  readonly program: string;
  readonly usage: string;
  readonly arguments: string;
  readonly options: string;
  readonly commands: string;
  readonly examples: string;
  /** Stand-ins in the usage line. */
  readonly optionsPlaceholder: string;
  readonly commandPlaceholder: string;
  readonly displayHelp: string;
  readonly displayVersion: string;
  readonly helpCommand: string;
  readonly more: string;
  readonly command: Record<CommandName, CommandText>;
  readonly option: Record<OptionName, OptionText>;
  readonly argument: {
    readonly reference: { readonly name: string; readonly help: string };
    readonly kept: { readonly name: string; readonly help: string };
    readonly destination: { readonly name: string; readonly help: string };
    readonly backup: { readonly name: string; readonly help: string };
    readonly program: { readonly name: string; readonly help: string };
    readonly watched: { readonly name: string; readonly help: string };
    readonly imported: { readonly name: string; readonly help: string };
    readonly judged: { readonly name: string; readonly help: string };
    readonly inspected: { readonly name: string; readonly help: string };
    readonly file: { readonly name: string; readonly help: string };
    readonly from: { readonly name: string; readonly help: string };
    readonly to: { readonly name: string; readonly help: string };
  };
}

export const help: HelpTexts = {
  program:
    "Trains a ProGAN and never loses a weight. Press Ctrl+C, cut the power, fill the disk: they are there.",
  usage: "Usage:",
  arguments: "Arguments:",
  options: "Options:",
  commands: "Commands:",
  examples: "Examples:",
  optionsPlaceholder: "[options]",
  commandPlaceholder: "[command]",
  displayHelp: "show this help",
  displayVersion: "show the version",
  helpCommand: "help [command]",
  more: "Help of a command: guardapesos train --help",
  command: commands,
  option: options,
  argument: {
    reference: {
      name: "ref",
      help: "an id, a kind such as emergency, latest, or a .pth file (default: latest)",
    },
    kept: { name: "ref", help: "an id, a kind such as emergency, latest, or a .pth file" },
    destination: { name: "folder", help: "where to (default: backups in the weights folder)" },
    backup: {
      name: "ref",
      help: "the day of a backup, an id, or the folder of either (without one: shows them and asks)",
    },
    program: { name: "command", help: "what to run, with its own options: after two dashes" },
    watched: { name: "folder", help: "where the training saves: a folder, or one above it" },
    imported: { name: "path", help: "a checkpoint of another program: a file, or a folder" },
    judged: {
      name: "ref",
      help: "an id, a kind such as emergency, latest, a .pth file, or a file or folder of another program (default: latest)",
    },
    inspected: {
      name: "file",
      help: "a .pth or .safetensors file, or a folder of checkpoints that another program wrote",
    },
    file: { name: "file", help: "a .pth or .safetensors file" },
    from: { name: "from", help: "the file to read" },
    to: { name: "to", help: "the file to write" },
  },
};
