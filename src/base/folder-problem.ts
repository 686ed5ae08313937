/** What is seen of a checkpoint that another program wrote: closed lists, said in words by src/texts. */
import type { TorchFeature, TorchPlace, TorchProblem } from "./torch-problem.js";

/** Whose checkpoint it is: told from what lies in its files. */
export type ForeignKind =
  /** A `checkpoint-N` of the Hugging Face Trainer. */
  | "hf-trainer"
  /** Weights in several files, with the index that names them. */
  | "shards"
  /** Accelerator.save_state */
  | "accelerate"
  /** torch.distributed.checkpoint */
  | "dcp"
  /** A single file. */
  | "lightning"
  | "torch"
  | "safetensors";

/**
 * whole: all of it is there, written to its end, and every checksum that it has agrees. unknown: nothing is wrong that can be
 * seen, and `unseen` says what cannot be.
 */
export type Verdict = "whole" | "not-whole" | "unknown";

/** Why a checkpoint is not whole. `file`: relative to the checkpoint. */
export type FolderProblem = { readonly file: string } & (
  | { readonly reason: "missing" }
  /** Ends before what is known to be in it. */
  | { readonly reason: "short"; readonly bytes: number; readonly expected: number }
  | { readonly reason: "damaged"; readonly problem: TorchPlace & TorchProblem }
  /** One of the many torch files inside a `.distcp`. */
  | { readonly reason: "item"; readonly item: string; readonly problem: TorchPlace & TorchProblem }
  /** No JSON, or none that says what it has to. */
  | { readonly reason: "json" }
  /** The table of a distributed checkpoint is complete, and has not got its name yet. */
  | { readonly reason: "not-renamed" }
  /** Named by the index or table, and not in the file; in the file, and not named; of another type or shape. */
  | { readonly reason: "tensor-missing" | "tensor-extra" | "tensor-differs"; readonly tensor: string }
);

/** What no look at the files can tell. */
export type Unseen =
  /** Of a zip that was closed properly: it was written without checksums. */
  | "checksums"
  /** Damage inside a file whose format has none. */
  | "unchecked"
  /** Whether all files are of the same save. */
  | "one-save"
  /** Whether a file is missing that nothing names. */
  | "file-list"
  /** What is in a part that is not read. */
  | "content"
  /** Every number is 0, as after a power cut, and perhaps as it was saved. */
  | "all-zeros";

/** A good file, or a part of one, of a kind that is not read. */
export type UnreadPart = { readonly file: string } & (
  TorchFeature | { readonly feature: "name"; readonly name: string }
);
