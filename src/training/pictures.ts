/** The pictures of a run: previews and real images, of which one that cannot be made stops no training. */
import { failureOf, isGuardapesosError, type ErrorCode } from "../base/errors.js";
import type { Emit } from "../events/event.js";
import { warning } from "../events/warning.js";
import type { TrainingConfig } from "../progan/config.js";
import type { ImageSet } from "../progan/image-source.js";
import type { Place } from "../progan/schedule.js";
import type { Engine } from "./engine.js";
import { writePreview, writeRealImages } from "./preview.js";

export interface Pictures {
  /** Draws the preview of a place. @returns its path; undefined when it could not */
  preview(place: Place): Promise<string | undefined>;
  /** Draws some of the images of a resolution as training sees them. */
  readonly showReal: (images: ImageSet) => Promise<void>;
}

/** What may go wrong with a picture alone; an engine that has died takes training with it. */
const ofPictures: ReadonlySet<ErrorCode> = new Set(["OUTPUT_NOT_WRITABLE", "ENGINE_MEMORY", "ENGINE_FAILED"]);

/**
 * @param folder where they are written
 * @param label how their names begin
 * @param config asked for each time: heat may change it
 */
export function createPictures(
  engine: Pick<Engine, "images">,
  { folder, label }: { readonly folder: string; readonly label: string },
  config: () => TrainingConfig,
  emit: Emit,
): Pictures {
  /** A picture is not worth a training. */
  const bestEffort = async (draw: () => Promise<string>): Promise<string | undefined> => {
    try {
      return await draw();
    } catch (error) {
      if (!isGuardapesosError(error) || !ofPictures.has(error.code)) throw error;
      emit(warning("SAMPLES_NOT_WRITTEN", failureOf(error)));
      return undefined;
    }
  };
  return {
    preview: (place) =>
      bestEffort(async () => {
        const path = await writePreview(engine, config(), place, folder, label);
        emit({ type: "preview-written", path, resolution: place.resolution, epoch: place.epoch });
        return path;
      }),
    async showReal(images) {
      await bestEffort(async () => {
        const path = await writeRealImages(images, folder, label);
        emit({ type: "real-images-written", path, resolution: images.resolution });
        return path;
      });
    },
  };
}
