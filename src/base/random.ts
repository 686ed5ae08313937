/**
 * Counter-based random numbers: a pure function of (seed, stream, position), so that a resumed run draws exactly what
 * an uninterrupted one would have drawn, with no generator state to save.
 *
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */

/** What the numbers are for. Streams never share numbers; their codes are part of the checkpoint format. */
const streams = { latent: 1, beta: 2, order: 3, flip: 4, weights: 5, preview: 6, phantom: 7 } as const;

export type Stream = keyof typeof streams;

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + (cross >>> 16)) >>> 0;
}

export type Block = [number, number, number, number];

/** One block of four unsigned 32-bit numbers from a counter of four and a key of two. */
export function philox(counter: Readonly<Block>, key: readonly [number, number]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = multiplyHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * `count` unsigned 32-bit numbers.
 * @param seed any safe non-negative integer
 * @param position where in the stream, e.g. a step or an image index: any safe non-negative integer
 */
function bits(seed: number, stream: Stream, position: number, count: number): Uint32Array {
  const out = new Uint32Array(count);
  const key = [seed >>> 0, (Math.floor(seed / 2 ** 32) ^ (streams[stream] << 24)) >>> 0] as const;
  const low = position >>> 0;
  const high = Math.floor(position / 2 ** 32) >>> 0;
  for (let block = 0; block * 4 < count; block++) {
    const four = philox([block, 0, low, high], key);
    for (let i = 0; i < 4 && block * 4 + i < count; i++) out[block * 4 + i] = four[i]!;
  }
  return out;
}

/** `count` numbers of the uniform distribution over [0, 1), exact multiples of 2^-24. */
export function uniform(
  seed: number,
  stream: Stream,
  position: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  const source = bits(seed, stream, position, count);
  for (let i = 0; i < count; i++) out[i] = (source[i]! >>> 8) / 2 ** 24;
  return out;
}

/** `count` numbers of the standard normal distribution (Box-Muller). */
export function normal(
  seed: number,
  stream: Stream,
  position: number,
  count: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  const pairs = Math.ceil(count / 2);
  const source = bits(seed, stream, position, pairs * 2);
  for (let pair = 0; pair < pairs; pair++) {
    // (0, 1], so that the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log((source[pair * 2]! + 1) / 2 ** 32));
    const angle = (2 * Math.PI * source[pair * 2 + 1]!) / 2 ** 32;
    out[pair * 2] = radius * Math.cos(angle);
    if (pair * 2 + 1 < count) out[pair * 2 + 1] = radius * Math.sin(angle);
  }
  return out;
}

/**
 * `count` numbers of the standard normal distribution, those further from 0 than `limit` drawn again (the
 * "truncation trick" of image generation).
 * @param limit in standard deviations, more than 0
 */
export function truncatedNormal(
  seed: number,
  stream: Stream,
  position: number,
  count: number,
  limit: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  let kept = 0;
  for (let offset = 0; kept < count; offset++) {
    // Each try has a position of its own, far from those that steps use.
    const at = position + offset * 2 ** 40;
    const drawn =
      limit < narrow ? narrowNormal(seed, stream, at, count, limit) : normal(seed, stream, at, count);
    for (const value of drawn) {
      if (kept < count && Math.abs(value) <= limit) out[kept++] = value;
    }
  }
  return out;
}

/** Below this limit few numbers of the distribution would be kept, and below some 1e-9 none. */
const narrow = 0.1;

/**
 * At most `count` numbers of the part of the distribution within a narrow limit: even ones, of which those further out are left
 * out a little more often.
 */
function narrowNormal(
  seed: number,
  stream: Stream,
  position: number,
  count: number,
  limit: number,
): number[] {
  const even = uniform(seed, stream, position, 2 * count);
  return Array.from({ length: count }, (_, i) => (2 * even[2 * i]! - 1) * limit).filter(
    (value, i) => even[2 * i + 1]! < Math.exp(-(value ** 2) / 2),
  );
}

/** The numbers 0..count-1 in a random order (Fisher-Yates). */
export function permutation(seed: number, stream: Stream, position: number, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const source = bits(seed, stream, position, count);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((source[i]! / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
