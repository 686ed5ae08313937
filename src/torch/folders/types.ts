/** What is said of a checkpoint that another program wrote. */
import type { FolderProblem, ForeignKind, UnreadPart, Unseen, Verdict } from "../../base/folder-problem.js";
import type { TensorDescription } from "../describe-tensor.js";

/** A file of a checkpoint. */
export interface ForeignArtifact {
  /** Relative to the checkpoint's folder, with "/". */
  readonly name: string;
  readonly bytes: number;
  readonly medium: "torch" | "safetensors" | "opaque";
}

/** How far a checkpoint was, as it says itself. */
export interface ForeignProgress {
  readonly step?: number;
  readonly epoch?: number;
  /** Of its optimizers, the most that one of them has made. */
  readonly updates?: number;
}

export interface ForeignCheckpoint {
  /** The file, or the folder. */
  readonly path: string;
  readonly kind: ForeignKind;
  readonly verdict: Verdict;
  /** Why it is not whole; empty otherwise. */
  readonly problems: readonly FolderProblem[];
  /** What cannot be seen in its files. */
  readonly unseen: readonly Unseen[];
  /** Good parts of a kind that is not read. */
  readonly unread: readonly UnreadPart[];
  readonly progress: ForeignProgress;
  readonly artifacts: readonly ForeignArtifact[];
  /** Bytes of all artifacts. */
  readonly bytes: number;
  /** With the file that each is in; absent where it is in several. */
  readonly tensors: readonly ForeignTensor[];
  /** Numbers that are NaN, in all tensors. */
  readonly nan: number;
}

export type ForeignTensor = TensorDescription & { readonly file?: string };

/** What one look at a file, or at a part of a checkpoint, gave. */
export interface Finding {
  readonly problems: readonly FolderProblem[];
  readonly unseen: readonly Unseen[];
  readonly unread: readonly UnreadPart[];
  readonly tensors: readonly ForeignTensor[];
}

export const nothingFound: Finding = { problems: [], unseen: [], unread: [], tensors: [] };

export function together(findings: readonly Finding[]): Finding {
  return {
    problems: findings.flatMap(({ problems }) => problems),
    unseen: [...new Set(findings.flatMap(({ unseen }) => unseen))],
    unread: findings.flatMap(({ unread }) => unread),
    tensors: findings.flatMap(({ tensors }) => tensors),
  };
}

/** A file that was closed properly is whole without checksums, too. */
export function verdictOf({ problems, unseen }: Pick<Finding, "problems" | "unseen">): Verdict {
  if (problems.length > 0) return "not-whole";
  return unseen.every((fact) => fact === "checksums") ? "whole" : "unknown";
}
