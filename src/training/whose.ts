/**
 * Whose checkpoints a training may go on from: its own. Checkpoints from before the class was recorded bear labels that
 * several classes could have; the images that they were trained on tell whose they are, and nothing else does.
 */
import { GuardapesosError } from "../base/errors.js";
import type { Generation, Series } from "../checkpoint/index.js";
import { hasNames, isOf } from "../store/index.js";
import { formerLabel } from "../progan/image-source.js";
import { trainedOn, type TrainedOn } from "./progress.js";

/** What tells whether a checkpoint was trained on the images at hand. */
export type IsTrainedOn = (before: TrainedOn) => Promise<boolean>;

export interface Claim {
  readonly accepts: (generation: Generation) => boolean;
  /** Whether some that are not known to be this training's lie under its names: retention must not count them with it. */
  readonly apart: boolean;
}

/** The same for checkpoints that were trained on the same images. */
function imagesOf(generation: Generation): string {
  return JSON.stringify(generation.progress["data"] ?? null);
}

/**
 * @param generations newest first
 * @throws CHECKPOINT_OF_OTHERS there are checkpoints under the names of `series`, and not one is known to be of it
 */
export async function claim(
  generations: readonly Generation[],
  series: Series,
  isTrainedOn: IsTrainedOn,
): Promise<Claim> {
  const former = { ...series, label: series.class ? formerLabel(series.class) : series.label };
  const isUnnamed = (one: Generation): boolean => {
    const { class: own } = one.series;
    if (own === undefined) return hasNames(one, series) || hasNames(one, former);
    // Composed or decomposed letters: one class on two systems, or two in one folder.
    return own !== series.class && own?.normalize() === series.class?.normalize() && hasNames(one, series);
  };
  const trainedOnThese = new Map<string, boolean>();
  for (const one of generations.filter(isUnnamed)) {
    const images = imagesOf(one);
    if (trainedOnThese.has(images)) continue;
    const before = trainedOn(one.progress);
    trainedOnThese.set(images, before !== undefined && (await isTrainedOn(before)));
  }
  const accepts = (one: Generation): boolean =>
    isOf(one, series) || (isUnnamed(one) && trainedOnThese.get(imagesOf(one)) === true);
  if (!generations.some(accepts)) {
    const other = generations.find((one) => hasNames(one, series) || isUnnamed(one));
    if (other !== undefined) throw ofOthers(other, series);
  }
  return { accepts, apart: [...trainedOnThese.values()].includes(false) };
}

function ofOthers(
  { id, series: { class: other, label, name } }: Generation,
  wanted: Series,
): GuardapesosError {
  const data = { id, class: wanted.class ?? undefined, other, label, name };
  return new GuardapesosError("CHECKPOINT_OF_OTHERS", data);
}
