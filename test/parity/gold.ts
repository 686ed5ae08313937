/**
 * The folder of numbers made by real PyTorch. Its index files say what there is; nothing is known here by name, so a
 * folder that the same script has made with other seeds and sizes is read the same way.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { loadCheckpoint } from "../../src/checkpoint/index.js";
import type { NamedArray } from "../../src/base/named-arrays.js";
import type { Architecture } from "../../src/progan/config.js";
import { networks, parametersOf, type Network } from "../../src/progan/parameters.js";
import type { TrainState } from "../../src/trainer/state.js";
import { fromNetworks } from "../../src/training/train-state.js";

export const goldFolder = resolve(process.env["GUARDAPESOS_GOLD"] ?? "../shared/gold");
export const goldMissing = !existsSync(join(goldFolder, "cases", "index.json"));

/** A float in JSON: NaN and infinities are words. */
export const number = (value: number | string): number => Number(value);

export interface Summary {
  readonly sum: number | string;
  readonly abs_sum: number | string;
  readonly max_abs: number | string;
  readonly first8: readonly (number | string)[];
}

/** A tensor in float32 and float64, and how far float32 was from float64 in two PyTorch runs. */
export interface Pair {
  readonly shape: readonly number[];
  readonly f32: Summary;
  readonly f64: Summary;
  readonly max_abs_diff: number;
  readonly alt_max_abs_diff?: number;
}

export type Pairs = Readonly<Record<string, Pair | null>>;

interface Arrays {
  readonly file: string;
  readonly arrays: Readonly<
    Record<string, { dtype: string; shape: number[]; offset: number; bytes: number }>
  >;
}

interface AdamPair {
  readonly step: number;
  readonly exp_avg: Pair;
  readonly exp_avg_sq: Pair;
}

export interface Case {
  readonly case: string;
  readonly net: string;
  readonly z_dim: number;
  readonly in_channels: number;
  readonly img_channels: number;
  readonly batch: number;
  readonly steps: number;
  readonly alpha: number;
  readonly fake: Pair;
  readonly d_real: Pair;
  readonly d_fake: Pair;
  readonly scalars: Readonly<Record<string, { f32: number; f64: number; f32_alt: number }>>;
  readonly critic_grads_drift0: Pairs;
  readonly "critic_grads_drift1e-3": Pairs;
  readonly gen_grads_before: Pairs;
  readonly gen_grads_after: Pairs;
  readonly critic_params_after: Pairs;
  readonly gen_params_after: Pairs;
  readonly critic_adam_after: Readonly<Record<string, AdamPair | null>>;
  readonly gen_adam_after: Readonly<Record<string, AdamPair | null>>;
  readonly trajectory: Readonly<Record<string, { f32: number[]; f64: number[] }>>;
  readonly trajectory_usable_steps: number;
  readonly inputs: Arrays;
  readonly expected: Arrays;
}

interface GrowingRun {
  readonly losses: Readonly<Record<string, { f32: number[]; f64: number[] }>>;
  readonly adam_step: Readonly<Record<Network, Readonly<Record<string, number | null>>>>;
  readonly exp_avg_sq: Readonly<Record<Network, Pairs>>;
  readonly final_params: Readonly<Record<Network, Pairs>>;
}

export interface Growing {
  readonly case: string;
  readonly net: string;
  readonly batch: number;
  readonly schedule: readonly { steps: number; alpha: number }[];
  readonly inputs: Arrays;
  readonly set_to_none_true: GrowingRun;
}

export interface EdgeEntry {
  readonly steps: number;
  readonly alpha: number;
  readonly d: readonly (number | string)[];
  readonly input_grad: Summary;
  readonly gp: number | string;
  readonly input_grad_is_finite: boolean;
  readonly gp_param_grads_finite: boolean;
}

export interface Edges {
  readonly net: string;
  readonly entries: ReadonlyMap<string, EdgeEntry>;
  readonly inputs: Arrays;
}

function readJson(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(goldFolder, ...path), "utf8"));
}

/** Every JSON file of cases/ but the index, by what it holds. */
function caseFiles(): Record<string, unknown>[] {
  if (goldMissing) return [];
  const names = readdirSync(join(goldFolder, "cases")).filter(
    (name) => name.endsWith(".json") && name !== "index.json",
  );
  return names.map((name) => readJson("cases", name) as Record<string, unknown>);
}

const files = caseFiles();

/** The cases that the index lists, in its order. */
export const cases: readonly Case[] = goldMissing
  ? []
  : (readJson("cases", "index.json") as { case: string }[]).map((entry) => {
      const found = files.find((file) => file["case"] === entry.case && "trajectory" in file);
      if (!found) throw new Error(`the index names ${entry.case}, and there is no such file`);
      return found as unknown as Case;
    });

export const growing: readonly Growing[] = files.filter((file) => "schedule" in file) as unknown as Growing[];

export const edges: readonly Edges[] = files
  .filter((file) => !("case" in file) && "inputs" in file)
  .map((file) => ({
    net: file["net"] as string,
    inputs: file["inputs"] as Arrays,
    entries: new Map(
      Object.entries(file).filter((entry): entry is [string, EdgeEntry] => {
        const [, value] = entry;
        return typeof value === "object" && value !== null && "gp" in value;
      }),
    ),
  }));

/** The raw arrays beside a case, as float64 whatever they were stored as. */
export function readArrays({ file, arrays }: Arrays): Map<string, { shape: number[]; data: Float64Array }> {
  const bytes = readFileSync(join(goldFolder, "cases", file));
  return new Map(
    Object.entries(arrays).map(([name, { dtype, shape, offset, bytes: length }]) => {
      const part = bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + length);
      const data = dtype === "float64" ? new Float64Array(part) : Float64Array.from(new Float32Array(part));
      return [name, { shape, data }];
    }),
  );
}

interface NetInfo {
  readonly z_dim: number;
  readonly in_channels: number;
  readonly img_channels: number;
  readonly generator: NetFile;
  readonly critic: NetFile;
}

export interface NetFile {
  readonly file: string;
  readonly parameters: number;
  readonly state_dict_keys_in_order: readonly (readonly [string, readonly number[]])[];
  readonly optimizer_index_to_name: readonly string[];
}

export const nets: Readonly<Record<string, NetInfo>> = goldMissing
  ? {}
  : (readJson("nets", "nets.json") as Record<string, NetInfo>);

export function architectureOf(net: string): Architecture {
  const { z_dim: latent, in_channels: channels, img_channels: imageChannels } = nets[net]!;
  return { latent, channels, imageChannels };
}

/** The state in a pair of files, read as a user's plain PyTorch pair is. */
export async function loadNet(net: string): Promise<TrainState> {
  const info = nets[net]!;
  const architecture = architectureOf(net);
  const paths = new Map(networks.map((network) => [network, join(goldFolder, "nets", info[network].file)]));
  const parameters = new Map(
    networks.map((network) => [network, parametersOf(network, architecture).map(({ name }) => name)]),
  );
  const checkpoint = await loadCheckpoint({ from: "plain", files: paths }, { parameters });
  return fromNetworks(checkpoint.networks, architecture, dirname([...paths.values()][0]!));
}

/** A state's arrays as float64, for the reference. */
export function toFloat64(arrays: ReadonlyMap<string, NamedArray>): Map<string, Float64Array> {
  return new Map([...arrays].map(([name, { data }]) => [name, Float64Array.from(data)]));
}
