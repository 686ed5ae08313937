/** From disk to a Checkpoint in memory, every tensor compared with its digest on the way. */
import { GuardapesosError, type Fault } from "../base/errors.js";
import { invariant } from "../base/invariant.js";
import {
  algorithmOf,
  firstDifference,
  folderPath,
  manifestFile,
  nodeDisk,
  readManifest,
  type Disk,
} from "../store/index.js";
import type { Checkpoint, ImportedOptimizer, NetworkState } from "./checkpoint.js";
import { digestsOf } from "./digest.js";
import type { Generation } from "./generation.js";
import { fromTorch, type NetworkContent, type PlainNetwork } from "./network-file.js";
import type { Source } from "./resolve.js";
import type { TorchFile } from "../torch/index.js";
import { networkFile } from "./network-names.js";
import { openTorch, torchFault } from "./torch-codec.js";

export interface LoadOptions {
  /** Only these networks; all when left out. */
  readonly networks?: readonly string[] | undefined;
  /**
   * Names of each network's parameters in the optimizer's order, for plain PyTorch files whose shared tensors a conversion
   * has pulled apart.
   */
  readonly parameters?: ReadonlyMap<string, readonly string[]> | undefined;
}

/**
 * Loads a checkpoint, from what `resolveReference` or `newestWhole` found. A plain PyTorch pair has kind "imported", no
 * progress, its optimizers' highest step as its step, and what they are.
 * @throws CHECKPOINT_DAMAGED when a tensor is not what was saved
 * @throws TORCH_FILE_INVALID, TORCH_FILE_REFUSED, TORCH_FILE_UNSUPPORTED for files outside a generation
 * @throws CHECKPOINT_PAIR_MISMATCH when the files turn out to be of different saves
 */
export async function loadCheckpoint(
  from: Source | Generation,
  options: LoadOptions = {},
  disk: Disk = nodeDisk,
): Promise<Checkpoint> {
  const source: Source = "from" in from ? from : { from: "generation", generation: from };
  if (source.from === "generation") return loadGeneration(disk, source.generation, options);
  const networks = new Map<string, NetworkState>();
  const optimizers = new Map<string, ImportedOptimizer>();
  for (const [network, path] of source.files) {
    if (options.networks !== undefined && !options.networks.includes(network)) continue;
    const plain = source.from === "plain" ? { network, ...source.choice } : undefined;
    const { state, header, optimizer } = await readNetwork(() => openTorch(disk, path, "follow"), {
      path,
      parameters: options.parameters?.get(network),
      plain,
    });
    if (source.from === "files" && header?.pair !== source.header.pair) {
      const [generator = path, critic = path] = ["generator", "critic"].map((name) => source.files.get(name));
      throw new GuardapesosError("CHECKPOINT_PAIR_MISMATCH", { generator, critic, partner: undefined });
    }
    networks.set(network, state);
    if (optimizer !== undefined) optimizers.set(network, optimizer);
  }
  if (source.from === "files") {
    const { kind, step, reason, progress } = source.header;
    return { kind, step, reason, progress, networks };
  }
  const reason = [...new Set(source.files.values())].join(", ");
  return {
    kind: "imported",
    step: highestStep(optimizers.values()),
    reason,
    progress: {},
    networks,
    optimizers,
  };
}

async function loadGeneration(disk: Disk, generation: Generation, options: LoadOptions): Promise<Checkpoint> {
  const { id, kind, step, reason, progress, folder, pair } = generation;
  const manifest = await readManifest(disk, folderPath(folder), id);
  const damaged = (file: string, fault: Fault) =>
    new GuardapesosError("CHECKPOINT_DAMAGED", { id, file, ...fault });
  if (manifest.saveId !== pair) throw damaged(manifestFile, { reason: "replaced" });
  const networks = new Map<string, NetworkState>();
  for (const { network, path } of generation.files) {
    if (options.networks !== undefined && !options.networks.includes(network)) continue;
    const record = manifest.artifacts.find(({ name }) => name === networkFile(network));
    invariant(record !== undefined, `a generation has the networks of its manifest: ${network}`);
    const { state, header } = await readNetwork(() => openTorch(disk, path), { path }).catch(
      (error: unknown) => {
        const fault = torchFault(error);
        throw fault === undefined ? error : damaged(record.name, fault);
      },
    );
    if (header?.pair !== pair) throw damaged(record.name, { reason: "other-pair" });
    const { tensors = {} } = record;
    const difference = firstDifference(tensors, digestsOf(state, algorithmOf(tensors)));
    if (difference !== undefined) throw damaged(record.name, difference);
    networks.set(network, state);
  }
  return { kind, step, reason, progress, networks };
}

interface Reading {
  readonly path: string;
  readonly parameters?: readonly string[] | undefined;
  readonly plain?: PlainNetwork | undefined;
}

async function readNetwork(
  open: () => Promise<TorchFile>,
  { path, parameters, plain }: Reading,
): Promise<NetworkContent> {
  const file = await open();
  try {
    return await fromTorch(file.value, path, parameters, plain);
  } finally {
    await file.close();
  }
}

function highestStep(optimizers: Iterable<ImportedOptimizer>): number {
  return Math.max(0, ...[...optimizers].map(({ steps }) => steps));
}
