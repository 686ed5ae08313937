/** What a checkpoint is, apart from how it lies on disk. Any set of networks, not only GANs. */
import type { NamedArray, NamedArrays } from "../base/named-arrays.js";
import type { Json } from "../base/plain-json.js";
import type { CheckpointKind } from "../store/index.js";

export type { CheckpointKind, Json };

/** Options of Adam as PyTorch's param_group names them. */
export interface AdamOptions {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
}

/** Adam's memory of one parameter. A parameter that never had a gradient has none. */
export interface AdamEntry {
  /** Updates so far, a whole number. */
  readonly step: number;
  /** First and second moment, of the parameter's shape. */
  readonly expAvg: NamedArray;
  readonly expAvgSq: NamedArray;
}

export interface AdamState {
  readonly options: AdamOptions;
  readonly entries: ReadonlyMap<string, AdamEntry>;
}

/** What the optimizer of a plain PyTorch file is. */
export interface ImportedOptimizer {
  /** "Adam", "SGD", ...; undefined when it is like none that is known. */
  readonly kind: string | undefined;
  /** Why its memory was not taken: it is not Adam's, it does not fit the weights, several could be meant; undefined when it was. */
  readonly left: "kind" | "fit" | "several" | undefined;
  /** Its options of one number or a few, as its first group has them: lr 0.001, betas "(0, 0.99)". */
  readonly options: ReadonlyMap<string, number | string>;
  /** Parameters with a memory: those that ever had a gradient. Empty when it does not fit. */
  readonly trained: readonly string[];
  /** Most updates of a parameter; 0 when it does not count them. */
  readonly steps: number;
}

/** One network and its optimizer: the content of one `.pth` file. */
export interface NetworkState {
  /** state_dict, in PyTorch's order. Two names with the same NamedArray object share one storage in the file. */
  readonly stateDict: NamedArrays;
  /** Names of the parameters in the optimizer's order; a shared parameter stands here once, under its first name. */
  readonly parameters: readonly string[];
  /** Absent in files that hold weights alone. */
  readonly adam: AdamState | undefined;
}

export interface Checkpoint {
  readonly kind: CheckpointKind;
  /** Optimizer steps so far; orders the generations. */
  readonly step: number;
  /** For a person: why this save happened, e.g. "SIGINT". */
  readonly reason: string;
  /** By network name, e.g. "generator" and "critic"; each becomes NAME.pth. */
  readonly networks: ReadonlyMap<string, NetworkState>;
  readonly progress: { readonly [key: string]: Json };
  /** Of a plain PyTorch pair, by network, for those that have one. */
  readonly optimizers?: ReadonlyMap<string, ImportedOptimizer>;
  /**
   * What concerns this computer alone, such as where the images lie: it goes into the manifest and never into a `.pth`, which
   * people hand on, and may name people.
   */
  readonly local?: { readonly [key: string]: Json } | undefined;
}
