/** What a trainer can be asked, and what it answers: also what passes between the engine's thread and the loop's. */
import type { NamedArray } from "../base/named-arrays.js";
import type { Precision } from "../engine/precision.js";
import type { EngineOptions } from "../engine/session.js";
import type { Architecture, Resolution } from "../progan/config.js";
import type { Network } from "../progan/parameters.js";
import type { BatchPlan } from "../progan/schedule.js";
import type { TrainState } from "./state.js";

export interface TrainerOptions {
  readonly architecture: Architecture;
  /** Of the latent vectors and the penalty's mixing. */
  readonly seed: number;
  readonly engine: EngineOptions;
  /** Adam's; of no use to who only draws. */
  readonly learningRate: number;
  /** What gradients are computed in; weights, their updates and images are float32 always. Left out: float32. */
  readonly precision?: Precision;
}

/** The random numbers of a batch, by its number: latent vectors (size, latent), and beta (size) for the penalty. */
export type Noise = (
  index: number,
  size: number,
) => { latent: Float32Array<ArrayBuffer>; beta: Float32Array<ArrayBuffer> };

export interface BatchData extends BatchPlan {
  /** (size, image channels, resolution, resolution) in [-1, 1]. */
  readonly images: Float32Array<ArrayBuffer>;
}

export interface StepRequest {
  readonly resolution: Resolution;
  readonly alpha: number;
  readonly batches: readonly BatchData[];
  /** Whether to give back the state as it was before this step. */
  readonly handOver: boolean;
  /** Memory of states that were handed over and are needed no more. */
  readonly spare?: readonly ArrayBuffer[];
}

export interface Losses {
  readonly criticLoss: number;
  readonly generatorLoss: number;
  readonly gradientPenalty: number;
  /** Mean critic score of the real and of the generated images. */
  readonly realScore: number;
  readonly fakeScore: number;
}

export interface StepResult {
  readonly losses: Losses;
  /** The state before the step, if it was asked for. */
  readonly before: TrainState | undefined;
  /** Updates that were left out because gradients overflowed, and the loss scale from now on. */
  readonly skipped: readonly SkippedUpdate[];
}

export interface SkippedUpdate {
  readonly network: Network;
  readonly scale: number;
  /** Over all sessions, this one included. */
  readonly skipped: number;
}

export interface ImageRequest {
  readonly resolution: Resolution;
  readonly alpha: number;
  /** (count, latent) */
  readonly latents: NamedArray;
}

/**
 * Every array of a state that a trainer gives away has a buffer of its own that the trainer uses no more, or lies in shared
 * memory that nobody writes to.
 */
export interface Trainer {
  /** Makes the graphs of a resolution, so that the first step does not have to. `batches`: the sizes in that step. */
  prepare(resolution: Resolution, batches: readonly number[], alpha: number): Promise<void>;
  step(request: StepRequest): Promise<StepResult>;
  /** (count, image channels, resolution, resolution) from latent vectors. */
  images(request: ImageRequest): Promise<NamedArray>;
  /** A copy of the state now. */
  copy(): Promise<TrainState>;
  /** The state now, to be read before anything else is asked: the trainer goes on writing to it. */
  view(): Promise<TrainState>;
  /** Bytes of the state. */
  readonly bytes: number;
  /** The state now, which the trainer then no longer has. */
  take(): Promise<TrainState>;
  release(): Promise<void>;
}
