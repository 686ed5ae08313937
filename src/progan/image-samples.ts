/** The samples of an image that are not bytes, just as they are stored, and how they become brightness. */
import { GuardapesosError } from "../base/errors.js";
import type { Extent, NumberType, PixelRange } from "../base/image-note.js";
import { loadSharp } from "./sharp.js";
import { asUnsigned, type TiffPage } from "./tiff.js";

export interface Samples {
  readonly numbers: NumberType;
  /** (height, width, stride): the colours first. */
  readonly values: Values;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
  readonly colors: 1 | 3;
  /** Transparency is the fourth of each pixel. */
  readonly hasAlpha: boolean;
  /** The smallest number is white. */
  readonly inverted: boolean;
  /** Of the colours. */
  readonly extent: Extent;
}

type Values = Int8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array;

/**
 * Reads them, turned as the camera's orientation says. Rejects with the decoder's message where that fails.
 * @param page of a TIFF
 * @throws IMAGE_NOT_READ when some are no numbers
 */
export async function readSamples(
  file: Uint8Array,
  numbers: NumberType,
  page: TiffPage | undefined,
): Promise<Samples> {
  const sharp = await loadSharp();
  // The decoder undoes this kind of compression for floats alone.
  const asFloat = page?.predictor === 3;
  const bytes = page && !asFloat ? asUnsigned(file, page) : file;
  const space = asFloat && page.photometric === 2 ? "scrgb" : numbers.endsWith("16") ? "rgb16" : "srgb";
  const options = { failOn: "error", autoOrient: true, ignoreIcc: true, page: page?.index ?? 0 } as const;
  const { channels } = await sharp(bytes, options).metadata();
  const { data, info } = await sharp(bytes, options)
    .pipelineColourspace(space)
    .toColourspace(space)
    .raw({ depth: asFloat ? "float" : depthOf[numbers] })
    .toBuffer({ resolveWithObject: true });
  const read = {
    numbers,
    values: valuesOf(numbers, data),
    stride: info.channels,
    width: info.width,
    height: info.height,
    colors: channels < 3 ? 1 : 3,
    hasAlpha: info.channels === 4 && (!page || page.extra[0] === 1 || page.extra[0] === 2),
    inverted: page?.photometric === 0,
  } as const;
  return { ...read, extent: extentOf(read) };
}

/** What has as many bits, without a sign. */
const depthOf = {
  int8: "uchar",
  uint16: "ushort",
  int16: "ushort",
  float16: "ushort",
  uint32: "uint",
  int32: "uint",
  float32: "uint",
} as const satisfies Record<NumberType, string>;

/** Bits -> the numbers that they are. */
function valuesOf(numbers: NumberType, data: Uint8Array): Values {
  // A copy begins where every type may.
  const { buffer } = Uint8Array.from(data);
  switch (numbers) {
    case "int8":
      return new Int8Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "float32":
      return new Float32Array(buffer);
    case "float16":
      return Float32Array.from(new Uint16Array(buffer), halfToNumber);
  }
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function extentOf({ values, stride, colors }: Omit<Samples, "extent">): Extent {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i += stride) {
    for (let color = i; color < i + colors; color++) {
      const value = values[color]!;
      if (!Number.isFinite(value)) throw new GuardapesosError("IMAGE_NOT_READ", { problem: "not-finite" });
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return { min, max };
}

/** (height, width, colors) from 0 black to 65535 white, what is transparent over black; what lies outside is clipped. */
export function brightnessOf(samples: Samples, { black, white }: PixelRange): Uint16Array {
  const { values, stride, colors, inverted } = samples;
  const opaque = opaqueOf(samples, white);
  const factor = 65_535 / (white - black);
  const bright = new Uint16Array((values.length / stride) * colors);
  for (let i = 0, to = 0; i < values.length; i += stride) {
    const alpha = opaque === undefined ? 1 : Math.min(1, Math.max(0, values[i + 3]! / opaque));
    for (let color = i; color < i + colors; color++) {
      const share = Math.min(65_535, Math.max(0, (values[color]! - black) * factor));
      bright[to++] = Math.round(alpha * (inverted ? 65_535 - share : share));
    }
  }
  return bright;
}

/** The most that a whole number of each type holds. */
const mostOf: Readonly<Partial<Record<NumberType, number>>> = {
  int8: 2 ** 7 - 1,
  uint16: 2 ** 16 - 1,
  int16: 2 ** 15 - 1,
  int32: 2 ** 31 - 1,
  uint32: 2 ** 32 - 1,
};

/**
 * What stands for no transparency: white, or, where there is more, the most that there can be. Transparency that hides
 * all of an image is none.
 */
function opaqueOf({ numbers, values, stride, hasAlpha }: Samples, white: number): number | undefined {
  if (!hasAlpha) return undefined;
  let most = 0;
  for (let i = 3; i < values.length; i += stride) if (values[i]! > most) most = values[i]!;
  if (most === 0) return undefined;
  return most <= white ? white : (mostOf[numbers] ?? most);
}
