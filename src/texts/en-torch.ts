/** What is wrong with a PyTorch or safetensors file, in English: to stand inside a sentence. */
import type { ErrorData } from "../base/errors.js";
import type { TorchFeature, TorchPart, TorchPlace, TorchProblem } from "../base/torch-problem.js";
import { formats } from "./formats.js";

const { bytes, integer } = formats("en");

const looks = {
  "git-lfs": "it is a Git LFS pointer, not the file itself (run git lfs pull)",
  "web-page": "it is a web page, not the file that was to be downloaded",
  gzip: "it is packed by gzip (unpack it first)",
  image: "it is an image",
  safetensors: "it looks like a safetensors file (give it that extension)",
} as const;

const parts: Record<TorchPart, string> = {
  start: "the beginning",
  "zip-directory": "the zip directory",
  "zip-end": "the end of the zip",
  pickle: "the pickle",
  "storage-keys": "the list of data",
  storage: "the data of a tensor",
  header: "the header",
  end: "the end",
};

function partOf(where: TorchPlace["where"]): string {
  return typeof where === "string" ? parts[where] : where.record;
}

export function torchPlace({ where, opcode, offset }: TorchPlace): string {
  return [partOf(where), ...(opcode === undefined ? [] : [opcode]), `byte ${integer(offset)}`].join(", ");
}

export function torchProblem(problem: TorchProblem): string {
  switch (problem.reason) {
    case "not-torch":
      return problem.looksLike === undefined
        ? "it does not begin as a PyTorch file does"
        : looks[problem.looksLike];
    case "empty":
      return "it is empty";
    case "zeros":
      return "it holds only zeros, as after a power cut";
    case "cut-off":
      return "it is cut off";
    case "no-end":
      return "it is cut off, or something was added to its end";
    case "appended":
      return "it holds bytes that belong to nothing";
    case "checksum":
      return "the data has changed since it was saved (CRC-32)";
    case "directory":
      return "the zip directory contradicts itself";
    case "header":
      return "the record's header and the zip directory contradict each other";
    case "overlap":
      return "a record reaches into the next one";
    case "packing":
      return "the packed data is broken";
    case "record-name":
      return `a record is named ${problem.name}, as no record of PyTorch is`;
    case "record-twice":
      return `there are two records ${problem.name}`;
    case "record-missing":
      return `the record ${problem.name} is missing`;
    case "record-size":
      return `a record has ${integer(problem.bytes)} bytes, and its tensors need ${integer(problem.expected)}`;
    case "pickle":
      return "its content makes no sense";
    case "tensor":
      return "it describes a tensor that cannot be";
    case "storage":
      return "it describes the data of a tensor in a way that cannot be";
    case "cycle":
      return "a value contains itself";
    case "too-deep":
      return `more than ${integer(problem.levels)} values stand inside each other`;
    case "memory":
      return `it would take ${bytes(problem.bytes)} of memory, out of all proportion`;
    case "endless":
      return "going through it would take time out of all proportion";
    case "json":
      return "the header is not the JSON of a safetensors file";
    case "entry":
      return `what the header says of ${problem.tensor} does not fit`;
    case "structure":
      return "what guardapesos noted when it converted the file does not fit any more";
  }
}

export function torchFeature(content: TorchFeature): string {
  switch (content.feature) {
    case "encryption":
      return `it holds an encrypted record (${content.record})`;
    case "packing":
      return `it holds a record packed by method ${integer(content.method)} (${content.record})`;
    case "torchscript":
      return "it is a TorchScript program (torch.jit.save)";
    case "tar":
      return "it is a tar archive, as PyTorch wrote them before 0.1.10";
    case "legacy-version":
      return "it is of another version of the legacy format";
    case "no-tensors":
      return "it holds a single value that is no tensor";
    case "hooks":
      return "it holds tensors with backward hooks";
    case "marked-tensors":
      return "it holds tensors that are marked as conjugated or negated";
    case "whole-model":
      return `it holds a whole model (${content.name})`;
    case "size":
      return `${partOf(content.where)} takes ${bytes(content.bytes)}, more than is read`;
    case "no-state-dict":
      return "it holds no state_dict that could be recognised";
    case "dtype":
      return `it holds numbers of type ${content.dtype} (${content.tensor})`;
    case "not-in-safetensors":
      return `it holds something that safetensors has no place for (${content.what})`;
  }
}

type Unreadable = ErrorData["TORCH_FILE_UNREADABLE"];

/** The whole sentence. */
export function torchUnreadable(file: string, reason: Unreadable["reason"], detail: string): string {
  switch (reason) {
    case "missing":
      return `There is no ${file}. Check the path.`;
    case "not-a-file":
      return `${file} is not a file. Check the path.`;
    case "shrank":
      return `${file} became shorter while it was read. Wait for the program that writes it to end, and try again.`;
    case "system":
      return `${file} cannot be read (${detail}). Check the path and its permissions.`;
  }
}
