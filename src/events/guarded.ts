/**
 * What a guarded process tells: somebody else's training, that `guardapesos run` has started. Its agent's messages
 * (docs/guard-agent.md) become these events. Lengths of time are in seconds; `pid` is the process that it is about, `rank` its
 * number in a distributed job (absent without one).
 *
 * Heat, stops, backups and problems of the store are told as by our own trainings; so is the end, with `child`.
 */
import type { Damage } from "../base/errors.js";

/** Which process of a guarded training. */
export interface GuardedProcess {
  readonly pid: number;
  readonly rank?: number | undefined;
}

/** Where a guarded training stands, as its agent counts. */
export interface GuardedPlace {
  /** Batch boundaries so far in this process. */
  readonly batches: number;
  /** Calls of `optimizer.step` so far in this process, of all optimizers together. */
  readonly steps: number;
}

export type GuardedPhase = "import" | "first-batch" | "train" | "save" | "eval";

/** Why the agent is not in the process. */
export type AgentMissing =
  | "not-wanted" // --no-agent
  | "no-python" // what was started is no Python, and starts none
  | "isolated" // -I, -E, -S, an emptied environment, or Python's embeddable package: PYTHONPATH is not read
  | "too-old" // older than 3.8
  | "no-torch" // Python without PyTorch
  | "no-answer"; // none of these is known to be the cause, and nobody has connected

/** Why a process is paused. */
export type PauseCause = "heat" | "critical-heat" | "terminal" | "asked";

/** Why the agent is asked for a snapshot. */
export type SnapshotReason = "auto" | "interrupt" | "cool-down" | "stop" | "critical" | "asked";

/** Why there is none: no torch, no weights found, the weights that the script saves are copies, or an error. */
export type NoSnapshot = "no-torch" | "no-weights" | "copies" | "error";

/** A file of a guarded training: where the bytes lie, and what the script calls it. */
export interface GuardedFile {
  /** The script's own path, where there is one. */
  readonly path: string;
  readonly bytes: number;
}

/** A value of a snapshot that is not asked anew: as it stood at the script's last save. */
export interface AsSaved {
  /** Where it stands in the script's structure, such as `epoch`. */
  readonly key: string;
  /** Shown as text, cut short. */
  readonly value: string;
  /** Age of that save. */
  readonly seconds: number;
}

/** What is doubtful about a checkpoint that a script has saved. */
export type Doubt =
  /** The proof of wholeness failed. */
  | { readonly kind: "not-whole"; readonly damage: Damage }
  /** So many of its values are NaN or infinite. */
  | { readonly kind: "not-finite"; readonly values: number }
  /** The weights are those of checkpoint `since`, although their optimizer has stepped. */
  | { readonly kind: "unchanged"; readonly since: string; readonly steps: number }
  /** The files bear no proof: neither whole nor damaged. */
  | { readonly kind: "unproven" };

/** What ended a process that was not asked to end. */
export type CrashCause =
  /** `text` is the exception's own, its first 2,000 characters; `where` "file:line". */
  | {
      readonly kind: "exception" | "out-of-memory" | "cuda";
      readonly type: string;
      readonly text: string;
      readonly where: string | undefined;
    }
  | { readonly kind: "signal"; readonly signal: string }
  /** SIGKILL, and the system says that it was for lack of memory. */
  | { readonly kind: "memory-killer" }
  /** `code` as the system has it, on Windows its status. */
  | { readonly kind: "exit-code"; readonly code: number };

/** What a script does not take up again when it is started from its weights. */
export type NotRestored =
  | "optimizer"
  | "scheduler"
  | "scaler"
  | "epoch"
  | "resolution"
  | "alpha"
  | "random-state"
  | "data-order"
  | "half-step" // gradients that were being accumulated
  | "log-step"; // TensorBoard's counter

/** Why a process that has ended is not started again. */
export type NoRestart =
  | "no-recipe" // nothing says how it takes up its weights
  | "failed-at-start" // it had not trained yet
  | "no-progress" // the last starts brought no new checkpoint
  | "used-up"; // --restart N

/** What the agent wants said, and is not worth an event of its own. */
export type AgentNotice =
  | "screen-gone" // nobody reads its output any more: what it prints is thrown away, and it goes on
  | "sitecustomize-failed" // the user's own raised an error
  | "not-finite" // weights that are not numbers
  | "set-unmet" // nothing has assigned what --set names
  | "set-failed" // a constant could not be set
  | "thread-failed" // an exception has ended another thread than the main one
  | "other";

export interface GuardedEventData {
  /** `guardapesos run` begins: the store is open, nothing is started yet. */
  "guard-started": {
    /** As it was typed. */
    readonly command: readonly string[];
    readonly folder: string;
    readonly weights: string;
    readonly series: string;
    /** The newest whole checkpoint of this series; absent where there is none. */
    readonly newest: string | undefined;
  };
  "child-started": {
    readonly pid: number;
    /** With what `--set`, `--resume-args` and the like have made of it. */
    readonly command: readonly string[];
    /** 1 for the first start, 2 after the first restart. */
    readonly attempt: number;
    /** The checkpoint that it was given to go on from; absent where it begins anew or looks for itself. */
    readonly from: string | undefined;
  };
  "child-ended": {
    readonly pid: number;
    /** Exactly one of the two. */
    readonly code: number | undefined;
    readonly signal: string | undefined;
    readonly seconds: number;
    /** It was interrupted by us before. */
    readonly interrupted: boolean;
  };
  "agent-connected": GuardedProcess & {
    /** "3.12.3". */
    readonly python: string;
    readonly executable: string;
    /** Absolute path of the script; absent for `-m` and `-c`. */
    readonly script: string | undefined;
    /** Of `-m`. */
    readonly module: string | undefined;
    /** Processes of the distributed job. */
    readonly world?: number | undefined;
  };
  /** The process goes on, guarded without it as far as that is possible. */
  "agent-missing": { readonly reason: AgentMissing };
  /** The connection broke before the process ended: it goes on, its saves stay whole. */
  "agent-lost": GuardedProcess;
  /** It has imported PyTorch. `devices`: names of its cards; absent while that is not known. */
  "torch-found": GuardedProcess & {
    readonly version: string;
    readonly devices: readonly string[] | undefined;
  };
  /** It has run its first optimizer step: from now on it is one of those that are interrupted and paused. */
  trains: GuardedProcess;
  /** `seconds`: how long the phase before took. */
  phase: GuardedProcess & { readonly name: GuardedPhase; readonly seconds: number };
  /** The sign of life: a few times a second while batches pass, else every 5 s. */
  beat: GuardedProcess &
    GuardedPlace & {
      /** Smoothed; absent before the second batch. */
      readonly batchSeconds: number | undefined;
      readonly phase: GuardedPhase;
      readonly paused: boolean;
      /** Rest at each boundary for the temperature; absent without. */
      readonly rest?: number | undefined;
    };
  /** What the script has given to a progress bar or a log, at most once a second. */
  metrics: GuardedProcess & {
    readonly source: "tqdm" | "tensorboard";
    readonly values: { readonly [name: string]: number };
    /** Of a bar. */
    readonly done: number | undefined;
    readonly total: number | undefined;
    /** Of a log. */
    readonly step: number | undefined;
  };
  "script-saving": GuardedProcess & { readonly path: string };
  /** A save of the script is whole on disk. */
  "script-saved": GuardedProcess &
    GuardedPlace & {
      readonly path: string;
      readonly bytes: number;
      readonly seconds: number;
      /** It was replaced in one piece. False for an open file, and where `sibling` has the bytes. */
      readonly atomic: boolean;
      /** The file that holds the save where `path` could not be replaced. */
      readonly sibling: string | undefined;
    };
  /** The exception has gone on to the script. */
  "script-save-failed": GuardedProcess & {
    readonly path: string;
    /** The exception: its type, and its own text. */
    readonly error: { readonly type: string; readonly text: string };
  };
  /** The script's live state is whole on disk, and on its way into the store. */
  snapshot: GuardedProcess &
    GuardedPlace & {
      readonly reason: SnapshotReason;
      readonly bytes: number;
      readonly seconds: number;
      /** In the script's own structure, or in the seed page's, before its first save. */
      readonly form: "script" | "seed";
      readonly asSaved: readonly AsSaved[];
    };
  /** `detail`: the words of an exception; empty without. */
  "no-snapshot": GuardedProcess & {
    readonly reason: SnapshotReason;
    readonly why: NoSnapshot;
    readonly detail: string;
  };
  /** A finished checkpoint or a snapshot was taken into the store, read back and found right. */
  "checkpoint-kept": {
    readonly id: string;
    /** The script's own save, a snapshot of ours, or what was found by looking. */
    readonly source: "script" | "snapshot" | "found";
    readonly files: readonly GuardedFile[];
    readonly folder: string;
    readonly bytes: number;
    readonly seconds: number;
    /** Absent without an agent. */
    readonly place: GuardedPlace | undefined;
    readonly nonFinite: number;
    /** How many more the disk has room for; absent where it does not say. */
    readonly savesLeft: number | undefined;
  };
  /** `id`: where it was kept all the same; absent where it was not. */
  "checkpoint-doubtful": {
    readonly files: readonly string[];
    readonly id: string | undefined;
    readonly doubt: Doubt;
  };
  /** An interrupted script had not saved since the snapshot: a copy of it lies beside the script's files. */
  "emergency-copied": { readonly id: string; readonly files: readonly GuardedFile[] };
  /** Ctrl+C and the like, before anything is done about it. */
  "interrupt-asked": {
    /** A signal, or `stop`, `time`, `parent`, `heat`. */
    readonly signal: string;
    readonly times: number;
    /** What is waited for: the end of the batch, of a save or a snapshot under way, or the script's own handler. */
    readonly awaits: "boundary" | "save" | "snapshot" | "script";
    /** About how long a batch takes; absent while that is not known. */
    readonly batchSeconds: number | undefined;
  };
  /** The one interrupt has been delivered. */
  interrupted: GuardedProcess & {
    readonly signal: string;
    /** Between two batches, in the middle of one because none ended in time, or outside the training loop; `group`: without an agent. */
    readonly where: "boundary" | "step" | "main-thread" | "group";
  };
  /** It has not ended since. It is never killed; `command` is what would. */
  "interrupt-ignored": {
    readonly pids: readonly number[];
    readonly seconds: number;
    readonly command: string;
  };
  "child-paused": GuardedProcess & {
    readonly cause: PauseCause;
    /** Between two batches by its agent, or stopped by the system wherever it was. */
    readonly where: "boundary" | "anywhere";
  };
  "child-resumed": GuardedProcess & { readonly cause: PauseCause; readonly seconds: number };
  /** A line of the script, or of a module that it imports, stands otherwise for this run. */
  "set-replaced": {
    readonly name: string;
    /** Absent for the script itself. */
    readonly module: string | undefined;
    readonly file: string;
    readonly line: number;
    /** Source text, before and now. */
    readonly old: string;
    readonly value: string;
    readonly as: "expression" | "string";
    /** An expression that was perhaps meant as a text: `2026-11-30`, or `max` where a text stood. */
    readonly doubt?: boolean | undefined;
  };
  /** No sign of progress for longer than has been learnt of this phase. */
  hang: GuardedProcess & {
    readonly phase: GuardedPhase;
    readonly seconds: number;
    /** The longest so far; absent where there was none. */
    readonly usual: number | undefined;
    /** With `--hang-kill`: how long until it is killed. */
    readonly killAfter: number | undefined;
  };
  "hang-over": GuardedProcess & { readonly seconds: number };
  /** What all threads are doing. `text` is Python's, at most 20,000 characters. */
  stacks: GuardedProcess & { readonly why: "hang" | "asked"; readonly text: string };
  /** It ended, and nobody had asked it to. */
  crash: GuardedProcess & { readonly cause: CrashCause };
  restarting: {
    /** The one that comes: 1 for the first restart, of at most `most`. */
    readonly restart: number;
    readonly most: number;
    readonly waitSeconds: number;
    readonly from: string | undefined;
    readonly cause: "crash" | "heat" | "hang";
    readonly notRestored: readonly NotRestored[];
  };
  "restart-refused": { readonly reason: NoRestart };
  /** `detail`: names and texts of the script, or of Python; empty without. */
  "agent-notice": GuardedProcess & { readonly what: AgentNotice; readonly detail: string };
}

/** How a guarded process has ended: a part of `ended`. */
export interface ChildEnd {
  /** What messages call it: the file name of the script, else the command's. */
  readonly name: string;
  /** The exit code that `run` ends with. */
  readonly exitCode: number;
  /** Whose it is: the script's own, or what guardapesos says for a stop, heat or a failed save. */
  readonly codeOf: "script" | "guardapesos";
}
