/**
 * The closed list of everything that can go wrong for a user, each with a stable code and the data that its sentence
 * needs. The sentences are in src/texts (English and Spanish), the exit codes in src/cli/exit-codes.ts; both are typed
 * over this list, so a new code does not compile until it has them.
 *
 * Anything that is thrown and is not a GuardapesosError is a bug in guardapesos.
 */
import type { TorchFeature, TorchPlace, TorchProblem } from "./torch-problem.js";

/** What somebody does who writes to a weights folder, or to one of backups. */
export const purposes = ["train", "prune", "restore", "backup"] as const;
export type Purpose = (typeof purposes)[number];

export interface ErrorData {
  /** `folder`: what the shell calls it, where it does. */
  CURRENT_FOLDER_GONE: { folder: string | undefined };
  // Images
  FOLDER_NOT_FOUND: { folder: string };
  FOLDER_NOT_READABLE: { folder: string; reason: string };
  /** `name` as far as it can be read. */
  NAME_NOT_DECODED: { folder: string; name: string };
  NO_IMAGES: { folder: string; leftOut: readonly LeftOut[] };
  /** `places`: several folders of that name, relative to `folder`. */
  UNKNOWN_CLASS: { folder: string; wanted: string; classes: readonly string[]; places: readonly string[] };
  CLASS_NEEDED: {
    folder: string;
    /** It lies in the folder that was given. */
    inside: boolean;
    classes: readonly string[];
    /** Folders that seem to hold classes themselves. */
    deeper: readonly string[];
    /** They may be patients of one class. */
    together: boolean;
  };
  /** The images of the checkpoint `id` are not known, only their class, perhaps; `mayDraw`: it is not of a training of ours, or a new one begins. */
  DATA_NEEDED: { id: string; class: string | undefined; mayDraw: boolean };
  /** They are not there any more. */
  DATA_GONE: { id: string; folder: string };
  /** More than a tenth went while training ran. */
  IMAGES_VANISHED: { folder: string; gone: number; of: number };
  /** `problem`: what is wrong with the first, where it is none of the decoder's own `reason`s. */
  IMAGES_UNREADABLE: { folder: string; first: string; reason: string; problem?: ImageProblem | undefined };
  IMAGE_NOT_READ: ImageProblem;
  // Command line
  COMMAND_UNKNOWN: { command: string; suggestion: string | undefined };
  OPTION_UNKNOWN: { option: string; suggestion: string | undefined };
  OPTION_VALUE_MISSING: { option: string };
  ARGUMENT_MISSING: { argument: string };
  ARGUMENT_UNEXPECTED: { command: string; argument: string };
  // A guarded command
  PROGRAM_NOT_GIVEN: Record<string, never>;
  PROGRAM_NOT_FOUND: { program: string };
  PROGRAM_NOT_EXECUTABLE: { program: string };
  /** Its guard was killed; `script` goes on as process `pid`. */
  SCRIPT_STILL_RUNS: { folder: string; script: string; pid: number; since: string };

  /** It means no folder of this machine, and there is nothing else yet. */
  PLACE_ELSEWHERE: { place: string };
  // Options
  OPTION_INVALID: { option: string; value: string; expected: Expected };
  OPTIONS_CONFLICT: { option: string; other: string };
  OPTION_NEEDS: { option: string; needed: string };
  RESOLUTION_INVALID: { option: string; value: string };
  RESOLUTION_RANGE: { start: number; end: number };
  /** More was asked of a generator than it is trained to. */
  RESOLUTION_UNTRAINED: { id: string; wanted: number; trained: number };
  /** A grid would be larger than a picture of its kind can be, or than there should be memory for; `most` images fit. */
  GRID_TOO_LARGE: { path: string; count: number; resolution: number; most: number };
  BATCH_SIZES_LENGTH: { given: number; expected: number };
  PRESET_UNKNOWN: { preset: string; presets: readonly string[] };
  CONFIG_NOT_JSON: { file: string; reason: string };
  CONFIG_UNKNOWN_KEY: { file: string; key: string; suggestion: string | undefined };
  CONFIG_KEY_TWICE: { file: string; key: string; other: string };
  /** `key` is empty when the whole file is meant. */
  CONFIG_INVALID: { file: string; key: string; value: string; expected: Expected };
  CONFIG_NOT_FOUND: { file: string };
  // What a guarded script is given
  /** `problem`: no = in it, or what stands before it is no name of Python's, or none that a variable can have. */
  SETTING_INVALID: { option: string; value: string; problem: "no-sign" | "name" | "variable" };
  /** `imported`: the module's name (`config.LR`) where the script only imports it. */
  SETTING_MISSING: {
    name: string;
    file: string;
    suggestion: string | undefined;
    imported: string | undefined;
  };
  PLACEHOLDER_UNKNOWN: { option: string; placeholder: string; known: readonly string[] };
  /** Checkpoint `id` has no such file, or several. */
  PLACEHOLDER_EMPTY: { placeholder: string; id: string; several: boolean; files: readonly string[] };
  QUOTE_NOT_CLOSED: { option: string; value: string };
  RECIPE_UNKNOWN: { recipe: string; recipes: readonly string[]; suggestion: string | undefined };
  // Engine
  DEVICE_UNAVAILABLE: { device: string; available: readonly string[]; reason: string };
  /** It computes in float32 alone. `reason`: ONNX Runtime's words. */
  DEVICE_NO_HALF: { device: string; reason: string };
  /** Gradients of this network overflow half precision whatever they are scaled by. */
  HALF_OVERFLOW: { network: string };
  ENGINE_MEMORY: { what: string; reason: string };
  ENGINE_FAILED: { what: string; reason: string };
  /** Its thread has ended. */
  ENGINE_DIED: { reason: string };
  /** Its thread does not answer. */
  ENGINE_HUNG: { seconds: number };
  // Torch files
  /** `shrank`: while it was read. `detail`: the system's words; empty where it said nothing. */
  TORCH_FILE_UNREADABLE: {
    file: string;
    reason: "missing" | "not-a-file" | "shrank" | "system";
    detail: string;
  };
  TORCH_FILE_INVALID: { file: string } & TorchPlace & TorchProblem;
  TORCH_FILE_REFUSED: { file: string; name: string; offset: number };
  TORCH_FILE_UNSUPPORTED: { file: string } & TorchFeature;
  // Checkpoints
  WEIGHTS_NOT_WRITABLE: { folder: string; reason: string };
  /** Deleted, renamed or unmounted while it was written to. */
  WEIGHTS_FOLDER_GONE: { folder: string };
  /**
   * `host`: where it runs, when that is another computer. `unreadable`: the announcement of a writer that says nothing; its
   * `pid` is 0 then.
   */
  WEIGHTS_IN_USE: {
    folder: string;
    pid: number;
    since: string;
    host?: string;
    purpose?: Purpose | undefined;
    unreadable?: string;
  };
  /** `files`: how many more the disk takes, where it is that which is missing. */
  DISK_FULL: { folder: string; needed: number; free: number; files?: number };
  SAVE_FAILED: { folder: string; reason: string };
  SAVE_NOT_VERIFIED: { id: string } & Damage;
  /** A file that was to be kept was written to while it was copied, or is not there any more. */
  ARTIFACT_CHANGED: { file: string };
  CHECKPOINT_NOT_FOUND: { reference: string; known: readonly string[] };
  /** A folder of another program with no checkpoint in it. */
  FOREIGN_NOT_FOUND: { folder: string };
  /** Of `class` and `name`, as far as they were given; `known` are the series that there are. */
  SERIES_NOT_FOUND: {
    folder: string;
    class: string | undefined;
    name: string | undefined;
    known: readonly { readonly class: string; readonly name: string }[];
  };
  /** Under the label and the name of `class` there is the checkpoint `id`, of `other`; undefined: it does not say of whom. */
  CHECKPOINT_OF_OTHERS: {
    id: string;
    class: string | undefined;
    other: string | null | undefined;
    label: string;
    name: string;
  };
  CHECKPOINT_DAMAGED: { id: string } & Damage;
  /** `options`: those given are the cause; otherwise the file holds another network than any that is trained here. */
  CHECKPOINT_ARCHITECTURE: { id: string; differences: readonly string[]; options: boolean };
  CHECKPOINT_PAIR_MISMATCH: { generator: string; critic: string; partner: string | undefined };
  /** Pairs outside any checkpoint that training could go on from, each by one of its files. One: of another class, perhaps. */
  LOOSE_PAIR_AMBIGUOUS: { folder: string; files: readonly string[] };
  CHECKPOINT_PARTNER_MISSING: { file: string; partner: string };
  /** Several files could be the other half of a pair. */
  CHECKPOINT_PARTNER_AMBIGUOUS: { file: string; network: string; candidates: readonly string[] };
  /** By the names of its weights, a plain file holds another network than it was given for. */
  CHECKPOINT_OTHER_NETWORK: { file: string; holds: string; wanted: string };
  /** A file holds several state_dicts that could be meant: of one network, or any when `network` is undefined. */
  STATE_DICT_AMBIGUOUS: { file: string; network: string | undefined; names: readonly string[] };
  /** A file holds no state_dict of this name; those that it holds. */
  STATE_DICT_UNKNOWN: { file: string; wanted: string; names: readonly string[] };
  CHECKPOINT_FORMAT_NEWER: { id: string; format: number };
  /** What it says of its training, beside the weights. `where` is empty when that is missing altogether. */
  PROGRESS_UNREADABLE: { id: string; where: string; detail: string };
  /** The newest one that would have been taken; no older one is better. `chosen`: the one that was asked for. */
  WEIGHTS_NOT_FINITE: { id: string; values: number; chosen?: boolean };
  /** The newest save of a training that has ended. `good`: the newest one whose values are all numbers, if there ever was one. */
  TRAINING_DIVERGED: { id: string; values: number; good: string | undefined };
  NOT_A_WEIGHTS_FOLDER: { folder: string };
  /** `checkpoints` or `backups` in a weights folder. */
  FOLDER_IS_LINK: { folder: string };
  /** A link that somebody has typed, and nothing where it leads. */
  LINK_LEADS_NOWHERE: { path: string };
  NO_BACKUP: { folder: string };
  /** Nobody can be asked; `newest` is the backup that would be restored. */
  CONFIRMATION_NEEDED: { newest: string };
  NOTHING_TO_GENERATE_FROM: { folder: string };
  // Heat
  SENSOR_UNAVAILABLE: { sensor: string; reason: string };
  TRACE_UNREADABLE: { file: string; reason: string };
  TRACE_INVALID: { file: string; line: number; reason: string };
  /** `low` must be below `high`. */
  THRESHOLDS_ORDER: { low: string; lowValue: number; high: string; highValue: number };
  // Training
  /** A training that was asked to stop. `newest` is the newest whole checkpoint. */
  ENDED_WITHOUT_ANSWER: { pid: number; newest: string | undefined };
  OUTPUT_NOT_WRITABLE: { path: string; reason: string };
  /** `option`: what allows for it. */
  OUTPUT_EXISTS: { path: string; option?: string };
  /** Written in part. `path` is undefined for standard output. */
  OUTPUT_INCOMPLETE: { path: string | undefined; reason: string };
}

/** Files that are no images, by their ending; "" for none, "DICOM" for such files without one. */
export interface LeftOut {
  readonly kind: string;
  readonly count: number;
}

/** Why a file, or a page of it, is no image that is read, though nothing need be broken. */
export type ImageProblem =
  | { readonly problem: "dicom" | "no-image" | "empty" | "bitmap" | "animated-png" | "not-finite" }
  /** Of its samples. */
  | {
      readonly problem: "numbers";
      readonly bits: number;
      readonly format: "unsigned" | "signed" | "float" | "complex" | "unknown";
    }
  /** TIFF's number for a way to say colours. */
  | { readonly problem: "colors"; readonly photometric: number }
  | { readonly problem: "channels"; readonly channels: number }
  /** Images that one page claims to hold. */
  | { readonly problem: "slices"; readonly slices: number };

/**
 * What is wrong with a file of a checkpoint; the texts say it in words. `detail` is another program's. `where` is the tensor,
 * the record or the bytes in the file, where that is known.
 */
export type Fault = { readonly where?: string } &
  /** `unfinished`: there is no manifest, so the save never ended. `not-canonical`: bytes too many, or written otherwise. */
  (
    | { readonly reason: "missing" | "unfinished" | "empty" | "checksum" | "not-json" | "not-canonical" }
    | { readonly reason: "tensor-missing" | "tensor-foreign" | "tensor-changed" }
    /** `replaced`: another generation than a moment before. `other-pair`: it says that it belongs to another save. */
    | { readonly reason: "replaced" | "other-pair" }
    | { readonly reason: "size"; readonly bytes: number; readonly expected: number }
    | { readonly reason: "shape"; readonly shape: readonly number[]; readonly expected: readonly number[] }
    | { readonly reason: "unreadable" | "invalid"; readonly detail: string }
    /** Something else has the name of the file, or of the checkpoint's folder. */
    | { readonly reason: "not-a-file"; readonly found: "link" | "folder" | "other" }
    /** Larger, or JSON deeper, than any that is written here. */
    | { readonly reason: "too-large"; readonly bytes: number }
    | { readonly reason: "too-deep" }
    | { readonly reason: "torch"; readonly problem: TorchProblem; readonly place: TorchPlace }
    | { readonly reason: "unsupported"; readonly content: TorchFeature }
    /** Asks to run this. */
    | { readonly reason: "refused"; readonly name: string }
    /** The folder has been given the name of another generation. */
    | { readonly reason: "renamed"; readonly other: string }
    | { readonly reason: "newer-format"; readonly format: number }
    | { readonly reason: "not-finite"; readonly values: number }
  );

/** A fault and the name of the file. */
export type Damage = Fault & { readonly file: string };

/** What an option would have accepted; the texts say it in words. */
export type Expected =
  | { readonly kind: "text" | "name" | "boolean" | "object" }
  /** A text; the option may stand there several times. */
  | { readonly kind: "texts" }
  /** Of the config file: what recipes are there for (`run --recipe`). */
  | { readonly kind: "recipes" }
  | { readonly kind: "integer"; readonly min: number; readonly max?: number }
  | { readonly kind: "number"; readonly above: number }
  | { readonly kind: "number-from"; readonly min: number; readonly max: number; readonly example: number }
  /** Batches, minutes such as "10m", or "auto". */
  | { readonly kind: "interval" }
  /** A length of time such as "8h", and a time of day such as "07:00". */
  | { readonly kind: "duration" | "time-of-day" }
  /** What a card's temperature is read with. */
  | { readonly kind: "sensor" }
  /** One whole number, or exactly `count` of them. */
  | { readonly kind: "integers"; readonly min: number; readonly max: number; readonly count: number }
  | { readonly kind: "one-of"; readonly values: readonly (string | number)[] };

export type ErrorCode = keyof ErrorData;

/** An error that a user can do something about. `data` fills the sentence of `code`. */
export class GuardapesosError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly data: ErrorData[Code];

  constructor(code: Code, data: ErrorData[Code], cause?: unknown) {
    super(`${code} ${JSON.stringify(data)}`, cause === undefined ? undefined : { cause });
    this.name = "GuardapesosError";
    this.code = code;
    this.data = data;
  }
}

/** Whether a thrown value is one that a user can do something about; anything else is a bug. */
export function isGuardapesosError(error: unknown): error is GuardapesosError {
  return error instanceof GuardapesosError;
}

/** One of ours as data. */
export type ErrorAsData = {
  readonly [Code in ErrorCode]: { readonly code: Code; readonly data: ErrorData[Code] };
}[ErrorCode];

/**
 * Any thrown value as data, for those who are told of it. `message` is what a value says that is not ours (the system's words,
 * or a bug's); of one of ours it is code and data once more, in one text that nobody has to read.
 */
export type Failure = (ErrorAsData | { readonly code: undefined; readonly data?: undefined }) & {
  readonly message: string;
};

/** Any thrown value -> data. */
export function failureOf(error: unknown): Failure {
  const message = reasonOf(error);
  return isGuardapesosError(error)
    ? ({ code: error.code, data: error.data, message } as Failure)
    : { code: undefined, message };
}

/** What crosses a thread boundary, where classes are lost. */
export interface ErrorMessage {
  readonly code: ErrorCode | undefined;
  readonly data: unknown;
  readonly message: string;
  readonly stack: string | undefined;
}

/** Error -> plain data, for postMessage. */
export function packError(error: unknown): ErrorMessage {
  if (isGuardapesosError(error)) {
    return { code: error.code, data: error.data, message: error.message, stack: error.stack };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { code: undefined, data: undefined, message, stack };
}

/** Plain data -> Error, on the other side. */
export function unpackError(packed: ErrorMessage): Error {
  const error =
    packed.code === undefined
      ? new Error(packed.message)
      : new GuardapesosError(packed.code, packed.data as ErrorData[ErrorCode]);
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

/** The text of any thrown value, for the `reason` of an error. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stack of any thrown value, for a bug's report; empty where there is none. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? "") : "";
}
