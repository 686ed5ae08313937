/** What is said in English of checkpoints that other programs wrote. */
import type { FolderProblem, ForeignKind, UnreadPart, Unseen } from "../base/folder-problem.js";
import { torchFeature, torchProblem } from "./en-torch.js";
import { formats } from "./formats.js";

const { and, bytes, integer } = formats("en");

export interface ForeignTexts {
  /** @param files how many; @param progress as it says itself */
  readonly found: (
    path: string,
    kind: ForeignKind,
    size: number,
    files: number,
    progress: { readonly step?: number; readonly epoch?: number },
  ) => string;
  /** @param folder where they are kept */
  readonly watching: (path: string, folder: string, series: string) => string;
  /** What has become of what was found: ids, and paths. */
  readonly watched: (report: {
    readonly kept: readonly string[];
    readonly broken: readonly string[];
    readonly unfinished: readonly string[];
  }) => readonly string[];
  readonly whole: (path: string, size: number) => string;
  readonly unknown: (path: string, size: number, unseen: readonly Unseen[]) => string;
  readonly notWhole: (path: string, problems: readonly FolderProblem[]) => string;
  readonly unread: (parts: readonly UnreadPart[]) => string;
}

const kinds: Record<ForeignKind, string> = {
  "hf-trainer": "a checkpoint of the Hugging Face Trainer",
  shards: "weights in several files",
  accelerate: "a checkpoint of Accelerate",
  dcp: "a distributed checkpoint (torch.distributed.checkpoint)",
  lightning: "a checkpoint of Lightning",
  torch: "a PyTorch file",
  safetensors: "a safetensors file",
};

const unseenWords: Record<Unseen, string> = {
  checksums: "whether the numbers are those that were saved (it was written without checksums)",
  unchecked: "damage inside files whose format has no checksums",
  "one-save": "whether all of its files are of the same save",
  "file-list": "whether a file is missing that nothing names",
  content: "what is in the parts that are not read here",
  "all-zeros": "whether it was saved with every number 0, or lost them in a power cut",
};

/** Problems that are said; of more, how many. */
const MOST = 5;

/** @param path the checkpoint; a file that is all of it is not named again */
function problemOf(path: string, problem: FolderProblem): string {
  const { file } = problem;
  switch (problem.reason) {
    case "missing":
      return `${file} is missing`;
    case "short":
      return `${file} has ${integer(problem.bytes)} bytes, and needs ${integer(problem.expected)}`;
    case "damaged":
      return `${path.endsWith(file) ? "" : `${file}: `}${torchProblem(problem.problem)}`;
    case "item":
      return `${file}, ${problem.item}: ${torchProblem(problem.problem)}`;
    case "json":
      return `${file} is not the JSON that it has to be`;
    case "not-renamed":
      return `${file} is complete and has not got its name: the save was stopped right before its end (renaming it to ${file.replace(/\.tmp$/, "")} makes the checkpoint whole)`;
    case "tensor-missing":
      return `${problem.tensor} is not there, though ${file} should hold or place it`;
    case "tensor-extra":
      return `${file} holds ${problem.tensor}, which the index does not say of it`;
    case "tensor-differs":
      return `${problem.tensor} in ${file} is of another type or shape than the table says`;
  }
}

function unreadOf(part: UnreadPart): string {
  const what = part.feature === "name" ? `it names ${part.name}, which is not read here` : torchFeature(part);
  return `${part.file}: ${what}`;
}

export const foreign: ForeignTexts = {
  watching: (path, folder, series) =>
    `👀 Watching ${path}: each finished checkpoint is kept in ${folder} (${series}). Nothing in ${path} is ever changed; Ctrl+C ends the watching, and not the training.`,
  watched: ({ kept, broken, unfinished }) => [
    kept.length === 0
      ? "💡 Nothing new was kept."
      : `✅ Kept: ${and(kept.slice(-MOST))}${kept.length > MOST ? ` and ${integer(kept.length - MOST)} before them` : ""}`,
    ...(broken.length === 0
      ? []
      : [`❌ Not whole, and not kept: ${and(broken.slice(0, MOST))}. What was kept before is whole.`]),
    ...(unfinished.length === 0
      ? []
      : [`⏳ Still being written when the watching ended, and not kept: ${and(unfinished.slice(0, MOST))}.`]),
  ],
  found: (path, kind, size, files, { step, epoch }) => {
    const facts = [
      bytes(size),
      ...(files > 1 ? [`${integer(files)} files`] : []),
      ...(step === undefined ? [] : [`step ${integer(step)}`]),
      ...(epoch === undefined ? [] : [`epoch ${integer(epoch)}`]),
    ];
    return `📦 ${path}: ${kinds[kind]}, ${facts.join(", ")}`;
  },
  whole: (path, size) => `✅ ${path} is whole (${bytes(size)} read, every checksum agrees)`,
  unknown: (path, size, unseen) =>
    `⚠ ${path}: nothing is wrong that can be seen (${bytes(size)} read). Its files cannot tell ${and(unseen.map((fact) => unseenWords[fact]))}; so it is not called verified.`,
  notWhole: (path, problems) => {
    const said = problems.slice(0, MOST).map((problem) => problemOf(path, problem));
    const more = problems.length > MOST ? [`${integer(problems.length - MOST)} more`] : [];
    return `❌ ${path} is not whole: ${[...said, ...more].join("; ")}. It is left as it is; go on from an older checkpoint.`;
  },
  unread: (parts) =>
    `💡 Good as far as can be seen, and not read: ${and(parts.slice(0, MOST).map(unreadOf))}`,
};
