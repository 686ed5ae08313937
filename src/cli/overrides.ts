/** The settings that change what a training is, over its preset or its checkpoint. */
import { GuardapesosError } from "../base/errors.js";
import type { TrainingConfig } from "../progan/config.js";
import type { TrainingSettings } from "./config-file.js";

/** Without the keys whose value is undefined. */
function given<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** @throws RESOLUTION_RANGE */
export function overridesOf(settings: TrainingSettings): Partial<TrainingConfig> {
  const { start, end } = settings;
  if (start !== undefined && end !== undefined && start > end) {
    throw new GuardapesosError("RESOLUTION_RANGE", { start, end });
  }
  return given({
    latent: settings.latent,
    channels: settings.channels,
    imageChannels: settings.imageChannels,
    start,
    end,
    epochs: settings.epochs,
    batchSizes: settings.batchSizes,
    accumulate: settings.accumulate,
    batchDivisor: settings.fullBatches === true ? 1 : undefined,
    precision: settings.precision,
    learningRate: settings.lr,
    seed: settings.seed,
    autosave: settings.autosave,
    phantoms: settings.phantoms,
  });
}
