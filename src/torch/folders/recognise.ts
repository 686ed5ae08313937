/** Which program wrote a folder: pure, from the names in it; whoever judges it asks the files themselves. */
import type { ForeignKind } from "../../base/folder-problem.js";

/** The names that each framework gives; several of them, or those that nobody else uses, make a kind. */
const names = {
  index: /\.(safetensors|bin)\.index(\.[\w-]+)?\.json$/,
  /** model-00001-of-00003.safetensors; `shard-...` are those of a distributed writer that makes no index. */
  shard: /^(?!shard-)(.+)-(\d{5})-of-(\d{5})((?:\.[\w-]+)?)\.(safetensors|bin)$/,
  weights:
    /^(?!(?:training_args|optimizer|scheduler|sampler|dl_state_dict)(?:_\d+)?\.bin$).*\.(safetensors|bin)$/,
  /** Folders with the weights of an FSDP or DeepSpeed training. */
  weightsFolder: /^(pytorch_model(_fsdp)?_\d+|global_step\d+)$/,
  trainerState: /^trainer_state\.json$/,
  trainerOptimizer: /^(optimizer|scheduler|scaler)\.pt$|^optimizer\.bin$/,
  trainerRandom: /^rng_state(_\d+)?\.pth$/,
  trainerArguments: /^training_args\.bin$/,
  accelerate:
    /^(random_states_\d+|custom_checkpoint_\d+)\.pkl$|^(optimizer|scheduler|sampler|dl_state_dict)(_\d+)?\.bin$/,
  /** Of one process alone: `.metadata`, `__0.metadata`. */
  distributedTable: /^(__\d+)?\.metadata(\.tmp)?$/,
  distributedData: /\.distcp$/,
} as const;

export { names as foreignNames };

/** Files that can be a checkpoint each by itself. */
export const singleFile = /\.(pt|pth|ckpt|safetensors|tar|bin)$/i;

export interface Shard {
  readonly prefix: string;
  readonly number: number;
  readonly count: number;
  /** ".fp16", or nothing. */
  readonly variant: string;
  readonly ending: string;
}

/** One of several weight files, by its name. */
export function shardOf(name: string): Shard | undefined {
  const [, prefix, number, count, variant, ending] = names.shard.exec(name) ?? [];
  if (prefix === undefined) return undefined;
  return { prefix, number: Number(number), count: Number(count), variant: variant!, ending: ending! };
}

/** The name of a shard of the same set. */
export function shardName({ prefix, count, variant, ending }: Shard, number: number): string {
  const five = (n: number) => String(n).padStart(5, "0");
  return `${prefix}-${five(number)}-of-${five(count)}${variant}.${ending}`;
}

/**
 * The kind of a folder as a whole; undefined where its files are checkpoints each by itself, or none.
 * @param own the folder's own name
 * @param files names of the files in it
 * @param folders names of the folders in it
 */
export function kindOfFolder(
  own: string,
  files: readonly string[],
  folders: readonly string[],
): Exclude<ForeignKind, "lightning" | "torch" | "safetensors"> | undefined {
  const has = (pattern: RegExp) => files.some((name) => pattern.test(name));
  if (has(names.distributedData) || has(names.distributedTable)) return "dcp";
  const weights =
    files.some((name) => names.weights.test(name)) || folders.some((name) => names.weightsFolder.test(name));
  // The arguments stand beside a finished model, too: there its folder's name has to say that it is a step of a training.
  const isStep = has(names.trainerArguments) && /^checkpoint-\d+$/.test(own);
  const isTrainer = has(/^(optimizer|scheduler)\.pt$/) || has(names.trainerRandom) || isStep;
  if (has(names.trainerState) || (weights && isTrainer)) return "hf-trainer";
  if (has(names.accelerate) && (weights || has(/^random_states_\d+\.pkl$/))) return "accelerate";
  return has(names.index) || has(names.shard) ? "shards" : undefined;
}

/** Of files numbered from 0 (`optimizer.bin` is 0, or `random_states_0.pkl`): those that are missing below the highest. */
export function gaps(files: readonly string[], stem: string, ending: string): string[] {
  const plain = `${stem}.${ending}`;
  const numbered = files.flatMap((name) =>
    name.startsWith(`${stem}_`) && name.endsWith(`.${ending}`)
      ? [name.slice(stem.length + 1, -ending.length - 1)]
      : [],
  );
  const numbers = numbered.filter((text) => /^\d+$/.test(text)).map(Number);
  const first = files.includes(plain) ? plain : undefined;
  const missing: string[] = [];
  for (let n = 0; n < Math.max(-1, ...numbers); n++) {
    if (numbers.includes(n) || (n === 0 && first !== undefined)) continue;
    missing.push(n === 0 && !numbered.includes("0") && plainFirst(stem) ? plain : `${stem}_${n}.${ending}`);
  }
  return missing;
}

/** Accelerate numbers these from the second on. */
function plainFirst(stem: string): boolean {
  return /^(optimizer|scheduler|sampler|dl_state_dict|model|pytorch_model)$/.test(stem);
}
