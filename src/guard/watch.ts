/**
 * Keeps the finished checkpoints of a training that somebody else started, by looking: what is still and proves itself becomes a
 * verified generation, once. Nothing in the folder is ever written to, renamed or linked.
 */
import { realpath } from "node:fs/promises";
import { relative } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { GuardapesosError, isGuardapesosError, reasonOf, type Damage } from "../base/errors.js";
import type { FolderProblem } from "../base/folder-problem.js";
import type { Emit } from "../events/event.js";
import type { Artifact, CheckpointKind, JsonObject, SaveReport } from "../store/index.js";
import { guardedFolder } from "../store/index.js";
import { judgeForeign, type ForeignCheckpoint } from "../torch/folders/index.js";
import {
  familyOf,
  setsOf,
  stillFor,
  storedNames,
  withLook,
  type LooseFile,
  type Standings,
} from "./finished.js";
import { fileOf, isOfStore, look, stateOf, type Found } from "./look.js";
import type { WatchedFolder } from "./watched-folder.js";

export interface WatchOptions {
  /** Absolute. */
  readonly path: string;
  /** Absolute. */
  readonly weights: string;
  /** Ends when nothing is left that has to be waited for. */
  readonly once: boolean;
  readonly kind: Extract<CheckpointKind, "epoch" | "imported">;
  /** Seconds between two looks. */
  readonly every: number;
}

export interface WatchReport {
  readonly kept: readonly string[];
  /** Checkpoints that are not whole. */
  readonly broken: readonly string[];
  /** Those that were still being written when it ended. */
  readonly unfinished: readonly string[];
}

/** Looks during which a checkpoint must not change; one whose files cannot prove that they are whole, and one that is not. */
const looksStill = { proven: 1, unproven: 3, broken: 6 } as const;
/** Seconds after which `once` does not wait any more for what still changes. */
const onceAtMost = 120;
/** Seconds until a save that has failed is tried again. */
const retryAfter = 60;

interface Judged {
  readonly found: Found;
  readonly checkpoint: ForeignCheckpoint;
}

/**
 * @param stop ends it after the save under way
 * @throws what a store throws when `once` is set and a checkpoint cannot be kept; WEIGHTS_FOLDER_GONE, WEIGHTS_IN_USE always
 */
export async function watch(
  folder: WatchedFolder,
  options: WatchOptions,
  emit: Emit,
  stop: AbortSignal,
): Promise<WatchReport> {
  const { path, weights, once, every } = options;
  const isLeftOut = isOfStore(weights, guardedFolder);
  const keeper = createKeeper(folder, options, emit);
  let standings: Standings = new Map();
  const started = seconds();
  let waiting: readonly Found[] = [];
  for (let first = true; !stop.aborted; first = false) {
    const found = await look(path, isLeftOut).catch((error: unknown) => {
      if (first) throw new GuardapesosError("FOLDER_NOT_READABLE", { folder: path, reason: reasonOf(error) });
      return []; // it was unmounted or moved, and may come back
    });
    const now = seconds();
    standings = withLook(standings, found, now);
    waiting = await keeper.keepFinished(found, (one) => stillFor(standings, one.path, now) / every, stop);
    const isDone = waiting.length === 0 || now - started > onceAtMost;
    if (once && isDone) break;
    // A folder with tens of thousands of files is not looked at all the time.
    const rest = 1000 * Math.max(every, 5 * (seconds() - now));
    await wait(rest, undefined, { signal: stop }).catch(() => undefined);
  }
  return { ...keeper.report(), unfinished: waiting.map((one) => one.path) };
}

const seconds = (): number => performance.now() / 1000;

function createKeeper(folder: WatchedFolder, { once, kind, path }: WatchOptions, emit: Emit) {
  const kept: string[] = [];
  const done = new Set<string>();
  const broken = new Set<string>();
  /** Judged in this state, by path. */
  const known = new Map<string, Judged>();
  /** States that were told of, by path. */
  const told = new Map<string, string>();
  const failed = new Map<string, number>();
  const unprovenKinds = new Set<string>();

  const tellOnce = (found: Found, tell: () => void): void => {
    if (told.get(found.path) === found.signature) return;
    told.set(found.path, found.signature);
    tell();
  };

  async function judge(found: Found): Promise<Judged | undefined> {
    const before = known.get(found.path);
    if (before?.found.signature === found.signature) return before;
    try {
      const judged = { found, checkpoint: await judgeForeign(found.candidate) };
      // Read while it was written to, it says nothing.
      if ((await stateOf(found.candidate)).signature !== found.signature) return undefined;
      known.set(found.path, judged);
      return judged;
    } catch (error) {
      if (isGuardapesosError(error) && error.code !== "TORCH_FILE_UNREADABLE") throw error;
      const isThere = await stateOf(found.candidate).then(({ signature }) => signature === found.signature, () => false); // prettier-ignore
      // It has gone, as a script removes its older ones.
      if (!isThere) return undefined;
      const damage: Damage = { file: found.path, reason: "unreadable", detail: reasonOf(error) };
      tellOnce(found, () => {
        broken.add(found.path);
        emit({
          type: "checkpoint-doubtful",
          files: [found.path],
          id: undefined,
          doubt: { kind: "not-whole", damage },
        });
      });
      return undefined;
    }
  }

  /** What is still, and whole as far as can be seen; and what has to be waited for. */
  async function ready(
    found: readonly Found[],
    looks: (one: Found) => number,
  ): Promise<{ readonly ready: Judged[]; readonly waiting: Found[] }> {
    const result = { ready: [] as Judged[], waiting: [] as Found[] };
    for (const one of found) {
      // By hand, whatever was kept before.
      if (kind === "imported" ? done.has(one.path) : folder.isKept(one.path, one.signature)) continue;
      if (looks(one) < looksStill.proven) {
        result.waiting.push(one);
        continue;
      }
      const judged = await judge(one);
      if (judged === undefined) continue;
      const { verdict, unseen } = judged.checkpoint;
      const isEmpty = unseen.includes("all-zeros");
      const needed = verdict === "not-whole" || isEmpty ? looksStill.broken : verdict === "unknown" ? looksStill.unproven : looksStill.proven; // prettier-ignore
      if (looks(one) < needed) result.waiting.push(one);
      else if (verdict === "not-whole") tellBroken(judged);
      else result.ready.push(judged);
    }
    return result;
  }

  function tellBroken({ found, checkpoint }: Judged): void {
    tellOnce(found, () => {
      broken.add(found.path);
      const damage = damageOf(found, checkpoint.problems[0]!);
      emit({
        type: "checkpoint-doubtful",
        files: [found.path],
        id: undefined,
        doubt: { kind: "not-whole", damage },
      });
    });
  }

  async function keep(set: readonly Judged[]): Promise<void> {
    const [{ found }] = set as readonly [Judged];
    const now = seconds();
    if (now - (failed.get(found.path) ?? -Infinity) < retryAfter) return;
    try {
      const report = await save(set);
      kept.push(report.generation.id);
      failed.delete(found.path);
      for (const one of set) {
        done.add(one.found.path);
        await folder.remember(one.found.path, one.found.signature);
        known.delete(one.found.path);
      }
      tellKept(set, report);
    } catch (error) {
      if (!isGuardapesosError(error)) throw error;
      // Written to, or removed, meanwhile: the next look takes what is there then.
      if (error.code === "ARTIFACT_CHANGED") return;
      if (once || error.code === "WEIGHTS_FOLDER_GONE" || error.code === "WEIGHTS_IN_USE") throw error;
      failed.set(found.path, now);
      emit({ type: "save-failed", kind, code: error.code, data: error.data, message: reasonOf(error), failures: 1, retrySeconds: retryAfter } as Parameters<Emit>[0]); // prettier-ignore
    }
  }

  async function save(set: readonly Judged[]): Promise<SaveReport> {
    const files = set.flatMap(({ found: { candidate }, checkpoint }) =>
      checkpoint.artifacts.map((artifact) => ({ ...artifact, path: fileOf(candidate, artifact.name) })),
    );
    const sources = await Promise.all(files.map(({ path: one }) => realpath(one).catch(() => one)));
    const names = storedNames(files.map(({ name }) => name));
    const artifacts = files.map(({ bytes, medium }, i): Artifact => ({
      name: names[i]!,
      medium,
      bytes,
      from: sources[i]!,
    }));
    folder.beforeCommit(async () => {
      for (const { found } of set) {
        const now = await stateOf(found.candidate).catch(() => undefined);
        if (now?.signature !== found.signature)
          throw new GuardapesosError("ARTIFACT_CHANGED", { file: found.path });
      }
    });
    const step = set.map(({ checkpoint }) => checkpoint.progress.step).find((one) => one !== undefined);
    try {
      return await folder.store.save({
        kind,
        ...(step !== undefined && { step }),
        reason: { why: "other", text: kind === "imported" ? "imported by hand" : "found by watching" },
        artifacts,
        metadata: metadataOf(set, files.map((file, i) => ({ name: names[i]!, path: file.path }))), // prettier-ignore
      });
    } finally {
      folder.beforeCommit(() => Promise.resolve());
    }
  }

  /** What a manifest says beside the files; `restore` reads where they were. */
  function metadataOf(
    set: readonly Judged[],
    files: readonly { readonly name: string; readonly path: string }[],
  ): JsonObject {
    const [{ checkpoint }] = set as readonly [Judged];
    const unseen = [...new Set(set.flatMap((one) => one.checkpoint.unseen))];
    const isPair = set.length > 1 && !unseen.includes("one-save");
    return {
      guarded: {
        source: "found",
        watched: path,
        kind: checkpoint.kind,
        verdict: set.every((one) => one.checkpoint.verdict === "whole") && !isPair ? "whole" : "unknown",
        unseen: [...unseen, ...(isPair ? ["one-save"] : [])],
        ...(checkpoint.progress as JsonObject),
        checkpoint: set.map(({ found }) => relative(path, found.path)),
        files: files.map((file) => ({ ...file })),
      },
    };
  }

  function tellKept(set: readonly Judged[], report: SaveReport): void {
    const { generation, seconds: took, savesLeft, stale } = report;
    const { id, bytes, nonFinite } = generation;
    const files = set.map(({ found }) => ({ path: found.path, bytes: found.bytes }));
    const paths = files.map((file) => file.path);
    emit({
      type: "checkpoint-kept",
      id,
      source: "found",
      files,
      folder: generation.folder,
      bytes,
      seconds: took,
      place: undefined,
      nonFinite,
      savesLeft,
    });
    const nan = Math.max(nonFinite, set.reduce((sum, { checkpoint }) => sum + checkpoint.nan, 0)); // prettier-ignore
    if (nan > 0) emit({ type: "checkpoint-doubtful", files: paths, id, doubt: { kind: "not-finite", values: nan } }); // prettier-ignore
    if (stale && typeof generation.parent === "string")
      emit({ type: "checkpoint-doubtful", files: paths, id, doubt: { kind: "unchanged", since: generation.parent, steps: 1 } }); // prettier-ignore
    const { kind: whose, verdict } = set[0]!.checkpoint;
    if (verdict !== "unknown" || unprovenKinds.has(whose)) return;
    unprovenKinds.add(whose);
    emit({ type: "checkpoint-doubtful", files: paths, id, doubt: { kind: "unproven" } });
  }

  return {
    /** @returns those that are not finished, or whose partner is not */
    async keepFinished(
      found: readonly Found[],
      looks: (one: Found) => number,
      stop: AbortSignal,
    ): Promise<readonly Found[]> {
      const { ready: whole, waiting } = await ready(found, looks);
      // The other file of its save may be the one that is being written.
      const families = new Set(waiting.map((one) => familyOf(one.path)).filter((one) => one !== undefined));
      const isWaiting = ({ found: { path: one } }: Judged) => families.has(familyOf(one) ?? "");
      const finished = whole.filter((one) => !isWaiting(one));
      for (const set of sets(finished)) {
        if (stop.aborted) break;
        await keep(set);
      }
      return [...waiting, ...whole.filter(isWaiting).map((one) => one.found)];
    },
    report: () => ({ kept, broken: [...broken] }),
  };
}

/** Oldest first: the newest is the newest generation. */
function sets(finished: readonly Judged[]): readonly (readonly Judged[])[] {
  const byPath = new Map(finished.map((one) => [one.found.path, one]));
  const loose = finished.map(({ found, checkpoint }): LooseFile => {
    const { path, bytes, changed, born } = found;
    return { path, bytes, changed, born, progress: checkpoint.progress };
  });
  const isFile = ({ path }: LooseFile) => byPath.get(path)!.found.candidate.is === "file";
  const grouped = [
    ...setsOf(loose.filter(isFile)),
    ...loose.filter((one) => !isFile(one)).map((one) => [one]),
  ];
  const newest = (set: readonly LooseFile[]) => Math.max(...set.map(({ changed }) => changed));
  return grouped.sort((a, b) => newest(a) - newest(b)).map((set) => set.map(({ path }) => byPath.get(path)!));
}

/** The first problem of a checkpoint, in the store's words. */
function damageOf({ path, candidate }: Found, problem: FolderProblem): Damage {
  const file = candidate.is === "file" ? path : fileOf(candidate, problem.file);
  switch (problem.reason) {
    case "missing":
      return { file, reason: "missing" };
    case "short":
      return { file, reason: "size", bytes: problem.bytes, expected: problem.expected };
    case "damaged":
    case "item": {
      const { where, opcode, offset, ...rest } = problem.problem;
      const place = { where, ...(opcode === undefined ? {} : { opcode }), offset };
      return { file, reason: "torch", problem: rest, place };
    }
    case "json":
      return { file, reason: "not-json" };
    case "not-renamed":
      return { file, reason: "unfinished" };
    case "tensor-missing":
      return { file, reason: "tensor-missing", where: problem.tensor };
    case "tensor-extra":
      return { file, reason: "tensor-foreign", where: problem.tensor };
    case "tensor-differs":
      return { file, reason: "tensor-changed", where: problem.tensor };
  }
}
