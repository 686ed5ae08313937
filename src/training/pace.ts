/** How fast training goes and how long it still takes, from the steps of this session. */
import { resolutions, type Resolution, type TrainingConfig } from "../progan/config.js";
import { epochsAt, type Place } from "../progan/schedule.js";

export interface Pace {
  /** @param seconds from the wish for the images to the end of the step */
  record(images: number, seconds: number): void;
  figures(
    place: Place,
    config: TrainingConfig,
    images: number,
  ): { imagesPerSecond: number; epochSecondsLeft: number; planSecondsLeft: number };
}

/** Steps over which the speed is smoothed, about. */
const memory = 20;

/** Work for one image at a resolution, in no unit: it grows with the pixels until the channels begin to halve. */
function work(resolution: Resolution): number {
  const steps = resolutions.indexOf(resolution);
  return steps <= 3 ? 4 ** steps : 4 ** 3 * (steps - 2);
}

export function createPace(): Pace {
  let secondsPerImage: number | undefined;
  return {
    record(images, seconds) {
      const own = seconds / images;
      secondsPerImage =
        secondsPerImage === undefined ? own : secondsPerImage + (own - secondsPerImage) / memory;
    },
    figures(place, config, images) {
      const perImage = secondsPerImage ?? 0;
      const left = (resolution: Resolution): number => {
        if (resolution < place.resolution || resolution > config.end) return 0;
        const done = resolution === place.resolution ? place.epoch * images + place.image : 0;
        return (
          Math.max(0, epochsAt(config, resolution) * images - done) *
          (work(resolution) / work(place.resolution))
        );
      };
      return {
        imagesPerSecond: perImage > 0 ? 1 / perImage : 0,
        epochSecondsLeft: place.image === 0 ? 0 : (images - place.image) * perImage,
        planSecondsLeft: resolutions.reduce((sum, resolution) => sum + left(resolution), 0) * perImage,
      };
    },
  };
}
