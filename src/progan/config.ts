/** What a training is: its architecture, its plan and its hyperparameters, with the presets. Pure data. */

import type { Precision } from "../engine/precision.js";

/** Side of the square images, in pixels. */
export const resolutions = [4, 8, 16, 32, 64, 128, 256, 512, 1024] as const;
export type Resolution = (typeof resolutions)[number];

export function isResolution(value: number): value is Resolution {
  return (resolutions as readonly number[]).includes(value);
}

/** Sizes that decide the shapes of all weights. */
export interface Architecture {
  /** Numbers in a latent vector. */
  readonly latent: number;
  /** Channels at 4x4 to 32x32; halved at each resolution above. */
  readonly channels: number;
  /** 1 (grey) or 3 (RGB). */
  readonly imageChannels: number;
}

/**
 * What the numbers of a training may be, wherever they come from: typed, from a file of settings, or from a checkpoint.
 * The upper ends lie beyond what any computer trains, and below what would make this program fail otherwise.
 */
export const bounds = {
  latent: { min: 1, max: 16_384 },
  channels: { min: 1, max: 16_384 },
  /** Fewer than what tells the epochs of two resolutions apart (see epochKey). */
  epochs: { min: 1, max: 999_999 },
  batchSizes: { min: 1, max: 65_536 },
  accumulate: { min: 1, max: 65_536 },
  seed: { min: 0 },
  phantoms: { min: 1, max: 10_000_000 },
  /** Of the processor. */
  threads: { min: 1, max: 1024 },
} as const;

/** Between two automatic saves: batches, minutes ("10m"), or an interval that follows from what a save costs. */
export type Autosave = number | `${number}m` | "auto";

/**
 * An interval as it is typed or was saved. What it answers, it takes again as the same.
 * @returns undefined for what is no interval
 */
export function autosaveOf(value: unknown): Autosave | undefined {
  if (value === "auto") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  // JavaScript writes small and large numbers with an exponent: 1e-7.
  const isMinutes = typeof value === "string" && /^\d+(\.\d+)?(e[+-]?\d+)?m$/.test(value);
  const minutes = isMinutes ? Number.parseFloat(value) : 0;
  return minutes > 0 && Number.isFinite(minutes) ? `${minutes}m` : undefined;
}

export interface TrainingConfig extends Architecture {
  /** First and last resolution of the plan. */
  readonly start: Resolution;
  readonly end: Resolution;
  /** Epochs at each resolution, 4 to 1024. */
  readonly epochs: readonly number[];
  /** Images in a batch at each resolution, 4 to 1024. */
  readonly batchSizes: readonly number[];
  /** Batches whose gradients are averaged into one optimizer step. */
  readonly accumulate: number;
  /**
   * What heat has made of the batches: each is divided by this, and a step has as many more of them, so that a step's images
   * stay the same. 1, or a power of two.
   */
  readonly batchDivisor: number;
  /** What networks and gradients are computed in; weights and their updates are float32 always. */
  readonly precision: Precision;
  readonly learningRate: number;
  readonly seed: number;
  readonly autosave: Autosave;
  /** Procedural OCT images per epoch when there is no image folder. */
  readonly phantoms: number;
}

const everywhere = (value: number): number[] => resolutions.map(() => value);

const rtx3070: TrainingConfig = {
  latent: 256,
  channels: 256,
  imageChannels: 3,
  start: 4,
  end: 1024,
  epochs: everywhere(20),
  batchSizes: [16, 16, 12, 8, 6, 4, 3, 2, 1],
  accumulate: 2,
  batchDivisor: 1,
  precision: "float32",
  learningRate: 1e-3,
  seed: 42,
  autosave: 500,
  phantoms: 1200,
};

export const presets = {
  /** Two CPU cores, about three minutes, 4x4 to 32x32. */
  demo: {
    ...rtx3070,
    latent: 64,
    channels: 32,
    imageChannels: 1,
    end: 32,
    epochs: [4, 4, 4, 14, 14, 14, 14, 14, 14],
    batchSizes: [16, 16, 16, 16, 8, 4, 2, 2, 1],
    accumulate: 1,
    autosave: 50,
    phantoms: 512,
  },
  rtx3070,
  /** The seed page's smaller batches for a card that runs hot. */
  conservative: { ...rtx3070, batchSizes: [8, 8, 6, 4, 3, 2, 2, 1, 1], accumulate: 4 },
  /** 512 channels and latent 512: the networks of the paper, 582 MB a checkpoint. */
  full: { ...rtx3070, latent: 512, channels: 512 },
} as const satisfies Record<string, TrainingConfig>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as PresetName[];
export const defaultPreset: PresetName = "rtx3070";

/** Hyperparameters that the reference fixes and no flag changes. */
export const adamBetas: readonly [number, number] = [0, 0.99];
export const adamEps = 1e-8;
export const gradientPenaltyWeight = 10;
export const driftWeight = 0.001;
