/**
 * Whether a file that a script has saved is whole, and what is in it: every record against its checksum, every storage that the
 * pickle names against its record, values that are no numbers counted. Nothing in the file is run.
 */
import { createHash } from "node:crypto";
import { GuardapesosError, type Fault } from "../base/errors.js";
import { torchFault } from "../checkpoint/index.js";
import {
  digestOf,
  optimizersIn,
  pathName,
  readSafetensors,
  readTorchFile,
  stateDictsIn,
  type TorchTensor,
} from "../torch/index.js";

/** What is known of a whole file. */
export interface Content {
  /** NaN values among its weights. */
  readonly nonFinite: number;
  /** Of all weights, and of all the rest that an optimizer keeps: equal texts, equal tensors to the bit. */
  readonly weights: string;
  readonly optimizers: string;
  /** Whether checksums cover its tensors: without them only its structure is known to be good. */
  readonly proven: boolean;
}

export type Proof =
  { readonly whole: true; readonly content: Content } | { readonly whole: false; readonly fault: Fault };

/** Digests of weights and of optimizers, apart. */
async function contentOf(
  tensors: Iterable<readonly [name: string, tensor: TorchTensor]>,
  isOptimizer: (name: string) => boolean,
  proven: boolean,
): Promise<Content> {
  const hashes = { weights: createHash("sha256"), optimizers: createHash("sha256") };
  let nonFinite = 0;
  for (const [name, tensor] of tensors) {
    const { sha256, nan } = await digestOf(tensor);
    const part = isOptimizer(name) ? "optimizers" : "weights";
    if (part === "weights") nonFinite += nan;
    hashes[part].update(`${name}\0${sha256}\n`);
  }
  return {
    nonFinite,
    weights: hashes.weights.digest("hex"),
    optimizers: hashes.optimizers.digest("hex"),
    proven,
  };
}

async function ofTorch(path: string): Promise<Content> {
  const file = await readTorchFile(path, { skipUnknown: true });
  try {
    await file.verify();
    const { value, checksums } = file;
    const prefixes = [...optimizersIn(value)].map(({ name }) => `${name}.`);
    const hasWeights = stateDictsIn(value).length > 0;
    const isOptimizer = (name: string): boolean =>
      hasWeights && prefixes.some((prefix) => prefix !== "." && name.startsWith(prefix));
    const tensors = [...file.tensors()].map(([keys, tensor]) => [pathName(keys), tensor] as const);
    return await contentOf(tensors, isOptimizer, checksums);
  } finally {
    await file.close();
  }
}

async function ofSafetensors(path: string): Promise<Content> {
  const file = await readSafetensors(path);
  try {
    // The format has no checksums.
    return await contentOf(file.tensors, () => false, false);
  } finally {
    await file.close();
  }
}

/** The damage that a reader has found; undefined for what it does not know or refuses to look at, and for a bug. */
function damageOf(error: unknown): Fault | undefined {
  const fault = torchFault(error);
  return fault?.reason === "refused" || fault?.reason === "unsupported" ? undefined : fault;
}

/**
 * Proves a file.
 * @returns undefined for one that is neither known to be whole nor damaged: nothing here can read it
 */
export async function prove(path: string, medium: "torch" | "safetensors"): Promise<Proof | undefined> {
  try {
    const content = await (medium === "torch" ? ofTorch(path) : ofSafetensors(path));
    return { whole: true, content };
  } catch (error) {
    const fault = damageOf(error);
    if (fault !== undefined) return { whole: false, fault };
    // It holds what our reader does not know, or refuses to look at.
    if (error instanceof GuardapesosError) return undefined;
    throw error;
  }
}

/** Steps that a loss scale may skip in a row while it finds its size, with nothing changed by any of them. */
const mostSkipped = 50;

/**
 * Whether a checkpoint repeats old weights although training has gone on: its optimizers have changed and the weights have not,
 * or neither has after more steps than a loss scale skips.
 */
export function isRepeated(
  before: Pick<Content, "weights" | "optimizers">,
  after: Pick<Content, "weights" | "optimizers">,
  steps: number,
): boolean {
  if (before.weights !== after.weights || steps <= 0) return false;
  return before.optimizers !== after.optimizers || steps > mostSkipped;
}
