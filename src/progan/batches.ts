/**
 * Images -> batches for training. A batch is a pure function of the seed, its place and the data, so a resumed training
 * sees exactly what an uninterrupted one would have seen; preparing one ahead of its use changes nothing but the wait.
 */
import { setImmediate } from "node:timers/promises";
import { createFreeList } from "../base/free-list.js";
import { invariant } from "../base/invariant.js";
import { permutation, uniform } from "../base/random.js";
import type { ImageSet } from "./image-source.js";

/** Which images, of which epoch. */
export interface BatchPlace {
  /** Unique for each epoch of each stage. */
  readonly epochKey: number;
  /** Position of the batch's first image in the epoch's order. */
  readonly start: number;
  /** Images in the batch; REQUIRES: start + size <= the set's count. */
  readonly size: number;
}

export interface Batches {
  /**
   * (size, channels, resolution, resolution) floats in [-1, 1], about half of the images mirrored. The array is the
   * caller's to keep, to transfer, or to give back.
   */
  at(place: BatchPlace): Promise<Float32Array<ArrayBuffer>>;
  /**
   * Prepares these batches, for `at` to find them ready, and forgets all others that were prepared ahead. Begins when
   * the caller waits for something: the engine, which can so be started first.
   */
  prefetch(places: readonly BatchPlace[]): void;
  /** Takes arrays back that nobody needs any more, to be written over: fresh memory costs more time than filling it. */
  reuse(arrays: readonly Float32Array<ArrayBuffer>[]): void;
}

/** The order of an epoch, and which images are mirrored, both by position in that order. */
interface Epoch {
  readonly key: number;
  readonly order: Uint32Array;
  readonly mirrored: readonly boolean[];
}

/** A batch that is being made before it is asked for. */
interface Prepared {
  readonly place: BatchPlace;
  readonly batch: Promise<Float32Array<ArrayBuffer>>;
}

const isSamePlace = (one: BatchPlace, other: BatchPlace): boolean =>
  one.epochKey === other.epochKey && one.start === other.start && one.size === other.size;

/** Bytes to [-1, 1]. */
const scaled = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

export function createBatches(set: ImageSet, seed: number): Batches {
  const { channels, resolution } = set;
  const imageSize = channels * resolution ** 2;
  // In whole rows, so few that signals and the engine's answer never wait long between two pieces.
  const pieceSize = resolution * Math.ceil(2 ** 15 / resolution);
  // An epoch has two lengths: that of its batches, and that of its last.
  const spare = createFreeList(
    (length) => new Float32Array(length),
    ({ length }) => length,
  );
  const scratches = createFreeList(
    (length) => new Uint8Array(length),
    ({ length }) => length,
  );
  /** As many as a step has batches, and those of the next. */
  let ahead: readonly Prepared[] = [];
  // The current epoch and, when prefetching across its end, the next.
  let epochs: readonly Epoch[] = [];

  function epoch(key: number): Epoch {
    const known = epochs.find((candidate) => candidate.key === key);
    if (known) return known;
    const order = permutation(seed, "order", key, set.count);
    const mirrored = Array.from(uniform(seed, "flip", key, set.count), (value) => value < 0.5);
    const made = { key, order, mirrored };
    epochs = [made, ...epochs.slice(0, 1)];
    return made;
  }

  async function assemble({ epochKey, start, size }: BatchPlace): Promise<Float32Array<ArrayBuffer>> {
    invariant(start >= 0 && size > 0 && start + size <= set.count, "a batch lies within its epoch");
    const { order, mirrored } = epoch(epochKey);
    const batch = spare.take(size * imageSize);
    // Two at a time: images that are not in memory are decoded, and the training needs the processor too.
    const lane = async (first: number): Promise<void> => {
      const scratch = scratches.take(imageSize);
      for (let i = first; i < size; i += 2) {
        const pixels = await set.pixels(order[start + i]!, scratch);
        const target = batch.subarray(i * imageSize, (i + 1) * imageSize);
        for (let from = 0; from < imageSize; from += pieceSize) {
          const to = Math.min(from + pieceSize, imageSize);
          write(pixels.subarray(from, to), target.subarray(from, to), resolution, mirrored[start + i]!);
          await setImmediate();
        }
      }
      scratches.give(scratch);
    };
    await Promise.all([lane(0), lane(1)]);
    return batch;
  }

  function prepare(place: BatchPlace): Prepared {
    const batch = Promise.resolve(place).then(assemble);
    // A failure is for `at` to tell, if the batch is ever asked for.
    batch.catch(() => undefined);
    return { place, batch };
  }

  return {
    at(place) {
      const prepared = ahead.find((known) => isSamePlace(known.place, place));
      ahead = ahead.filter((known) => known !== prepared);
      return prepared?.batch ?? assemble(place);
    },
    prefetch(places) {
      const wanted: Prepared[] = [];
      for (const place of places) {
        const isSame = (prepared: Prepared): boolean => isSamePlace(prepared.place, place);
        if (!wanted.some(isSame)) wanted.push(ahead.find(isSame) ?? prepare(place));
      }
      ahead = wanted;
    },
    reuse(arrays) {
      for (const array of arrays) spare.give(array);
    },
  };
}

/** Rows of one image into their place in the batch, each reversed when mirrored. */
function write(pixels: Uint8Array, target: Float32Array, width: number, mirrored: boolean): void {
  if (!mirrored) {
    for (let i = 0; i < target.length; i++) target[i] = scaled[pixels[i]!]!;
    return;
  }
  for (let row = 0; row < target.length; row += width) {
    for (let x = 0; x < width; x++) target[row + x] = scaled[pixels[row + width - 1 - x]!]!;
  }
}
