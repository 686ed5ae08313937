/** The bytes of an image file -> square planes of pixels at the training's resolution. */
import { invariant } from "../base/invariant.js";
import { loadSharp } from "./sharp.js";

/**
 * Decodes, turns as the camera's orientation says, squashes to a square as torchvision's `Resize((R, R))` does (the
 * triangle filter, with antialiasing), and converts to grey or sRGB, 8 bits, what is transparent over black.
 *
 * Rejects with the decoder's message when the file is no image, is cut short, or cannot be decoded in full. A JPEG with
 * flipped bits that decodes to its last row is taken as it is: no decoder can tell. Mere warnings (an odd colour
 * profile, a private TIFF tag, a phone's unusual JPEG header) do not make an image unusable.
 * @param channels 1 or 3
 * @returns (channels, resolution, resolution) bytes
 */
export async function decodeImage(
  file: Uint8Array,
  resolution: number,
  channels: number,
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(file, { failOn: "error", autoOrient: true });
  const { autoOrient: size } = await image.metadata();
  const width = Math.min(size.width, resolution);
  const height = Math.min(size.height, resolution);
  const { data, info } = await image
    .resize(width, height, { fit: "fill", kernel: "linear" })
    .flatten({ background: "black" })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  invariant(info.channels === channels, `sharp converts to ${channels} channels, not ${info.channels}`);
  const planes = new Uint8Array(channels * resolution * resolution);
  for (let channel = 0; channel < channels; channel++) {
    const plane = planes.subarray(channel * resolution ** 2, (channel + 1) * resolution ** 2);
    if (width === resolution && height === resolution) {
      for (let i = 0; i < plane.length; i++) plane[i] = data[i * channels + channel]!;
    } else {
      enlarge({ data, width, height, stride: channels, offset: channel }, plane, resolution);
    }
  }
  return planes;
}

/** One channel among interleaved ones. */
interface Plane {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Elements from one pixel to the next, and before the first. */
  readonly stride: number;
  readonly offset: number;
}

/**
 * Bilinear enlargement to (resolution, resolution), pixel centres at halves, edges repeated. Ours because libvips, when
 * it enlarges, shifts the image by half a pixel and so blurs even the axis that keeps its size.
 */
export function enlarge(from: Plane, to: Uint8Array, resolution: number): void {
  const columns = samplePoints(from.width, resolution);
  const rows = samplePoints(from.height, resolution);
  // Of the two source rows that the current target row lies between, both enlarged along x.
  const stretch = (y: number): Float32Array => {
    const row = new Float32Array(resolution);
    const start = from.offset + y * from.width * from.stride;
    for (let x = 0; x < resolution; x++) {
      const left = from.data[start + columns.before[x]! * from.stride]!;
      const right = from.data[start + columns.after[x]! * from.stride]!;
      row[x] = left + (right - left) * columns.share[x]!;
    }
    return row;
  };
  let above: { y: number; row: Float32Array } = { y: -1, row: new Float32Array(0) };
  let below = above;
  for (let y = 0; y < resolution; y++) {
    const [before, after, share] = [rows.before[y]!, rows.after[y]!, rows.share[y]!];
    if (above.y !== before) above = below.y === before ? below : { y: before, row: stretch(before) };
    if (below.y !== after) below = above.y === after ? above : { y: after, row: stretch(after) };
    for (let x = 0; x < resolution; x++) {
      const value = above.row[x]!;
      to[y * resolution + x] = value + (below.row[x]! - value) * share + 0.5;
    }
  }
}

/** For each target position: the source positions before and after it, and how far it lies from the first. */
function samplePoints(source: number, target: number) {
  const before = new Int32Array(target);
  const after = new Int32Array(target);
  const share = new Float32Array(target);
  for (let i = 0; i < target; i++) {
    const position = Math.min(source - 1, Math.max(0, ((i + 0.5) * source) / target - 0.5));
    before[i] = Math.floor(position);
    after[i] = Math.min(source - 1, before[i]! + 1);
    share[i] = position - before[i]!;
  }
  return { before, after, share };
}
