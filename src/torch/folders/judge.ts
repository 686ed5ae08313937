/** A checkpoint that another program wrote, a file or a folder: what it is, whether it is whole, and what is in it. */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { FolderProblem } from "../../base/folder-problem.js";
import { judgeDistributed } from "./distributed.js";
import { readFolder, type FolderContent, type FolderFile } from "./folder-files.js";
import { judgeFile, type JudgedFile } from "./judge-file.js";
import { needsOfAccelerate, needsOfTrainer, type Needs } from "./needs.js";
import { foreignNames, kindOfFolder, singleFile } from "./recognise.js";
import { isIndexName, problemsOfShards, readIndex, readJson } from "./shards.js";
import {
  nothingFound,
  together,
  verdictOf,
  type Finding,
  type ForeignArtifact,
  type ForeignCheckpoint,
  type ForeignProgress,
} from "./types.js";

/** A checkpoint that was found: a file, or a folder with what lies in it. */
export type Candidate =
  | { readonly path: string; readonly is: "file" }
  | {
      readonly path: string;
      readonly is: "folder";
      readonly kind: FolderKind;
      readonly content: FolderContent;
    };

type FolderKind = NonNullable<ReturnType<typeof kindOfFolder>>;

const DEEPEST = 6;
/** Folders that no checkpoint is in. */
const skipped = /^(\.git|node_modules|__pycache__|\.venv|venv)$/;

interface FindOptions {
  /** Folders inside each other that are looked into. */
  readonly deepest?: number;
  /** Folders that are left out, by their paths. */
  readonly isLeftOut?: (path: string) => boolean;
}

/**
 * The checkpoints at a path: itself, or, of a folder that is none, those in it.
 * @throws Node's own errors when `path` cannot be read
 */
export async function findForeign(path: string, options: FindOptions = {}): Promise<Candidate[]> {
  const { deepest = DEEPEST, isLeftOut = () => false } = options;
  if (!(await stat(path)).isDirectory()) return [{ path, is: "file" }];
  const content = await readFolder(path);
  const names = content.files.map(({ name }) => name);
  const kind = kindOfFolder(basename(resolve(path)), names, content.folders);
  const folder: Candidate[] = kind === undefined ? [] : [{ path, is: "folder", kind, content }];
  if (kind !== undefined && kind !== "shards") return folder;
  const found = names
    .filter((name) => isCheckpointName(name) && (kind === undefined || !isOfShards(name)))
    .map((name): Candidate => ({ path: join(path, name), is: "file" }));
  const inside: Candidate[] = [];
  if (deepest > 0) {
    const below = { ...options, deepest: deepest - 1 };
    for (const name of content.folders.filter((one) => !skipped.test(one))) {
      if (isLeftOut(join(path, name))) continue;
      inside.push(...(await findForeign(join(path, name), below).catch(() => [])));
    }
  }
  return [...folder, ...found, ...inside];
}

/** Whether a file may be a checkpoint by itself: not one that its writer has not renamed yet. */
function isCheckpointName(name: string): boolean {
  return singleFile.test(name) && !name.startsWith(".");
}

/** Whether a file belongs to weights in several files. */
function isOfShards(name: string): boolean {
  return isIndexName(name) || foreignNames.shard.test(name);
}

/** @throws TORCH_FILE_UNREADABLE, and Node's own errors */
export async function judgeForeign(candidate: Candidate): Promise<ForeignCheckpoint> {
  if (candidate.is === "file") return judgeSingle(candidate.path);
  const { path, kind, content } = candidate;
  if (kind === "dcp") return judgeDistributedFolder(path, content);
  const members = content.files.filter(
    ({ name }) => !name.startsWith(".") && (kind !== "shards" || isOfSet(name)),
  );
  const { finding, artifacts, judged } = await judgeMembers(path, members);
  const nested = await judgeNested(path, kind === "shards" ? [] : content.folders);
  const needs = await needsOf(kind, content, judged);
  const found = together([finding, nested.finding, { ...nothingFound, ...needs }]);
  const progress = kind === "hf-trainer" ? await trainerProgress(path) : progressIn(judged);
  return checkpointOf(path, kind, found, [...artifacts, ...nested.artifacts], progress);
}

/** The files that weights in several files come with. */
function isOfSet(name: string): boolean {
  return isOfShards(name) || /\.(json|txt|model|jinja)$/.test(name);
}

async function judgeSingle(path: string): Promise<ForeignCheckpoint> {
  const name = basename(path);
  const { medium, bytes, says, ...finding } = await judgeFile(dirname(path), name);
  const kind = says.lightning ? "lightning" : medium === "safetensors" ? "safetensors" : "torch";
  return checkpointOf(path, kind, finding, [{ name, bytes, medium }], says);
}

function checkpointOf(
  path: string,
  kind: ForeignCheckpoint["kind"],
  found: Finding,
  artifacts: readonly ForeignArtifact[],
  { step, epoch, updates }: ForeignProgress,
): ForeignCheckpoint {
  const { problems, unseen, unread, tensors } = found;
  return {
    path,
    kind,
    verdict: verdictOf(found),
    problems,
    unseen,
    unread,
    progress: {
      ...(step === undefined ? {} : { step }),
      ...(epoch === undefined ? {} : { epoch }),
      ...(updates === undefined ? {} : { updates }),
    },
    artifacts,
    bytes: artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    tensors,
    nan: tensors.reduce(
      (sum, { nan = 0, parts = [] }) => sum + nan + parts.reduce((more, part) => more + (part.nan ?? 0), 0),
      0,
    ),
  };
}

interface Members {
  readonly finding: Finding;
  readonly artifacts: readonly ForeignArtifact[];
  readonly judged: ReadonlyMap<string, JudgedFile>;
}

/** Whether a file has to be one of torch, by the names that frameworks give. */
function isTensorFile(name: string): boolean {
  return (
    /\.(pt|pth|ckpt|bin|safetensors|tar)$/.test(name) ||
    /^(random_states|custom_checkpoint)_\d+\.pkl$/.test(name)
  );
}

async function judgeMembers(path: string, files: readonly FolderFile[]): Promise<Members> {
  const judged = new Map<string, JudgedFile>();
  const artifacts: ForeignArtifact[] = [];
  const problems: FolderProblem[] = [];
  let hasText = false;
  for (const { name, bytes } of files) {
    if (isTensorFile(name)) {
      const file = await judgeFile(path, name);
      judged.set(name, file);
      artifacts.push({ name, bytes: file.bytes, medium: file.medium });
      continue;
    }
    artifacts.push({ name, bytes, medium: "opaque" });
    if (!name.endsWith(".json")) continue;
    hasText = true;
    if ((await readJson(path, name)) === undefined) problems.push({ file: name, reason: "json" });
  }
  const text: Finding = { ...nothingFound, problems, unseen: hasText ? ["unchecked"] : [] };
  return { finding: together([text, ...judged.values()]), artifacts, judged };
}

/** Folders of a checkpoint in which its weights or its optimizer are, written by torch.distributed.checkpoint. */
async function judgeNested(path: string, folders: readonly string[]): Promise<Omit<Members, "judged">> {
  const findings: Finding[] = [];
  const artifacts: ForeignArtifact[] = [];
  for (const folder of folders) {
    const content = await readFolder(join(path, folder));
    const isDistributed =
      kindOfFolder(
        folder,
        content.files.map(({ name }) => name),
        [],
      ) === "dcp";
    const inside = isDistributed
      ? await judgeDistributedFolder(content.path, content)
      : await judgeMembers(content.path, content.files).then((one) => ({
          ...one.finding,
          artifacts: one.artifacts,
        }));
    const place = <Part extends { readonly file?: string }>(part: Part): Part => ({
      ...part,
      ...(part.file === undefined ? {} : { file: `${folder}/${part.file}` }),
    });
    findings.push({
      problems: inside.problems.map(place),
      unseen: inside.unseen,
      unread: inside.unread.map(place),
      tensors: inside.tensors.map((tensor) => ({ ...place(tensor), name: `${folder}.${tensor.name}` })),
    });
    artifacts.push(...inside.artifacts.map((one) => ({ ...one, name: `${folder}/${one.name}` })));
  }
  return { finding: together(findings), artifacts };
}

async function needsOf(
  kind: Exclude<FolderKind, "dcp">,
  { path, files, folders }: FolderContent,
  judged: ReadonlyMap<string, JudgedFile>,
): Promise<Needs> {
  const names = { files: files.map(({ name }) => name), folders };
  const indexes = await Promise.all(names.files.filter(isIndexName).map((file) => readIndex(path, file)));
  const shards = problemsOfShards(indexes, judged);
  if (kind === "hf-trainer") {
    const needs = needsOfTrainer(names, judged.get("training_args.bin")?.says.onlyModel);
    return { ...needs, problems: [...shards, ...needs.problems] };
  }
  if (kind === "accelerate") {
    const needs = needsOfAccelerate(names);
    return { ...needs, problems: [...shards, ...needs.problems] };
  }
  return { problems: shards, unseen: judged.size > 1 ? ["one-save"] : [] };
}

async function trainerProgress(path: string): Promise<ForeignProgress> {
  const state = (await readJson(path, "trainer_state.json").catch(() => undefined)) as
    { readonly global_step?: unknown; readonly epoch?: unknown } | null | undefined;
  const whole = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : undefined);
  const [step, epoch] = [whole(state?.global_step), whole(state?.epoch)];
  return { ...(step === undefined ? {} : { step }), ...(epoch === undefined ? {} : { epoch }) };
}

function progressIn(judged: ReadonlyMap<string, JudgedFile>): ForeignProgress {
  for (const { says } of judged.values()) if (says.step !== undefined) return says;
  return {};
}

async function judgeDistributedFolder(path: string, content: FolderContent): Promise<ForeignCheckpoint> {
  const names = content.files.map(({ name }) => name);
  const tables = names.filter((name) => foreignNames.distributedTable.test(name));
  const finished = tables.filter((name) => !name.endsWith(".tmp"));
  const findings: Finding[] = [];
  for (const table of finished) findings.push(await judgeDistributed(path, table));
  if (finished.length === 0) findings.push(await withoutTable(path, tables));
  const others = content.files.filter(
    ({ name }) => !foreignNames.distributedTable.test(name) && !foreignNames.distributedData.test(name),
  );
  const members = await judgeMembers(
    path,
    others.filter(({ name }) => !name.startsWith(".")),
  );
  const own = content.files.filter(
    ({ name }) => tables.includes(name) || foreignNames.distributedData.test(name),
  );
  // Many torch files end to end are none.
  const artifacts = own.map(({ name, bytes }): ForeignArtifact => ({ name, bytes, medium: "opaque" }));
  return checkpointOf(
    path,
    "dcp",
    together([...findings, members.finding]),
    [...artifacts, ...members.artifacts],
    progressIn(members.judged),
  );
}

/** No table: one that has not been renamed may be there, and complete. */
async function withoutTable(path: string, unfinished: readonly string[]): Promise<Finding> {
  const problems: FolderProblem[] = [];
  for (const name of unfinished) {
    const { problems: found } = await judgeDistributed(path, name);
    if (found.length === 0) problems.push({ file: name, reason: "not-renamed" });
    else problems.push(...found);
  }
  const table = unfinished[0]?.replace(/\.tmp$/, "") ?? ".metadata";
  return { ...nothingFound, problems: [{ file: table, reason: "missing" }, ...problems] };
}
