/** What can be wrong with a torch or safetensors file: closed lists, said in words by src/texts. */

/** A part of a torch or safetensors file that has no name of its own. */
export type TorchPart =
  "start" | "zip-directory" | "zip-end" | "pickle" | "storage-keys" | "storage" | "header" | "end";

/** Where it is. */
export interface TorchPlace {
  readonly where: TorchPart | { readonly record: string };
  /** Of the pickle. */
  readonly opcode?: string;
  /** Byte of the file; of the unpacked record, where it is packed. */
  readonly offset: number;
}

/** What other files are that people have under the name of a checkpoint. */
export type TorchLook =
  | "git-lfs"
  | "web-page"
  | "json"
  | "gzip"
  | "image"
  /** A torch file where a safetensors file was expected, and the other way round. */
  | "torch"
  | "safetensors"
  | "zip"
  | "hdf5"
  | "gguf";

/** Why the bytes are not those of a good file. Names come from the file. */
export type TorchProblem =
  /** `looksLike`: what the first bytes are those of, where that is known. */
  | {
      readonly reason: "not-torch";
      readonly looksLike?: TorchLook;
    }
  /** `no-end`: cut off, or something was added. `appended`: bytes that belong to nothing. */
  | { readonly reason: "empty" | "zeros" | "cut-off" | "no-end" | "appended" | "checksum" }
  /** The zip's directory, a record's header beside it, records over each other, packed data. */
  | { readonly reason: "directory" | "header" | "overlap" | "packing" }
  | { readonly reason: "record-name" | "record-twice" | "record-missing"; readonly name: string }
  | { readonly reason: "record-size"; readonly bytes: number; readonly expected: number }
  /** The pickle, a tensor or a storage that it describes, contradicts itself. */
  | { readonly reason: "pickle" | "tensor" | "storage" | "cycle" }
  | { readonly reason: "too-deep"; readonly levels: number }
  /** It is made to take memory, or time, out of all proportion. */
  | { readonly reason: "memory"; readonly bytes: number }
  | { readonly reason: "endless" }
  /** Of safetensors: its header, the entry of a tensor in it, what `convert` had written beside. */
  | { readonly reason: "json" | "structure" }
  | { readonly reason: "entry"; readonly tensor: string };

/** What a good file may hold that is not read, or that another format has no place for. */
export type TorchFeature =
  | { readonly feature: "encryption"; readonly record: string }
  | { readonly feature: "packing"; readonly record: string; readonly method: number }
  | { readonly feature: "tar" | "legacy-version" | "no-tensors" | "hooks" | "marked-tensors" }
  /** What torch saves that is no checkpoint: programs with their weights inside. */
  | { readonly feature: "torchscript" | "exported-program" | "torch-package" }
  /** Of a checkpoint in several files: data or table of torch.distributed.checkpoint, table of a model in several files. */
  | { readonly feature: "distributed-data" | "distributed-metadata" | "index" }
  /** Python objects, not written by torch.save. */
  | { readonly feature: "pickle" }
  /** A tensor that is more than a view of one storage (torch's word for it), where one of plain numbers is needed. */
  | { readonly feature: "compound"; readonly layout: string; readonly tensor: string }
  | { readonly feature: "layout"; readonly layout: string }
  /** A model that was saved whole, with the name of a layer's class in it. */
  | { readonly feature: "whole-model"; readonly name: string }
  /** A part that is larger than any that is read. */
  | { readonly feature: "size"; readonly where: TorchPlace["where"]; readonly bytes: number }
  | { readonly feature: "no-state-dict" }
  | { readonly feature: "dtype"; readonly dtype: string; readonly tensor: string }
  /** What safetensors cannot hold. */
  | { readonly feature: "not-in-safetensors"; readonly what: string };
