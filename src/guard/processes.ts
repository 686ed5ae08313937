/**
 * The processes of a guarded training as their agents tell of them, and which of them is meant: pure. A process is a value;
 * each message makes the next one.
 */
import type { AgentMessage, Hello } from "./protocol.js";
import type { GuardedPhase } from "../events/guarded.js";

/** A save of the script that has begun. `since`: seconds on the guard's clock. */
export interface SaveUnderWay {
  readonly path: string;
  readonly since: number;
}

export interface ProcessState {
  readonly hello: Hello;
  /** Of PyTorch, once it is imported. */
  readonly torch: string | undefined;
  /** It has run an optimizer step. */
  readonly trains: boolean;
  readonly phase: GuardedPhase;
  /** Seconds on the guard's clock, as all times here. */
  readonly phaseSince: number;
  /** When it last got on: a boundary, a step, another phase, a save. */
  readonly progressAt: number;
  readonly heardAt: number;
  readonly batches: number;
  readonly steps: number;
  readonly batchSeconds: number | undefined;
  readonly paused: boolean;
  readonly saves: ReadonlyMap<number, SaveUnderWay>;
  /** Whether its last save has failed. */
  readonly saveFailed: boolean;
  /** Its interpreter has said that it ends. */
  readonly leaving: boolean;
}

/** A process that has just said who it is. */
export function firstState(hello: Hello, now: number): ProcessState {
  return {
    hello,
    torch: undefined,
    trains: hello.spawned,
    phase: "import",
    phaseSince: now,
    progressAt: now,
    heardAt: now,
    batches: 0,
    steps: 0,
    batchSeconds: undefined,
    paused: false,
    saves: new Map(),
    saveFailed: false,
    leaving: false,
  };
}

/** A map without a key. */
function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  return new Map([...map].filter(([known]) => known !== key));
}

/** The process after one more message. @param now seconds on the guard's clock */
export function afterMessage(process: ProcessState, message: AgentMessage, now: number): ProcessState {
  const heard = { ...process, heardAt: now };
  switch (message.t) {
    case "torch":
      return { ...heard, torch: message.version };
    case "trains":
      return { ...heard, trains: true, progressAt: now };
    case "phase":
      return { ...heard, phase: message.name, phaseSince: now, progressAt: now };
    case "beat": {
      const { batches, steps, batchSeconds, phase, paused } = message;
      const isFurther = batches !== process.batches || steps !== process.steps || phase !== process.phase;
      return {
        ...heard,
        ...{ batches, steps, batchSeconds, phase, paused },
        phaseSince: phase === process.phase ? process.phaseSince : now,
        progressAt: isFurther ? now : process.progressAt,
      };
    }
    case "save-started":
      return {
        ...heard,
        progressAt: now,
        saves: new Map([...process.saves, [message.save, { path: message.path, since: now }]]),
      };
    case "saved":
    case "save-failed":
      return {
        ...heard,
        progressAt: now,
        saves: without(process.saves, message.save),
        saveFailed: message.t === "save-failed",
      };
    case "pausing":
      return { ...heard, paused: true };
    case "resumed":
      return { ...heard, paused: false, progressAt: now };
    case "exit":
      return { ...heard, leaving: true };
    default:
      return heard;
  }
}

/** A process of `processes` that has another one of them below it, however deep: a launcher. */
function isLauncher({ hello }: ProcessState, processes: readonly ProcessState[]): boolean {
  return processes.some((other) => other.hello.ppid === hello.pid);
}

/**
 * The processes that are meant by an interrupt, a pause or a snapshot: those that train. Before any does, those that have
 * imported PyTorch, then any; of these never one that has started another (a launcher waits for its child).
 */
export function mainProcesses(processes: readonly ProcessState[]): readonly ProcessState[] {
  const present = processes.filter(({ leaving }) => !leaving);
  const training = present.filter(({ trains }) => trains);
  if (training.length > 0) return training;
  const leaves = present.filter((one) => !one.hello.spawned && !isLauncher(one, present));
  const withTorch = leaves.filter(({ torch }) => torch !== undefined);
  return withTorch.length > 0 ? withTorch : leaves;
}

/** Whether these are ranks of one distributed job, which have to stop at the same batch. */
export function areRanks(mains: readonly ProcessState[]): boolean {
  return mains.length > 1 && mains.every(({ hello }) => hello.rank !== undefined);
}

/** Boundaries between the farthest rank and the one at which all stop: they go on while the message is under way. */
const batchesAhead = 2;

/**
 * The batch at whose boundary all ranks stop; null for a single process, which stops at its next one.
 * The faster batches are, the more of them pass until every rank has read the message: half a second of them at least.
 */
export function commonBatch(mains: readonly ProcessState[]): number | null {
  if (!areRanks(mains)) return null;
  const farthest = Math.max(...mains.map(({ batches }) => batches));
  const fastest = Math.min(...mains.map(({ batchSeconds }) => batchSeconds ?? 1));
  return farthest + batchesAhead + Math.ceil(0.5 / Math.max(fastest, 0.001));
}

/** What an interrupt has to wait for now. */
export function awaited(mains: readonly ProcessState[], delivered: boolean): "boundary" | "save" | "script" {
  if (mains.some(({ saves }) => saves.size > 0)) return "save";
  return delivered || mains.length === 0 ? "script" : "boundary";
}
