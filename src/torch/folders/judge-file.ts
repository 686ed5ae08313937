/** One file of a checkpoint: read to its end, its tensors with their digests and NaN counts, and what that does not tell. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { isGuardapesosError, type ErrorData } from "../../base/errors.js";
import type { FolderProblem, UnreadPart } from "../../base/folder-problem.js";
import { describeTensors } from "../describe-tensor.js";
import { beginningOf } from "../look.js";
import { numberIn, optimizersIn } from "../optimizer.js";
import { readSafetensors } from "../safetensors.js";
import { openSource, type Source } from "../source.js";
import { readTorch } from "../torch-read.js";
import { isDict, isKind, numberOf, type TorchValue } from "../values.js";
import { nothingFound, type Finding, type ForeignProgress, type ForeignTensor } from "./types.js";

export interface JudgedFile extends Finding {
  readonly medium: "torch" | "safetensors" | "opaque";
  readonly bytes: number;
  /** What its values say of the program and the training. */
  readonly says: Says;
}

interface Says extends ForeignProgress {
  readonly lightning?: true;
  /** Of the Trainer's arguments: whether it saves weights alone. */
  readonly onlyModel?: boolean;
}

/**
 * Reads a torch or safetensors file, whichever its content or name says. Nothing in it is run: a name that is not known is kept
 * as a name.
 * @param folder where `name` is
 * @throws TORCH_FILE_UNREADABLE
 */
export async function judgeFile(folder: string, name: string): Promise<JudgedFile> {
  const path = join(folder, name);
  const source = await openSource(path);
  const { size } = source;
  const isSafetensors = await looksLikeSafetensors(source);
  try {
    return isSafetensors ? await judgeSafetensors(path, name) : await judgeTorch(source, name);
  } catch (error) {
    const told = findingOf(name, error);
    if (told === undefined) throw error;
    return { ...told, medium: isSafetensors ? "safetensors" : "torch", bytes: size, says: {} };
  } finally {
    await source.close();
  }
}

async function looksLikeSafetensors(source: Source): Promise<boolean> {
  if (source.path.toLowerCase().endsWith(".safetensors")) return true;
  const start = await beginningOf(source);
  return start[8] === "{" && !/^[\t\n\r\x20-\x7e]{8}/.test(start) && !/^(PK|\x80)/.test(start);
}

/** What the error of a reader says of a file; undefined for what is no property of its content. */
export function findingOf(name: string, error: unknown): Finding | undefined {
  if (!isGuardapesosError(error)) return undefined;
  switch (error.code) {
    case "TORCH_FILE_INVALID": {
      const { file: _, ...problem } = error.data as ErrorData["TORCH_FILE_INVALID"];
      // A limit of this reader, not a fault of the file.
      if (problem.reason === "memory" || problem.reason === "endless")
        return unread({ file: name, feature: "size", where: problem.where, bytes: 0 });
      const problems: FolderProblem[] = [{ file: name, reason: "damaged", problem }];
      return { ...nothingFound, problems };
    }
    case "TORCH_FILE_UNSUPPORTED": {
      const { file: _, ...feature } = error.data as ErrorData["TORCH_FILE_UNSUPPORTED"];
      return unread({ file: name, ...feature });
    }
    case "TORCH_FILE_REFUSED":
      return unread({
        file: name,
        feature: "name",
        name: (error.data as ErrorData["TORCH_FILE_REFUSED"]).name,
      });
    default:
      return undefined;
  }
}

function unread(part: UnreadPart): Finding {
  return { ...nothingFound, unseen: ["content"], unread: [part] };
}

async function judgeSafetensors(path: string, name: string): Promise<JudgedFile> {
  const file = await readSafetensors(path);
  try {
    const named = [...file.allTensors].map(([key, tensor]) => [[key], tensor] as const);
    const { tensors, storages } = await describeTensors(named, { digests: true });
    const zeros = storages.bytes > 0 && tensors.every(isAllZeros);
    return {
      ...nothingFound,
      medium: "safetensors",
      bytes: file.size,
      unseen: ["unchecked", ...(zeros ? (["all-zeros"] as const) : [])],
      tensors: tensors.map((tensor) => ({ ...tensor, file: name })),
      says: {},
    };
  } finally {
    await file.close();
  }
}

/** Whether a tensor has nothing but zero bytes, by its digest. */
function isAllZeros({ sha256, bytes }: ForeignTensor): boolean {
  if (bytes === 0) return true;
  const block = Buffer.alloc(Math.min(bytes, 2 ** 20));
  const hash = createHash("sha256");
  for (let left = bytes; left > 0; left -= block.length) hash.update(block.subarray(0, left));
  return sha256 === hash.digest("hex");
}

/** @param source is closed */
async function judgeTorch(source: Source, name: string): Promise<JudgedFile> {
  const file = await readTorch(source, { skipUnknown: true, anyValue: true });
  try {
    await file.verify();
    const { tensors } = await describeTensors(file.allTensors(), { digests: true });
    const unseen = file.checksums
      ? []
      : [file.format === "zip" ? ("checksums" as const) : ("unchecked" as const)];
    return {
      ...nothingFound,
      medium: "torch",
      bytes: file.size,
      unseen,
      tensors: tensors.map((tensor) => ({ ...tensor, file: name })),
      says: { ...said(file.value), ...(await updatesIn(file.value)) },
    };
  } finally {
    await file.close();
  }
}

/** Whether a checkpoint says how many updates its optimizers have made. */
async function updatesIn(value: TorchValue): Promise<{ readonly updates?: number }> {
  let most: number | undefined;
  for (const { state } of optimizersIn(value)) {
    for (const entry of state.values()) {
      const step = isDict(entry) ? await numberIn(entry.get("step")) : undefined;
      if (step !== undefined) most = Math.max(step, most ?? step);
    }
  }
  return most === undefined ? {} : { updates: most };
}

function said(value: TorchValue): Says {
  if (isKind(value, "object")) {
    const onlyModel = isDict(value.state) ? value.state.get("save_only_model") : undefined;
    return typeof onlyModel === "boolean" ? { onlyModel } : {};
  }
  if (!isDict(value)) return {};
  const whole = (...keys: readonly string[]) =>
    keys.map((key) => numberOf(value.get(key))).find((number) => Number.isSafeInteger(number));
  const step = whole("global_step", "step", "iteration", "iter");
  const epoch = whole("epoch");
  return {
    ...(typeof value.get("pytorch-lightning_version") === "string" ? { lightning: true as const } : {}),
    ...(step === undefined ? {} : { step }),
    ...(epoch === undefined ? {} : { epoch }),
  };
}
