/** What is wrong with a PyTorch or safetensors file, in English: to stand inside a sentence. */
import type { ErrorData } from "../base/errors.js";
import type { TorchFeature, TorchLook, TorchPart, TorchPlace, TorchProblem } from "../base/torch-problem.js";
import { formats } from "./formats.js";

const { bytes, integer } = formats("en");

const looks: Record<TorchLook, string> = {
  "git-lfs": "it is a Git LFS pointer, not the file itself",
  "web-page": "it is a web page, not the file that was to be downloaded",
  json: "it is a JSON text, not a file of weights",
  gzip: "it is packed by gzip",
  image: "it is an image",
  torch: "it is a PyTorch file",
  safetensors: "it is a safetensors file",
  zip: "it is a zip archive, and not one of PyTorch",
  hdf5: "it is an HDF5 file, as Keras writes them",
  gguf: "it is a GGUF file, as llama.cpp uses them",
};

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
      return "it is a TorchScript program (torch.jit.save), not a checkpoint";
    case "exported-program":
      return "it is an exported program (torch.export.save), not a checkpoint";
    case "torch-package":
      return "it is a package of code and models (torch.package), not a checkpoint";
    case "distributed-data":
      return "it is one process's share of a distributed checkpoint (torch.distributed.checkpoint)";
    case "distributed-metadata":
      return "it is the table of a distributed checkpoint (torch.distributed.checkpoint), which has no weights in it";
    case "index":
      return "it is the index of a model in several files, which has no weights in it";
    case "pickle":
      return "it is a pickle of Python, not a file of torch.save";
    case "compound":
      return `${content.tensor} is ${compounds[content.layout] ?? `a tensor of layout ${content.layout}`}, and plain numbers are needed`;
    case "layout":
      return `it holds a tensor of a layout that is not known (${content.layout})`;
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

/** Kinds of tensors that are more than a view of one storage, by torch's word. */
const compounds: Readonly<Record<string, string>> = {
  sparse_coo: "a sparse tensor",
  sparse_csr: "a sparse tensor",
  sparse_csc: "a sparse tensor",
  sparse_bsr: "a sparse tensor",
  sparse_bsc: "a sparse tensor",
  nested: "a nested tensor",
  distributed: "one process's part of a distributed tensor",
  meta: "a tensor without numbers (device meta)",
  packed: "a quantised tensor",
  quantised: "a quantised tensor",
  "unknown-type": "a tensor of a type that is not known here",
};

const again = "Load it in PyTorch and save its state_dict again.";

/** What to do about a compound tensor in PyTorch. */
const plainly: Readonly<Record<string, string>> = {
  nested: "Save the tensors that it consists of (.unbind()) in its place.",
  distributed: "Save its .full_tensor() in its place, in PyTorch.",
  meta: "Save it from a model that has its weights.",
  packed: "Save its .dequantize() in its place, in PyTorch.",
  quantised: "Save its .dequantize() in its place, in PyTorch.",
  "unknown-type": "Save its .float() in its place, in PyTorch.",
};

/** What to do about a good file of a kind that is not taken. @param file its name */
export function torchFeatureAdvice(file: string, content: TorchFeature): string {
  switch (content.feature) {
    case "torchscript":
      return "Save its weights in PyTorch: torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE).";
    case "exported-program":
      return "Save its weights in PyTorch: torch.save(torch.export.load(FILE).state_dict, NEW_FILE).";
    case "distributed-data":
    case "distributed-metadata":
      return "Make one file of its folder with PyTorch: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER NEW_FILE.pth.";
    case "index":
      return "Give the files that it names, which lie beside it.";
    case "pickle":
      return "Give the file in which torch.save wrote the weights.";
    case "whole-model":
      return `guardapesos inspect --skip-unknown shows its tensors. ${again}`;
    case "compound":
      return plainly[content.layout] ?? "Save its .to_dense() in its place, in PyTorch.";
    case "marked-tensors":
      return "Save their .resolve_conj().resolve_neg() in their place, in PyTorch.";
    case "dtype":
      return "Save it as another type, in PyTorch: .float().";
    case "not-in-safetensors":
      return "Leave it a .pth.";
    case "size":
      return "Save in PyTorch only the weights of the network, without what else is in it.";
    case "no-state-dict":
    case "no-tensors":
      return `guardapesos inspect ${quoted(file)} shows what is in it.`;
    default:
      return again;
  }
}

/** What to do about a file that is no good. @param file its name */
export function torchProblemAdvice(file: string, problem: TorchProblem): string {
  const looksLike = problem.reason === "not-torch" ? problem.looksLike : undefined;
  switch (looksLike) {
    case "git-lfs":
      return "Fetch the file itself: git lfs pull.";
    case "web-page":
      return "Download it again; the page may say why it was not given.";
    case "gzip":
      return "Unpack it first.";
    case "torch":
      return "Give it the extension .pth.";
    case "safetensors":
      return file.toLowerCase().endsWith(".safetensors")
        ? `guardapesos convert ${quoted(file)} ${quoted(`${file.slice(0, -".safetensors".length)}.pth`)} makes one of it that can be used here.`
        : "Give it the extension .safetensors.";
    case "json":
    case "image":
    case "zip":
    case "hdf5":
    case "gguf":
      return "Give the file that has the weights, a .pth or a .safetensors.";
    case undefined:
      return "Use another copy of it, or an older checkpoint (guardapesos list shows them).";
  }
}

/** A path as it is typed: every shell takes double quotes. */
function quoted(path: string): string {
  return /[^\w@%+=:,./\\-]/.test(path) ? `"${path}"` : path;
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
