/**
 * One retina (phantom-anatomy.ts) -> what an OCT B-scan of it looks like: a reflectivity for each layer, then the optics:
 * shadows, depth, speckle. Brightness is in 255ths, fitted to the mean depth profile and the speckle of real scans.
 */
import { drawAnatomy, type Anatomy, type Draw, type Lumen } from "./phantom-anatomy.js";

/** Side of a drawing in pixels. */
export type DrawingSize = 128 | 256 | 512;

/** Unsigned 32-bit numbers, one after another. */
export type Bits = () => number;

/** Smooth random surface: random values on a lattice, interpolated. */
interface Texture {
  /** In [-1, 1]; one lattice cell per unit. */
  readonly at: (u: number, v: number) => number;
}

function makeTexture(random: Bits): Texture {
  const side = 64;
  const lattice = Float32Array.from({ length: side * side }, () => random() / 2 ** 31 - 1);
  return {
    at(u, v) {
      const column = Math.floor(u);
      const row = Math.floor(v);
      let a = u - column;
      let b = v - row;
      a *= a * (3 - 2 * a);
      b *= b * (3 - 2 * b);
      const top = (row & (side - 1)) * side;
      const bottom = ((row + 1) & (side - 1)) * side;
      const left = column & (side - 1);
      const right = (column + 1) & (side - 1);
      const upper = lattice[top + left]! * (1 - a) + lattice[top + right]! * a;
      const lower = lattice[bottom + left]! * (1 - a) + lattice[bottom + right]! * a;
      return upper * (1 - b) + lower * b;
    },
  };
}

/** The curves of one column: depths in 512ths from the top. */
interface Column {
  /** Where one layer ends and the next begins, from the vitreous down, and the reflectivity there. */
  readonly depths: Float32Array;
  readonly values: Float32Array;
  readonly ellipsoid: number;
  readonly pigment: number;
  readonly bruch: number;
  readonly lift: number;
}

const bell = (distance: number, width: number): number => Math.exp(-0.5 * (distance / width) ** 2);

/** Reflectivity of the layers, of 255: what real scans average. */
const layer = {
  fibres: 138,
  ganglion: 95,
  plexiform: 86,
  innerNuclear: 61,
  outerPlexiform: 94,
  outerNuclear: 47,
  innerSegments: 60,
  outerSegments: 84,
};

const highestLift = 38;

function columnAt(x: number, eye: Anatomy, texture: Texture): Column {
  const across = x / 512 - 0.5;
  let bruch = eye.baseY + eye.tilt * 512 * across - eye.bend * 4 * across * across;
  for (const { length, phase, height } of eye.waves)
    bruch += height * Math.sin((x / length) * 2 * Math.PI + phase);
  let lift = 0;
  for (const { x: at, height, width, steepness } of eye.drusen) {
    lift += height * Math.exp(-0.5 * Math.abs((x - at) / width) ** steepness);
  }
  const uneven = eye.roughness * bell(x - eye.clusterX, 1.5 * eye.clusterWidth);
  lift += uneven * (1 + texture.at(x / 8, 1.5) + 0.5 * texture.at(x / 3.5, 2.5));

  lift = highestLift * Math.tanh(lift / highestLift);

  const fromFovea = x - eye.foveaX;
  const pit = eye.pitDepth * bell(fromFovea, eye.pitWidth);
  const rim = 0.16 * bell(Math.abs(fromFovea) - 2.4 * eye.pitWidth, eye.pitWidth);
  const inner = eye.thickness * (1 - pit + rim - 0.12 * (fromFovea / 300) ** 2);
  const towardsDisc = Math.min(1, Math.max(0, (eye.nasal * fromFovea - 60) / 240));

  const pigment = bruch - 4 - lift;
  const ellipsoid = pigment - 10.5 + Math.min(4, 0.2 * lift);
  const limiting = ellipsoid - 7;
  // Drusen push the nuclear layer thin before they move, and squeeze, anything above it.
  const outerPlexiformEnd = Math.min(bruch - 37 - 20 * pit, limiting - 4);
  const fibres = 3 + (3 + eye.fibres * towardsDisc ** 1.5) * inner;
  const surface =
    Math.min(bruch - 37 - 20 * pit - 43 * inner - fibres, outerPlexiformEnd - 20 * inner - 3) - 0.12 * lift;
  const innerThickness = outerPlexiformEnd - surface;
  const share = fibres / (fibres + 43 * inner);
  const at = (part: number) => surface + innerThickness * (share + (1 - share) * part);

  const steps: readonly (readonly [end: number, above: number, below: number])[] = [
    [surface, 0, layer.fibres],
    [at(0), layer.fibres, layer.ganglion],
    [at(13 / 43), layer.ganglion, layer.plexiform],
    [at(24 / 43), layer.plexiform, layer.innerNuclear],
    [at(34 / 43), layer.innerNuclear, layer.outerPlexiform],
    [outerPlexiformEnd, layer.outerPlexiform, layer.outerNuclear],
    [limiting, layer.outerNuclear, layer.innerSegments],
    [ellipsoid, layer.innerSegments, layer.outerSegments],
    [pigment, layer.outerSegments, 108],
  ];
  const soft = 1.5;
  const depths = new Float32Array(steps.length * 2);
  const values = new Float32Array(steps.length * 2);
  for (const [i, [end, above, below]] of steps.entries()) {
    depths[2 * i] = end - soft;
    values[2 * i] = above;
    depths[2 * i + 1] = end + soft;
    values[2 * i + 1] = below;
  }
  return { depths, values, ellipsoid, pigment, bruch, lift };
}

/**
 * @param draw for the anatomy: the same numbers give the same eye at every size
 * @param random for textures and speckle: fast, called once per pixel
 * @returns (size, size) values, 0 to 255 and a little beyond
 */
export function drawScan(size: DrawingSize, draw: Draw, random: Bits): Float32Array {
  const eye = drawAnatomy(draw);
  const texture = makeTexture(random);
  const scan = new Float32Array(size * size);
  for (let column = 0; column < size; column++) drawColumn(scan, size, column, eye, texture);
  return addSpeckle(scan, size, eye.floor, random);
}

/** Fills one column with the light that comes back from each depth. */
function drawColumn(scan: Float32Array, size: number, column: number, eye: Anatomy, texture: Texture): void {
  const unit = 512 / size;
  const x = (column + 0.5) * unit;
  const { depths, values, ellipsoid, pigment, bruch, lift } = columnAt(x, eye, texture);
  const surface = depths[0]!;

  let shadow = 1;
  for (const vessel of eye.vessels) shadow *= 1 - vessel.height * bell(x - vessel.x, vessel.width);
  let window = 0;
  for (const { x: at, height, width } of eye.windows) window = Math.max(window, height * bell(x - at, width));
  const through =
    shadow * (1 + window) * (1 + 0.18 * texture.at(x / 30, 11.5) + 0.1 * texture.at(x / 4, 13.5));
  const edges = 1 - 0.25 * ((x - 256) / 256) ** 4;
  const gain = eye.gain * edges * (1 + 0.12 * texture.at(x / 90, 7.5) + 0.05 * texture.at(x / 9, 3.5));
  const lumens = eye.lumens.filter((lumen) => Math.abs(x - lumen.x) < 1.5 * lumen.radiusX);

  // Lines thinner than a pixel keep their light.
  const spread = (width: number) => Math.sqrt(width * width + (0.35 * unit) ** 2);
  const ellipsoidWidth = spread(2);
  const pigmentWidth = spread(3.3);
  const intact = Math.max(0.3, 1 - lift / 24);
  const ellipsoidPeak = ((84 * 2) / ellipsoidWidth) * intact * (1 + 0.25 * texture.at(x / 14, 40.5));
  const pigmentPeak = ((112 * 3.3) / pigmentWidth) * (1 + 0.22 * texture.at(x / 11, 50.5));

  let step = 0;
  for (let row = 0; row < size; row++) {
    const y = (row + 0.5) * unit;
    while (step < depths.length && depths[step]! < y) step++;
    let light = 0;
    if (step === 0) {
      if (eye.hyaloid !== undefined) light = 14 * bell(y - surface + eye.hyaloid, 2.2);
    } else if (step < depths.length) {
      const share = (y - depths[step - 1]!) / (depths[step]! - depths[step - 1]! || 1);
      light = values[step - 1]! + (values[step]! - values[step - 1]!) * Math.min(1, share);
      // The vessels lie in the layer of nerve fibres and darken what is below them.
      light *= (1 + 0.1 * texture.at(x / 13, (y - bruch) / 4)) * (step > 2 ? 0.5 + 0.5 * shadow : 1);
    } else {
      light = belowPigment(x, y, y - bruch, eye, lumens, texture) * through;
    }
    if (Math.abs(y - pigment) < 24) {
      const lines =
        ellipsoidPeak * bell(y - ellipsoid, ellipsoidWidth) + pigmentPeak * bell(y - pigment, pigmentWidth);
      light += lines * shadow;
    }
    scan[row * size + column] = light * gain;
  }
}

/** What fills drusen, then the choroid: bright, fading, with dark vessels. */
function belowPigment(
  x: number,
  y: number,
  depth: number,
  eye: Anatomy,
  lumens: readonly Lumen[],
  texture: Texture,
): number {
  if (depth < 0) return 100;
  let light = 106 * eye.choroidGain * Math.exp(-depth / eye.choroidDepth);
  if (light < 2) return light;
  const stroma = Math.min(1, depth / 10);
  light *= 1 + stroma * (0.3 * texture.at(x / 17 + 20, y / 10) + 0.16 * texture.at(x / 6, y / 5 + 30));
  let dark = 0;
  for (const lumen of lumens) {
    const distance = ((x - lumen.x) / lumen.radiusX) ** 2 + ((depth - lumen.depth) / lumen.radiusY) ** 2;
    if (distance < 2) dark = Math.max(dark, Math.min(1, 2 - distance));
  }
  return light * (1 - 0.38 * dark);
}

/**
 * Speckle at each size of drawing. At 512 neighbours share it as measured in real scans (correlation 0.55 at one pixel,
 * 0.1 at two); a smaller drawing's pixel is the mean of 4 or 16 of those, so its speckle is weaker and less shared.
 */
const speckle = {
  /** Weight of each neighbour. */
  blur: { 512: 0.2, 256: 0.1, 128: 0.045 },
  /** Standard deviation, of that at 512. */
  spread: { 512: 1, 256: 0.77, 128: 0.48 },
} as const;

/** Standard deviation of the sum of two numbers uniform in [0, 1). */
const rawSpread = Math.sqrt(1 / 6);

/** Adds the detector's floor, which depth dims and light hides, and speckle, which grows with the light. */
function addSpeckle(scan: Float32Array, size: DrawingSize, floor: number, random: Bits): Float32Array {
  const noise = new Float32Array(size * size);
  for (let i = 0; i < noise.length; i++) {
    const bits = random();
    noise[i] = ((bits & 0xffff) + (bits >>> 16)) / 2 ** 16 - 1;
  }
  const side = speckle.blur[size];
  blur(noise, size, 1, size, side);
  blur(noise, size, size, 1, side);
  const scale = speckle.spread[size] / (rawSpread * ((1 - 2 * side) ** 2 + 2 * side ** 2));
  for (let row = 0; row < size; row++) {
    const level = floor * (1 - Math.max(0, row / size - 0.4));
    for (let column = 0; column < size; column++) {
      const i = row * size + column;
      const light = scan[i]!;
      // Measured: 14 of 25 in the vitreous, 5 of 50 in the choroid, 11 of 90 within the retina.
      const share = 80 / (80 + light);
      const left = level * share * share;
      const spread = 0.55 * left * share * share * share * share + 0.09 * light;
      scan[i] = light + left + spread * scale * noise[i]!;
    }
  }
  return scan;
}

/** Weights (side, 1 - 2 side, side) along lines of `size` elements `step` apart, lines `next` apart. */
function blur(field: Float32Array, size: number, step: number, next: number, side: number): void {
  for (let line = 0; line < size; line++) {
    let before = field[line * next]!;
    for (let i = 0; i < size; i++) {
      const at = line * next + i * step;
      const here = field[at]!;
      const after = i + 1 < size ? field[at + step]! : here;
      field[at] = (1 - 2 * side) * here + side * (before + after);
      before = here;
    }
  }
}
