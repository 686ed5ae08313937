/**
 * One retina with drusen, made up from random numbers: where things are, and how strong. The measures are those of
 * macular OCT scans of 512x496 pixels; lengths are in 512ths of the image's side.
 *
 * Not a model of any eye: it stands in for a folder of scans, and must be as hard to learn as one.
 */

/** Numbers in [0, 1), one after another. */
export type Draw = () => number;

interface Bump {
  readonly x: number;
  readonly height: number;
  readonly width: number;
}

interface Druse extends Bump {
  /** 2: a bell; more: a dome with steeper sides. */
  readonly steepness: number;
}

export interface Lumen {
  readonly x: number;
  readonly depth: number;
  readonly radiusX: number;
  readonly radiusY: number;
}

interface Wave {
  readonly length: number;
  readonly phase: number;
  readonly height: number;
}

/** One eye, one scan. */
export interface Anatomy {
  readonly foveaX: number;
  /** Of the dip at the fovea; a depth of 1 leaves no inner layers there. */
  readonly pitWidth: number;
  readonly pitDepth: number;
  /** Bruch's membrane, under everything: its height in the middle, its slope, and how far its ends curve up. */
  readonly baseY: number;
  readonly tilt: number;
  readonly bend: number;
  readonly waves: readonly Wave[];
  /** Scales every inner layer. */
  readonly thickness: number;
  /** Side on which the nerve fibres thicken towards the optic disc: -1 or 1. */
  readonly nasal: number;
  /** How much they thicken. */
  readonly fibres: number;
  readonly drusen: readonly Druse[];
  /** Where the drusen are, and where their pigment line is uneven. */
  readonly clusterX: number;
  readonly clusterWidth: number;
  readonly roughness: number;
  /** Columns where more light reaches the choroid. */
  readonly windows: readonly Bump[];
  /** Vessels of the choroid, cut across. */
  readonly lumens: readonly Lumen[];
  /** Depth at which the choroid's light has faded to 1/e. */
  readonly choroidDepth: number;
  readonly choroidGain: number;
  /** Retinal vessels: they cast shadows. */
  readonly vessels: readonly Bump[];
  /** Height of a detached vitreous membrane above the retina. */
  readonly hyaloid: number | undefined;
  /** The scanner's: how bright, and how bright where there is nothing. */
  readonly gain: number;
  readonly floor: number;
}

function between(draw: Draw, low: number, high: number): number {
  return low + (high - low) * draw();
}

function several<Item>(count: number, make: () => Item): Item[] {
  return Array.from({ length: count }, make);
}

/** Takes fewer than 300 numbers. */
export function drawAnatomy(draw: Draw): Anatomy {
  const foveaX = 256 + 150 * (draw() - 0.5) + 60 * (draw() - 0.5);
  const clusterX = foveaX + between(draw, -90, 90);
  const clusterWidth = between(draw, 30, 150);
  const large = draw() < 0.3;
  return {
    foveaX,
    pitWidth: between(draw, 34, 52),
    pitDepth: between(draw, 0.8, 1),
    baseY: between(draw, 195, 320),
    tilt: 0.2 * (draw() + draw() - 1),
    bend: draw() < 0.2 ? between(draw, -14, 6) : 70 * draw() ** 2,
    waves: [900, 420, 230].map((length) => ({
      length: length * between(draw, 0.8, 1.2),
      phase: draw() * 2 * Math.PI,
      height: (length / 230) * between(draw, 0.3, 1.2),
    })),
    thickness: between(draw, 0.75, 1.1),
    nasal: draw() < 0.5 ? -1 : 1,
    fibres: between(draw, 4, 20),
    drusen: several(2 + Math.floor(draw() * 10), () => {
      const height = (large ? 6 : 3) + (large ? 24 : 14) * draw() ** 2;
      return {
        x: clusterX + clusterWidth * 2 * (draw() + draw() - 1),
        height,
        width: 4 + height * between(draw, 0.25, 0.8),
        steepness: between(draw, 2, 4),
      };
    }),
    clusterX,
    clusterWidth,
    roughness: between(draw, 0.4, 2.2),
    windows: several(Math.floor(draw() * 3.5), () => ({
      x: clusterX + 2 * clusterWidth * (draw() + draw() - 1),
      height: between(draw, 0.2, 0.9),
      width: between(draw, 5, 22),
    })),
    lumens: several(14 + Math.floor(draw() * 16), () => ({
      x: draw() * 512,
      depth: between(draw, 16, 62),
      radiusX: between(draw, 5, 20),
      radiusY: between(draw, 4, 11),
    })),
    choroidDepth: between(draw, 34, 72),
    choroidGain: between(draw, 0.75, 1.15),
    vessels: several(2 + Math.floor(draw() * 6), () => ({
      x: draw() * 512,
      height: between(draw, 0.1, 0.42),
      width: between(draw, 1.5, 6),
    })),
    hyaloid: draw() < 0.2 ? between(draw, 25, 70) : undefined,
    gain: between(draw, 0.82, 1.14),
    floor: between(draw, 18, 29),
  };
}
