/** What the process says to the shell. The numbers are those of BSD's sysexits.h; docs/exit-codes.md explains them. */
import type { ErrorCode } from "../base/errors.js";
import { isGuardapesosError } from "../base/errors.js";
import type { RunEventOf } from "../events/event.js";

/** A thrown value that is not one of ours. */
export const bugExitCode = 70;

/** A run that heat has ended, its weights saved: EX_TEMPFAIL, it works once the card is cool. */
const overheatedExitCode = 75;

/** Exit codes of signals, 128 + their number as shells count (SIGBREAK is 21 on Windows). */
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGBREAK: 149 } as const;

export const stopSignals = Object.keys(signals) as NodeJS.Signals[];

/** The other ways: `guardapesos stop` is a request to terminate, a parent that ends hangs up, a time was planned. */
const stops: Readonly<Record<string, number>> = {
  ...signals,
  stop: signals.SIGTERM,
  parent: signals.SIGHUP,
  time: 0,
};

/** The exit code of a run that was stopped, its weights saved. */
export function exitCodeOfStop(signal: string | undefined): number {
  return stops[signal ?? "SIGTERM"] ?? signals.SIGTERM;
}

/** The exit code of an error's code. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case "COMMAND_UNKNOWN":
    case "OPTION_UNKNOWN":
    case "OPTION_VALUE_MISSING":
    case "ARGUMENT_MISSING":
    case "ARGUMENT_UNEXPECTED":
    case "PLACE_ELSEWHERE":
    case "OPTION_INVALID":
    case "OPTIONS_CONFLICT":
    case "OPTION_NEEDS":
    case "RESOLUTION_INVALID":
    case "RESOLUTION_RANGE":
    case "RESOLUTION_UNTRAINED":
    case "GRID_TOO_LARGE":
    case "BATCH_SIZES_LENGTH":
    case "PRESET_UNKNOWN":
    case "CLASS_NEEDED":
    case "STATE_DICT_AMBIGUOUS":
    case "STATE_DICT_UNKNOWN":
    case "CHECKPOINT_PARTNER_AMBIGUOUS":
    case "CHECKPOINT_OF_OTHERS":
    case "DATA_NEEDED":
    case "CONFIRMATION_NEEDED":
    case "LOOSE_PAIR_AMBIGUOUS":
    case "THRESHOLDS_ORDER":
    case "PROGRAM_NOT_GIVEN":
    case "SETTING_INVALID":
    case "SETTING_MISSING":
    case "PLACEHOLDER_UNKNOWN":
    case "PLACEHOLDER_EMPTY":
    case "QUOTE_NOT_CLOSED":
    case "RECIPE_UNKNOWN":
      return 64; // EX_USAGE: the command line
    case "IMAGES_UNREADABLE":
    case "NAME_NOT_DECODED":
    case "IMAGE_NOT_READ":
    case "TRACE_INVALID":
    case "TORCH_FILE_INVALID":
    case "TORCH_FILE_REFUSED":
    case "TORCH_FILE_UNSUPPORTED":
    case "CHECKPOINT_DAMAGED":
    case "CHECKPOINT_ARCHITECTURE":
    case "CHECKPOINT_PAIR_MISMATCH":
    case "CHECKPOINT_OTHER_NETWORK":
    case "CHECKPOINT_FORMAT_NEWER":
    case "PROGRESS_UNREADABLE":
    case "WEIGHTS_NOT_FINITE":
    case "TRAINING_DIVERGED":
      return 65; // EX_DATAERR: what was read is not usable
    case "CURRENT_FOLDER_GONE":
    case "FOLDER_NOT_FOUND":
    case "FOLDER_NOT_READABLE":
    case "NO_IMAGES":
    case "TRACE_UNREADABLE":
    case "UNKNOWN_CLASS":
    case "DATA_GONE":
    case "IMAGES_VANISHED":
    case "CHECKPOINT_NOT_FOUND":
    case "FOREIGN_NOT_FOUND":
    case "SERIES_NOT_FOUND":
    case "CHECKPOINT_PARTNER_MISSING":
    case "NOTHING_TO_GENERATE_FROM":
    case "NOT_A_WEIGHTS_FOLDER":
    case "NO_BACKUP":
    case "TORCH_FILE_UNREADABLE":
      return 66; // EX_NOINPUT: what was to be read is not there
    case "DEVICE_UNAVAILABLE":
    case "DEVICE_NO_HALF":
    case "SENSOR_UNAVAILABLE":
      return 69; // EX_UNAVAILABLE
    case "HALF_OVERFLOW":
    case "ENGINE_MEMORY":
    case "ENGINE_FAILED":
    case "ENGINE_DIED":
    case "ENGINE_HUNG":
    case "ENDED_WITHOUT_ANSWER":
      return 70; // EX_SOFTWARE: the computation itself failed
    case "WEIGHTS_NOT_WRITABLE":
    case "WEIGHTS_FOLDER_GONE":
    case "OUTPUT_NOT_WRITABLE":
    case "OUTPUT_EXISTS":
    case "FOLDER_IS_LINK":
    case "LINK_LEADS_NOWHERE":
      return 73; // EX_CANTCREAT
    case "DISK_FULL":
    case "SAVE_FAILED":
    case "SAVE_NOT_VERIFIED":
    case "OUTPUT_INCOMPLETE":
      return 74; // EX_IOERR
    case "WEIGHTS_IN_USE":
    case "ARTIFACT_CHANGED":
    case "SCRIPT_STILL_RUNS":
      return 75; // EX_TEMPFAIL: works once the other training has ended, or the file is written
    case "CONFIG_NOT_JSON":
    case "CONFIG_UNKNOWN_KEY":
    case "CONFIG_KEY_TWICE":
    case "CONFIG_INVALID":
    case "CONFIG_NOT_FOUND":
      return 78; // EX_CONFIG
    case "PROGRAM_NOT_EXECUTABLE":
      return 126; // as a shell says it
    case "PROGRAM_NOT_FOUND":
      return 127;
  }
}

/** The exit code of any thrown value. */
export function exitCodeOfError(error: unknown): number {
  return isGuardapesosError(error) ? exitCodeOf(error.code) : bugExitCode;
}

/** The exit code of a run's end. */
export function exitCodeOfEnd({ how, signal, code }: RunEventOf<"ended">): number {
  switch (how) {
    case "finished":
    case "limit":
      return 0;
    case "stopped":
      return exitCodeOfStop(signal);
    case "overheated":
      return overheatedExitCode;
    case "failed":
      return code === undefined ? bugExitCode : exitCodeOf(code);
  }
}
