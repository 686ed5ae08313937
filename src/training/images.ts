/**
 * Which images a training is on: those that were asked for, else those that its checkpoint was trained on. Generated ones
 * stand in for nobody's: only a training that begins, or began, without images has them.
 */
import * as z from "zod";
import { GuardapesosError, isGuardapesosError } from "../base/errors.js";
import type { ImageFault, SpillTrouble } from "../base/image-note.js";
import {
  listGenerations,
  seriesFilter,
  type Checkpoint,
  type Generation,
  type Series,
} from "../checkpoint/index.js";
import { wholeFolder } from "../progan/folder-layout.js";
import { openImageFolder } from "../progan/image-folder.js";
import type { ImageSource } from "../progan/image-source.js";
import { openPhantoms, phantomFingerprint } from "../progan/phantom.js";
import type { Emit } from "../events/event.js";
import { warning } from "../events/warning.js";
import type { RunOptions } from "./options.js";
import { fromJson, trainedOn, type Progress, type TrainedOn } from "./progress.js";
import type { Beginning } from "./resume.js";
import type { IsTrainedOn } from "./whose.js";

/** The class that phantoms stand in for. */
const phantomLabel = "DRUSEN";

/** Where the images of a checkpoint were when it was saved, on this computer. */
interface Remembered {
  /** What was given as `--data`, as an absolute path. */
  readonly folder: string;
  readonly class: string;
  /** The folder, of that class where it has one, in which they all lay. */
  readonly images: string;
}

const schema = z.object({
  data: z.object({ folder: z.string(), class: z.string(), images: z.string() }),
});

/** What a checkpoint's manifest remembers of images. A path may name patients, so no `.pth` has it. */
export function localOf({ origin, className, description }: ImageSource): Checkpoint["local"] {
  if (origin === undefined || className === undefined) return undefined;
  const remembered: Remembered = { folder: origin, class: className, images: description };
  return { data: { ...remembered } };
}

function rememberedIn(local: Checkpoint["local"]): Remembered | undefined {
  const parsed = schema.safeParse(local);
  return parsed.success ? parsed.data.data : undefined;
}

const isDrawn = ({ data, config: { seed, phantoms } }: TrainedOn): boolean =>
  data.fingerprint === phantomFingerprint(seed, phantoms);

/** Images that a run is to be on. */
type Wanted =
  | { readonly from: "folder"; readonly folder: string; readonly className: string | undefined }
  /** `id`: of the checkpoint that remembers them. */
  | { readonly from: "remembered"; readonly id: string; readonly data: Remembered }
  | { readonly from: "phantoms" };

/** What a run is for, as far as that is known before its checkpoint is read. */
export interface Purpose {
  readonly series: Series;
  /** Tells the checkpoints of this class among those that do not say theirs. */
  readonly isTrainedOn: IsTrainedOn;
  /** The images to train on; undefined: those of the checkpoint that it goes on from, or new ones. */
  readonly images: Wanted | undefined;
}

type Asked = Pick<RunOptions, "data" | "className" | "weights" | "name" | "fresh" | "resume" | "overrides">;

/**
 * Finds out what a run is for.
 * @throws what openImageFolder throws
 * @throws OPTION_NEEDS a class is asked for, and no folder is known that it could be in
 * @throws DATA_NEEDED a fresh start beside a training on images that it does not know the place of
 */
export async function purposeOf(asked: Asked): Promise<Purpose> {
  const { data, className, name, fresh } = asked;
  if (data !== undefined) return purposeIn(data, className, name);
  const drawn: Purpose = {
    series: { label: phantomLabel, name, class: null },
    isTrainedOn: (before) => Promise.resolve(isDrawn(before)),
    images: { from: "phantoms" },
  };
  const wantsDrawn = asked.overrides.phantoms !== undefined;
  if (fresh && wantsDrawn && className === undefined) return drawn;

  const whole = await generationsFor(asked);
  const own = whole.filter(({ series }) => series.name === name);
  const ofClass = own.filter(hasClass(own, asked));
  const newest =
    whole.find(({ id }) => id === asked.resume) ??
    (wantsDrawn ? ofClass.find(isOnDrawn) : undefined) ??
    ofClass[0];
  if (newest === undefined) {
    // A pair of files may be found that it goes on from.
    if (className === undefined) return { ...drawn, images: fresh ? drawn.images : undefined };
    // Another class of the folder that is trained on.
    const [folder] = own.flatMap(({ local }) => rememberedIn(local)?.folder ?? []);
    if (folder !== undefined) return purposeIn(folder, className, name);
    throw new GuardapesosError("OPTION_NEEDS", { option: "--class", needed: "--data" });
  }
  const going = { series: { ...newest.series, name }, isTrainedOn: () => Promise.resolve(true) };
  if (!fresh) return { ...going, images: undefined };
  return {
    ...going,
    images: imagesOf({ ...newest, label: newest.series.label, saved: fromJson(newest.progress) }, true),
  };
}

/** The checkpoints that a run may go on from: of the weights folder, or of another one that is named. */
async function generationsFor({ weights, resume }: Asked): Promise<readonly Generation[]> {
  const others = resume === undefined ? [] : (await listGenerations(resume)).whole;
  return others.length > 0 ? others : (await listGenerations(weights)).whole;
}

/** A test for the class that is asked for; without one, all pass. */
function hasClass(own: readonly Generation[], { className, weights }: Asked): (one: Generation) => boolean {
  try {
    return seriesFilter(own, { class: className }, weights);
  } catch (error) {
    if (isGuardapesosError(error) && error.code === "SERIES_NOT_FOUND") return () => false;
    throw error;
  }
}

async function purposeIn(folder: string, className: string | undefined, name: string): Promise<Purpose> {
  const source = await openImageFolder({ folder, className, channels: 1, onSkipped: () => undefined });
  return {
    series: { label: source.label, name, class: source.className },
    isTrainedOn: (before) => source.isThat(before.data),
    images: { from: "folder", folder, className },
  };
}

function isOnDrawn({ progress }: Generation): boolean {
  const before = trainedOn(progress);
  return before !== undefined && isDrawn(before);
}

/** Whose the checkpoints of a run are: images that are not asked for anew go on under the label that they had. */
export function seriesOf(
  { series, images }: Purpose,
  { from }: Beginning,
  { className }: Pick<ImageSource, "className">,
  { name }: Pick<RunOptions, "name">,
): Series {
  if (images !== undefined) return series;
  return { label: from?.label ?? series.label, name, class: className ?? null };
}

/** Whether images are others than those of a checkpoint, as far as both tell. */
export function differs(before: Progress["data"], now: Progress["data"]): boolean {
  const isSampled = before.sample !== undefined && now.sample !== undefined;
  return before.fingerprint !== now.fingerprint || (isSampled && before.sample !== now.sample);
}

/**
 * The images of a checkpoint.
 * @param mayDraw whether generated ones can be had for the asking: it is no training of ours, or a new one begins
 * @throws DATA_NEEDED
 */
function imagesOf(
  { id, local, label, saved }: Pick<NonNullable<Beginning["from"]>, "id" | "local" | "label" | "saved">,
  mayDraw: boolean,
): Wanted {
  const data = rememberedIn(local);
  if (data !== undefined) return { from: "remembered", id, data };
  if (saved !== undefined && isDrawn(saved)) return { from: "phantoms" };
  throw new GuardapesosError("DATA_NEEDED", { id, class: label, mayDraw });
}

/**
 * Opens the images of a run.
 * @throws what openImageFolder throws; DATA_GONE; DATA_NEEDED
 */
export async function openImages(
  { images }: Purpose,
  { overrides }: Pick<RunOptions, "overrides">,
  { config, from }: Beginning,
  emit: Emit,
): Promise<ImageSource> {
  const { imageChannels: channels, phantoms: count, seed } = config;
  const onUncached = (trouble: SpillTrouble): void => emit(warning("IMAGES_NOT_CACHED", trouble));
  const isPlain = from !== undefined && from.saved === undefined;
  const drawn: Wanted = { from: "phantoms" };
  const isAskedFor = isPlain && overrides.phantoms !== undefined;
  const wanted = images ?? (from === undefined || isAskedFor ? drawn : imagesOf(from, isPlain));
  if (wanted.from === "phantoms") return openPhantoms({ count, seed, channels, onUncached });
  const options = {
    channels,
    onSkipped: (path: string, fault: ImageFault, page?: number) =>
      emit({ type: "image-skipped", path, ...fault, ...(page === undefined ? {} : { page }) }),
    onNote: emit,
    onUncached,
  };
  if (wanted.from === "folder") return openImageFolder({ ...options, ...wanted });
  const { folder: origin, class: className, images: folder } = wanted.data;
  try {
    // The very folder in which they lay, whatever lies beside it by now.
    const source = await openImageFolder({ ...options, folder, className: wholeFolder });
    return { ...source, origin, className };
  } catch (error) {
    const isGone = isGuardapesosError(error) && ["FOLDER_NOT_FOUND", "NO_IMAGES"].includes(error.code);
    throw isGone ? new GuardapesosError("DATA_GONE", { id: wanted.id, folder }, error) : error;
  }
}
