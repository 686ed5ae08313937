/** What a file is that is no checkpoint of the kind that was expected, told from its first bytes, for the person who wonders. */
import type { TorchFeature, TorchLook, TorchProblem } from "../base/torch-problem.js";
import { readBytes, type Source } from "./source.js";

/** Bytes that are looked at: enough for the first names of a pickle, and of a tar archive. */
const HEAD = 512;

/* eslint-disable no-control-regex -- bytes are looked for, not text */

/** The magic number of torch's legacy format as a pickle has it: LONG1 of ten bytes, behind PROTO and perhaps FRAME. */
const LEGACY = /^\x80[\x02-\x05](\x95[^]{8})?\x8a\x0a/;
/** As much of it as a file has that was cut off inside. */
const LEGACY_CUT = /^\x80([\x02-\x05](\x95[^]{0,8})?(\x8a)?)?$/;

/** Files that begin with the same bytes always. */
const beginnings: readonly (readonly [start: RegExp, look: TorchLook])[] = [
  [/^version https:\/\/git-lfs/, "git-lfs"],
  [/^\s*<(!doctype|html|\?xml|!--|head)/i, "web-page"],
  [/^(\xef\xbb\xbf)?\s*[{[]/, "json"],
  [/^\x1f\x8b/, "gzip"],
  [/^\x89PNG|^\xff\xd8\xff/, "image"],
  [/^PK\x03\x04[^]*\/data\.pkl/, "torch"],
  [/^PK\x03\x04/, "zip"],
  [LEGACY, "torch"],
  [/^\x89HDF\r\n/, "hdf5"],
  [/^GGUF/, "gguf"],
];

/** The first bytes as text of one byte each. */
export async function beginningOf(source: Source): Promise<string> {
  return Buffer.from(await readBytes(source, 0, Math.min(source.size, HEAD))).toString("latin1");
}

/** Whether a file begins as a pickle of the legacy format, or was cut off where it does. */
export function beginsAsLegacy(start: string): boolean {
  return LEGACY.test(start) || LEGACY_CUT.test(start);
}

/** A good file of a kind that is known and not read, or undefined. */
export function foreignFeature(path: string, start: string): TorchFeature | undefined {
  // Each of its items is a torch file of its own, so the end of the last says nothing of the whole.
  if (path.endsWith(".distcp") && start.startsWith("PK")) return { feature: "distributed-data" };
  if (start.slice(257, 262) === "ustar") return { feature: "tar" };
  if (/^\x80[\x02-\x05]/.test(start) && !beginsAsLegacy(start)) {
    const metadata = start.includes("torch.distributed.checkpoint.metadata");
    return { feature: metadata ? "distributed-metadata" : "pickle" };
  }
  const isJson = lookOf(start) === "json";
  return isJson && (path.endsWith(".index.json") || start.includes('"weight_map"'))
    ? { feature: "index" }
    : undefined;
}

function lookOf(start: string): TorchLook | undefined {
  return beginnings.find(([pattern]) => pattern.test(start))?.[1];
}

/** Why a file is not one of torch, from its first bytes. */
export function notTorch(start: string): TorchProblem {
  const nothing = emptiness(start);
  if (nothing !== undefined) return nothing;
  if (start.startsWith("PK")) return { reason: "cut-off" };
  const looksLike = isText(start) ? lookOf(start) : start[8] === "{" ? "safetensors" : lookOf(start);
  return { reason: "not-torch", ...(looksLike === undefined ? {} : { looksLike }) };
}

/** Why a file cannot be a safetensors file, from its first bytes; undefined when it can. */
export function notSafetensors(start: string): TorchProblem | undefined {
  const nothing = emptiness(start);
  if (nothing !== undefined) return nothing;
  const looksLike = start[8] === "{" && !isText(start) ? undefined : lookOf(start);
  return looksLike === undefined ? undefined : { reason: "not-torch", looksLike };
}

function emptiness(start: string): TorchProblem | undefined {
  if (start === "") return { reason: "empty" };
  return /^\0+$/.test(start) ? { reason: "zeros" } : undefined;
}

/** Whether the first eight bytes are letters: a safetensors file has a length there, of a file that would be far too long. */
function isText(start: string): boolean {
  return /^[\t\n\r\x20-\x7e]{8}/.test(start);
}
