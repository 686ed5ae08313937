/**
 * Images without a folder: drawn OCT scans, so that a training runs on a machine that has none. Each is a pure function
 * of (seed, index), the same eye at every resolution.
 */
import { createHash } from "node:crypto";
import { uniform } from "../base/random.js";
import { createImageCache, type CacheOptions } from "./image-cache.js";
import { enlarge } from "./image-decode.js";
import type { ImageSource } from "./image-source.js";
import type { Draw } from "./phantom-anatomy.js";
import { drawScan, type Bits, type DrawingSize } from "./phantom-scan.js";

/** Changes whenever the drawings do, so that a checkpoint knows other images from its own. */
const drawingVersion = 1;

export interface PhantomOptions extends CacheOptions {
  readonly count: number;
  readonly seed: number;
  /** 1, or 3 for the same grey in red, green and blue. */
  readonly channels: number;
}

/** As in ImageSet. */
export function phantomFingerprint(seed: number, count: number): string {
  const identity = `phantom ${drawingVersion} ${seed} ${count}`;
  return createHash("sha256").update(identity).digest("hex").slice(0, 16);
}

/** `count` drawings as an image source. */
export function openPhantoms(options: PhantomOptions): ImageSource {
  const { count, seed, channels } = options;
  const cache = createImageCache(options);
  return {
    className: undefined,
    label: "DRUSEN",
    description: "phantom",
    origin: undefined,
    files: count,
    async prepare(resolution, { onProgress, signal }) {
      const fail = (_: number, error: unknown): never => {
        throw error;
      };
      const { pixels } = await cache.fill(
        Array.from({ length: count }, (_, index) => index),
        {
          load: (index) => Promise.resolve(inChannels(drawPhantom(seed, index, resolution), channels)),
          imageBytes: channels * resolution ** 2,
          atOnce: 1,
          onProgress,
          signal,
          onUnusable: fail,
          onLost: fail,
        },
      );
      const fingerprint = phantomFingerprint(seed, count);
      return { count, resolution, channels, fingerprint, pixels };
    },
    look: () => undefined,
    releaseDisk: () => cache.releaseDisk(),
  };
}

/**
 * One drawing, grey, (resolution, resolution) bytes: drawn larger, at 128 to 512 pixels (what a scanner delivers), then
 * averaged down; beyond 512 enlarged. Takes about 2 ms for 32x32, 5 ms for 128x128, 25 ms for more.
 */
export function drawPhantom(seed: number, index: number, resolution: number): Uint8Array {
  const size: DrawingSize = resolution <= 32 ? 128 : resolution <= 128 ? 256 : 512;
  const numbers = uniform(seed, "phantom", index, 301);
  let next = 0;
  const draw: Draw = () => numbers[next++]!;
  const scan = drawScan(size, draw, fastRandom(Math.floor(draw() * 2 ** 24)));
  if (resolution <= size) return average(scan, size, resolution);
  const drawn = average(scan, size, size);
  const enlarged = new Uint8Array(resolution ** 2);
  enlarge({ data: drawn, width: size, height: size, stride: 1, offset: 0 }, enlarged, resolution);
  return enlarged;
}

/** Marsaglia's xorshift32: numbers for speckle, where speed matters more than quality. */
function fastRandom(start: number): Bits {
  let state = (start ^ 0x9e3779b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Means of square blocks, rounded, within 0 to 255. */
function average(scan: Float32Array, size: number, resolution: number): Uint8Array {
  const block = size / resolution;
  const out = new Uint8ClampedArray(resolution ** 2);
  const row = new Float32Array(resolution);
  for (let y = 0; y < resolution; y++) {
    row.fill(0);
    for (let dy = 0; dy < block; dy++) {
      const start = (y * block + dy) * size;
      // A detector clips each pixel, not their mean.
      for (let x = 0; x < size; x++)
        row[Math.floor(x / block)]! += Math.min(255, Math.max(0, scan[start + x]!));
    }
    for (let x = 0; x < resolution; x++) out[y * resolution + x] = row[x]! / block ** 2;
  }
  return new Uint8Array(out.buffer);
}

function inChannels(grey: Uint8Array, channels: number): Uint8Array {
  if (channels === 1) return grey;
  const planes = new Uint8Array(channels * grey.length);
  for (let channel = 0; channel < channels; channel++) planes.set(grey, channel * grey.length);
  return planes;
}
