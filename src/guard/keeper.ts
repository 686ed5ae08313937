/**
 * Takes each finished checkpoint of a guarded script into the store: the files that belong together, proven whole, counted and
 * compared with those before. It works beside the training and one checkpoint at a time; where the script saves faster than
 * they can be kept, the newest one is, and those between are left out. Nothing of the script's is ever written to.
 */
import { isGuardapesosError, reasonOf } from "../base/errors.js";
import type { Emit, RunEventOf } from "../events/event.js";
import type { GuardedFile, SnapshotReason } from "../events/guarded.js";
import type { Agent, Agents } from "./agents.js";
import {
  artifactNames,
  withEnd,
  withSave,
  withSteps,
  withTime,
  type FinishedSave,
  type Grouped,
  type OpenGroups,
  type SaveGroup,
} from "./grouping.js";
import type { ProcessState } from "./processes.js";
import { isRepeated, prove, type Content } from "./proof.js";
import type { AgentMessage, AgentMessageOf } from "./protocol.js";
import type { Stage } from "./stage.js";

/** A file on its way into the store. */
export interface FileToKeep {
  /** In the generation. */
  readonly name: string;
  readonly medium: "torch" | "safetensors" | "opaque";
  readonly bytes: number;
  /** Where its bytes lie. */
  readonly from: string;
  /** The script's own path; undefined for a file of a snapshot that the script has never saved. */
  readonly path: string | undefined;
}

/** A set of files on its way into the store. */
export interface Checkpoint {
  readonly source: "script" | "snapshot" | "found";
  readonly reason: SnapshotReason | undefined;
  readonly files: readonly FileToKeep[];
  readonly pid: number;
  readonly steps: number;
  readonly batches: number;
  /** What else is to be known: the form of a snapshot, what in it is as at the last save. */
  readonly notes: { readonly [key: string]: unknown };
}

export interface Kept {
  readonly id: string;
  readonly folder: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly savesLeft: number | undefined;
}

export interface Keeper {
  /** Waits until all that is finished is kept. @param ended the processes have: every group is complete */
  readonly flush: (ended: boolean) => Promise<void>;
  /** A file of which no agent has told. */
  readonly found: (path: string, bytes: number) => void;
  /** Whether an agent has told of a file. */
  readonly isTold: (path: string) => boolean;
  /** The files of the script's newest checkpoint that was found whole. */
  readonly newest: () => readonly GuardedFile[];
  /** Whether the newest checkpoint could not be kept, or was not whole. */
  readonly failed: () => boolean;
  /** NaN values in the newest. */
  readonly nonFinite: () => number;
  /** Checkpoints kept so far: what tells whether a restart is of use. */
  readonly count: () => number;
  readonly close: () => void;
}

export interface KeeperOptions {
  readonly agents: Agents;
  readonly stage: Stage;
  readonly keep: (checkpoint: Checkpoint) => Promise<Kept>;
  readonly emit: Emit;
  /** Seconds on the guard's clock. */
  readonly now: () => number;
  /** Told once each checkpoint has been kept, or could not be. */
  readonly done?: (checkpoint: Checkpoint, kept: Kept | undefined) => void;
}

/** What was in the files of a name, when they were kept. */
interface Before {
  readonly id: string;
  readonly steps: number;
  readonly pid: number;
  readonly content: Content;
}

const mediumOf = (format: string, path: string): FileToKeep["medium"] =>
  format === "safetensors" || path.endsWith(".safetensors") ? "safetensors" : "torch";

/** A checkpoint out of files that a script has saved. */
function ofGroup({ pid, steps, batches, saves }: SaveGroup): Checkpoint {
  const imageSide = saves.at(-1)?.imageSide;
  const names = artifactNames(saves.map(({ path }) => path));
  const files = saves.map(({ path, source: from, format, bytes }, i) => ({
    name: names[i]!,
    medium: mediumOf(format, path),
    bytes,
    from,
    path,
  }));
  return {
    source: "script",
    reason: undefined,
    files,
    pid,
    steps,
    batches,
    notes: imageSide ? { imageSide } : {},
  };
}

/** A checkpoint out of a snapshot. */
function ofSnapshot(state: ProcessState, message: AgentMessageOf<"snapshot">): Checkpoint {
  const { reason, steps, batches, form, asSaved, imageSide } = message;
  const ownNames = message.files.map(({ path, as, network }) => as ?? (network ? `${network}.pth` : path));
  const names = artifactNames(ownNames);
  const files = message.files.map(({ path: from, as: path }, i) => {
    const medium = mediumOf("torch", path ?? from);
    return { name: names[i]!, medium, bytes: 0, from, path };
  });
  const notes = { form, ...(asSaved.length > 0 && { asSaved }), ...(imageSide && { imageSide }) };
  return { source: "snapshot", reason, files, pid: state.hello.pid, steps, batches, notes };
}

/** Whether it must be kept whatever else waits. */
const isPrecious = ({ source, reason }: Checkpoint): boolean => source === "snapshot" && reason !== "auto";

/** Whether the later one takes the place of the earlier one. */
function isSameKind(earlier: Checkpoint, later: Checkpoint): boolean {
  if (earlier.source !== later.source || earlier.pid !== later.pid) return false;
  return later.source !== "found" || earlier.files[0]?.path === later.files[0]?.path;
}

export function createKeeper({ agents, stage, keep, emit, now, done }: KeeperOptions): Keeper {
  let open: OpenGroups = new Map();
  let waiting: readonly Checkpoint[] = [];
  let working: Promise<void> | undefined;
  const before = new Map<string, Before>();
  const told = new Set<string>();
  let newest: readonly GuardedFile[] = [];
  let [failed, nonFinite, count] = [false, 0, 0];

  const give = (checkpoint: Checkpoint): void => {
    // One that nobody has begun on is out of date now.
    const outdated = waiting.filter((one) => !isPrecious(one) && isSameKind(one, checkpoint));
    for (const one of outdated) stage.drop(one.files.map(({ from }) => from));
    waiting = [...waiting.filter((one) => !outdated.includes(one)), checkpoint];
    working ??= work().finally(() => (working = undefined));
  };
  const take = ({ open: left, complete }: Grouped): void => {
    open = left;
    for (const group of complete) give(ofGroup(group));
  };

  async function work(): Promise<void> {
    // After what has come in the same turn.
    await Promise.resolve();
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      waiting = waiting.slice(1);
      await keepOne(next);
      stage.drop(next.files.map(({ from }) => from));
    }
  }

  /** The contents of its files; undefined where one is not whole, which is told. */
  async function examine(checkpoint: Checkpoint): Promise<(Content | undefined)[] | undefined> {
    const contents: (Content | undefined)[] = [];
    for (const file of checkpoint.files) {
      const proof = file.medium === "opaque" ? undefined : await prove(file.from, file.medium);
      if (proof?.whole === false) {
        const damage = { ...proof.fault, file: file.path ?? file.name };
        const files = checkpoint.files.map(({ path, name }) => path ?? name);
        emit({ type: "checkpoint-doubtful", files, id: undefined, doubt: { kind: "not-whole", damage } });
        return undefined;
      }
      contents.push(proof?.content);
    }
    return contents;
  }

  async function keepOne(checkpoint: Checkpoint): Promise<void> {
    const size = (file: FileToKeep): number => stage.bytes(file.from) ?? file.bytes;
    const files = checkpoint.files.map((file) => ({ ...file, bytes: size(file) }));
    try {
      const contents = await examine({ ...checkpoint, files });
      if (contents === undefined) {
        failed = true;
        done?.(checkpoint, undefined);
        return;
      }
      // The script's own files are whole, whatever becomes of our copy.
      if (checkpoint.source !== "snapshot")
        newest = files.map(({ path, name, bytes }) => ({ path: path ?? name, bytes }));
      const kept = await keep({ ...checkpoint, files });
      tellKept({ ...checkpoint, files }, contents, kept);
      done?.(checkpoint, kept);
    } catch (error) {
      const isOurs = isGuardapesosError(error);
      // It was overwritten before it was copied: the newer one is on its way.
      if (isOurs && error.code === "ARTIFACT_CHANGED" && !isPrecious(checkpoint)) return;
      failed = true;
      emit({
        type: "save-failed",
        kind: checkpoint.source !== "snapshot" ? "epoch" : isPrecious(checkpoint) ? "emergency" : "auto",
        code: isOurs ? error.code : undefined,
        data: isOurs ? error.data : undefined,
        message: reasonOf(error),
        failures: 1,
        retrySeconds: undefined,
      } as RunEventOf<"save-failed">);
      done?.(checkpoint, undefined);
    }
  }

  function tellKept(checkpoint: Checkpoint, contents: readonly (Content | undefined)[], kept: Kept): void {
    const { files, source, steps, batches, pid } = checkpoint;
    const bad = contents.reduce((sum, content) => sum + (content?.nonFinite ?? 0), 0);
    const shown = files.map(({ path, name, bytes }) => ({ path: path ?? name, bytes }));
    [failed, nonFinite, count] = [false, bad, count + 1];
    emit({
      type: "checkpoint-kept",
      ...kept,
      source,
      files: shown,
      place: source === "found" ? undefined : { batches, steps },
      nonFinite: bad,
    });
    const doubts = (doubt: RunEventOf<"checkpoint-doubtful">["doubt"]): void =>
      emit({ type: "checkpoint-doubtful", files: shown.map(({ path }) => path), id: kept.id, doubt });
    if (bad > 0) doubts({ kind: "not-finite", values: bad });
    if (contents.some((content) => content === undefined)) doubts({ kind: "unproven" });
    const known = files.flatMap((file, i) => {
      const [content, last] = [contents[i], before.get(file.path ?? file.name)];
      return content && last?.pid === pid ? [{ content, last }] : [];
    });
    const repeated = known.filter(({ content, last }) =>
      isRepeated(last.content, content, steps - last.steps),
    );
    // Another network of the same checkpoint may rest while one is trained: all of them have to.
    const [first] = repeated;
    if (first && repeated.length === known.length)
      doubts({ kind: "unchanged", since: first.last.id, steps: steps - first.last.steps });
    files.forEach((file, i) => {
      const content = contents[i];
      if (content) before.set(file.path ?? file.name, { id: kept.id, steps, pid, content });
    });
  }

  const finished = ({ state }: Agent, message: AgentMessageOf<"saved">): FinishedSave => {
    const { path, sibling, format, bytes, steps, batches, atomic, imageSide } = message;
    const lies = sibling ?? path;
    // What was replaced in one piece is never written to again: another name for it keeps its bytes.
    const source = atomic || sibling !== undefined ? stage.hold(lies) : lies;
    return { pid: state.hello.pid, path, source, format, bytes, steps, batches, imageSide, at: now() };
  };
  const saving = (): ReadonlySet<number> =>
    new Set(agents.all().flatMap(({ state }) => (state.saves.size > 0 ? [state.hello.pid] : [])));

  const heard = (agent: Agent, message: AgentMessage): void => {
    const { state } = agent;
    if (message.t === "saved") {
      told.add(message.path);
      const save = finished(agent, message);
      const replaced = open.get(save.pid)?.saves.filter(({ path }) => path === save.path) ?? [];
      if (open.get(save.pid)?.steps === save.steps) stage.drop(replaced.map(({ source }) => source));
      take(withSave(open, save));
    } else if (message.t === "snapshot") give(ofSnapshot(state, message));
    else if (message.t === "beat")
      take(withSteps(open, state.hello.pid, message.steps, state.saves.size > 0));
    else if (message.t === "exit") take(withEnd(open, state.hello.pid));
  };
  agents.observe({
    message: heard,
    closed: ({ state }) => take(withEnd(open, state.hello.pid)),
  });
  const timer = setInterval(() => take(withTime(open, now(), saving())), 1000);
  timer.unref();

  return {
    async flush(ended) {
      if (ended) for (const pid of open.keys()) take(withEnd(open, pid));
      while (working) await working;
    },
    found(path, bytes) {
      const [name = ""] = artifactNames([path]);
      const file = { name, medium: mediumOf("torch", path), bytes, from: path, path };
      give({ source: "found", reason: undefined, files: [file], pid: 0, steps: 0, batches: 0, notes: {} });
    },
    isTold: (path) => told.has(path),
    newest: () => newest,
    failed: () => failed,
    nonFinite: () => nonFinite,
    count: () => count,
    close: () => clearInterval(timer),
  };
}
