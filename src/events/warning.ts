/** Things worth saying that stop nothing: a closed list of codes, each with the data that its sentence is made from. */
import type { ErrorData, Failure, Purpose } from "../base/errors.js";
import type { SpillTrouble } from "../base/image-note.js";

/** What is another one now than when the checkpoint was saved. */
interface Differs<Value> {
  readonly before: Value;
  readonly now: Value;
}

/** An option of the Adam of an imported pair that is another one here, with its name in PyTorch. */
export interface OtherOption {
  /** Whose; absent where it is the same in both networks. */
  readonly network: string | undefined;
  readonly name: string;
  readonly there: number | string;
  readonly here: number | string;
}

export interface WarningData {
  /** Other thread count than the checkpoint's: same training, other rounding. */
  THREADS_DIFFER: Differs<number>;
  /** Other device than the checkpoint's: the same. */
  DEVICE_DIFFERS: Differs<string>;
  /** Another version of how steps are computed than the checkpoint's: the same. */
  ARITHMETIC_DIFFERS: Differs<number>;
  /** Other images than the checkpoint's, so many each: the order cannot be the same. */
  DATA_DIFFERS: Differs<number>;
  /** --start is for a beginning: this training goes on where it was. Sides of images. */
  START_IGNORED: { readonly wanted: number; readonly resolution: number };
  /** Mixed precision on the processor: rounded like half, and slower than float32. */
  HALF_IMITATED: { readonly device: string };
  PLAN_ALREADY_FINISHED: { readonly id: string };
  /** Of the imported pair `id`, these networks have weights alone (of none it is known: all): Adam starts fresh. */
  NO_OPTIMIZER_STATE: { readonly id: string; readonly networks: readonly string[] };
  /** The imported pair's optimizers are others (`kind` undefined: like none that is known): Adam starts fresh. */
  OPTIMIZER_NOT_ADAM: {
    readonly optimizers: readonly { readonly network: string; readonly kind: string | undefined }[];
  };
  /** Their parameters are not those of the weights, or several fit: Adam starts fresh. */
  OPTIMIZER_UNCLEAR: { readonly networks: readonly string[] };
  OPTIMIZER_OPTIONS_DIFFER: { readonly options: readonly OtherOption[] };
  /** The imported pair's, because none was given. */
  LEARNING_RATE_TAKEN: { readonly learningRate: number };
  /** The imported pair does not tell how far it is trained: it begins at this side. */
  RESOLUTION_UNKNOWN: { readonly start: number };
  SAMPLES_NOT_WRITTEN: Failure;
  /** Neither in memory nor on disk: decoded again each time. */
  IMAGES_NOT_CACHED: SpillTrouble;
  /** Steps have passed, and every weight is the one of the checkpoint before. */
  WEIGHTS_UNCHANGED: { readonly id: string };
  /** A clean-up or a restore holds the weights folder: the start waits for it. */
  WAITING_FOR_FOLDER: { readonly purpose: Purpose; readonly pid: number };
  /** What a killed training had left in memory is checkpoint `id` now. */
  STATE_TAKEN_UP: { readonly id: string };
  /** What a killed training has left in memory, and this version cannot read. */
  STATE_NOT_UNDERSTOOD: { readonly file: string };
  /** A user's own file stood at a familiar name, and has this one now. */
  FILE_MOVED_ASIDE: { readonly path: string };
  /** The familiar names are copies. */
  NO_HARD_LINKS: { readonly folder: string };
  /** One that was whole when it was saved is not any more; older ones stay for it. */
  CHECKPOINT_DAMAGED: ErrorData["CHECKPOINT_DAMAGED"];
  /** The weights folder did not take the last save, so it is in this folder. */
  SAVED_ELSEWHERE: { readonly folder: string };
  /** The same, and that folder goes with the machine's power. */
  SAVED_IN_MEMORY: { readonly folder: string };
  /** The disk was full: these older saves went so that this one found room. */
  ROOM_MADE: { readonly ids: readonly string[] };
  /** Told again when the number of saves that fit has halved. */
  DISK_FILLING: { readonly savesLeft: number };
  /** NaN or infinite weights were saved: the good ones before them are kept. */
  WEIGHTS_NOT_FINITE: { readonly id: string; readonly values: number };
}

export type WarningCode = keyof WarningData;

/** A warning without its moment. */
export type Warning = {
  readonly [Code in WarningCode]: { readonly code: Code; readonly data: WarningData[Code] };
}[WarningCode];

/** Data as one text: what `--json` has as `detail` since before there was `data`. Nobody has to read it. */
export type Detailed = Warning & { readonly detail: string };

/** As people write them: 0.00001, but 1e-8. */
const decimals = (value: number | string): string =>
  typeof value === "string" || Math.abs(value) < 1e-6
    ? String(value)
    : value.toFixed(12).replace(/\.?0+$/, "");

/** "betas (0.5, 0.999) → (0, 0.99)". */
export const otherOption = ({ network, name, there, here }: OtherOption): string =>
  `${network === undefined ? "" : `${network}: `}${name} ${decimals(there)} → ${decimals(here)}`;

/** The file system's word for each, as `detail` has it. */
const spillReasons = { full: "ENOSPC", changed: "CRC-32", "no-disk": "tmpfs" } as const;

const differs = ({ before, now }: Differs<number | string>): string => `${before} → ${now}`;

const details: { readonly [Code in WarningCode]: (data: WarningData[Code]) => string } = {
  THREADS_DIFFER: differs,
  DEVICE_DIFFERS: differs,
  ARITHMETIC_DIFFERS: differs,
  DATA_DIFFERS: differs,
  START_IGNORED: ({ wanted, resolution }) => `${wanted} → ${resolution}`,
  HALF_IMITATED: ({ device }) => device,
  PLAN_ALREADY_FINISHED: ({ id }) => id,
  NO_OPTIMIZER_STATE: ({ id, networks }) => (networks.length === 0 ? id : networks.join(", ")),
  OPTIMIZER_NOT_ADAM: ({ optimizers }) =>
    optimizers.map(({ network, kind = "?" }) => `${network}: ${kind}`).join(", "),
  OPTIMIZER_UNCLEAR: ({ networks }) => networks.join(", "),
  OPTIMIZER_OPTIONS_DIFFER: ({ options }) => options.map(otherOption).join(", "),
  LEARNING_RATE_TAKEN: ({ learningRate }) => decimals(learningRate),
  RESOLUTION_UNKNOWN: ({ start }) => String(start),
  SAMPLES_NOT_WRITTEN: ({ message }) => message,
  IMAGES_NOT_CACHED: ({ folders, reason, detail }) =>
    `${folders.join(", ")} (${reason === "system" ? detail : spillReasons[reason]})`,
  WEIGHTS_UNCHANGED: ({ id }) => id,
  WAITING_FOR_FOLDER: ({ purpose, pid }) => `${purpose} ${pid}`,
  STATE_TAKEN_UP: ({ id }) => id,
  STATE_NOT_UNDERSTOOD: ({ file }) => file,
  FILE_MOVED_ASIDE: ({ path }) => path,
  NO_HARD_LINKS: ({ folder }) => folder,
  CHECKPOINT_DAMAGED: (data) => `CHECKPOINT_DAMAGED ${JSON.stringify(data)}`,
  SAVED_ELSEWHERE: ({ folder }) => folder,
  SAVED_IN_MEMORY: ({ folder }) => folder,
  ROOM_MADE: ({ ids }) => ids.join(", "),
  DISK_FILLING: ({ savesLeft }) => String(savesLeft),
  WEIGHTS_NOT_FINITE: ({ id }) => id,
};

/** The event of a warning. */
export function warning<Code extends WarningCode>(
  code: Code,
  data: WarningData[Code],
): Detailed & { readonly type: "warning"; readonly code: Code } {
  return { type: "warning", code, detail: details[code](data), data } as Detailed & {
    readonly type: "warning";
    readonly code: Code;
  };
}
