import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBatches, type BatchPlace } from "./batches.js";
import type { ImageSet } from "./image-source.js";

const resolution = 4;

/** Image i has i in its first pixel, and other numbers that differ to the left and to the right. */
function imageSet(count: number, channels = 1, onRead: (index: number) => void = () => undefined): ImageSet {
  return {
    count,
    resolution,
    channels,
    fingerprint: "0123456789abcdef",
    pixels(index) {
      onRead(index);
      const size = channels * resolution ** 2;
      return Promise.resolve(
        Uint8Array.from({ length: size }, (_, i) => (i === 0 ? index : (index + 17 * i) % 256)),
      );
    },
  };
}

/** Floats back to bytes, and which image they are, mirrored or not. */
async function recognise(set: ImageSet, batch: Float32Array) {
  const size = set.channels * resolution ** 2;
  const found: { index: number; mirrored: boolean }[] = [];
  for (let start = 0; start < batch.length; start += size) {
    const bytes = Array.from(batch.subarray(start, start + size), (value) => Math.round((value + 1) * 127.5));
    const reversed = bytes.map((_, i) => bytes[i - (i % resolution) + (resolution - 1 - (i % resolution))]!);
    for (const [mirrored, image] of [
      [false, bytes],
      [true, reversed],
    ] as const) {
      const index = image[0]!;
      if (index < set.count && image.every((byte, i) => i === 0 || byte === (index + 17 * i) % 256)) {
        expect([...(await set.pixels(index))]).toEqual(image);
        found.push({ index, mirrored });
      }
    }
  }
  expect(found).toHaveLength(batch.length / size);
  return found;
}

function cut(epochKey: number, count: number, size: number): BatchPlace[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    epochKey,
    start: i * size,
    size: Math.min(size, count - i * size),
  }));
}

describe("createBatches", () => {
  it("shows every image once in an epoch, unharmed, some mirrored", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 17 }),
        fc.constantFrom(1, 3),
        fc.nat(2 ** 40),
        fc.nat(10_000),
        async (count, size, channels, seed, epochKey) => {
          const set = imageSet(count, channels);
          const batches = createBatches(set, seed);
          const seen: number[] = [];
          for (const place of cut(epochKey, count, size)) {
            const batch = await batches.at(place);
            expect(batch).toHaveLength(place.size * channels * resolution ** 2);
            seen.push(...(await recognise(set, batch)).map(({ index }) => index));
          }
          expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("is a function of seed and place alone: not of what was asked before, or ahead", async () => {
    const set = imageSet(40);
    const places = [...cut(1, 40, 8), ...cut(2, 40, 8)];
    const inOrder = createBatches(set, 42);
    const expected: Float32Array[] = [];
    for (const place of places) expected.push(await inOrder.at(place));

    const resumed = createBatches(set, 42);
    expect(await resumed.at(places[7]!)).toEqual(expected[7]);
    const ahead = createBatches(set, 42);
    ahead.prefetch(places);
    for (const [i, place] of [...places.entries()].reverse())
      expect(await ahead.at(place)).toEqual(expected[i]);
  });

  it("does not depend on how an epoch is cut into batches", async () => {
    const batches = createBatches(imageSet(12), 7);
    const whole = await batches.at({ epochKey: 3, start: 0, size: 12 });
    const part = await batches.at({ epochKey: 3, start: 5, size: 4 });
    expect(part).toEqual(whole.subarray(5 * 16, 9 * 16));
  });

  it("orders and mirrors each epoch, and each seed, in its own way, about half of the images", async () => {
    const set = imageSet(200);
    const orders = new Set<string>();
    for (const [seed, epochKey] of [
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const found = await recognise(
        set,
        await createBatches(set, seed).at({ epochKey, start: 0, size: 200 }),
      );
      orders.add(found.map(({ index }) => index).join());
      const mirrored = found.filter((image) => image.mirrored);
      expect(mirrored.length).toBeGreaterThan(60);
      expect(mirrored.length).toBeLessThan(140);
      orders.add(found.map((image) => image.mirrored).join());
    }
    expect(orders.size).toBe(6);
  });

  it("spans -1 to 1: byte / 127.5 - 1", async () => {
    const pixels = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
    const set = { ...imageSet(1), pixels: () => Promise.resolve(pixels) };
    const batch = await createBatches(set, 0).at({ epochKey: 0, start: 0, size: 1 });
    expect([...batch].sort((a, b) => a - b)).toEqual(
      [...pixels].map((byte) => Math.fround(byte / 127.5 - 1)),
    );
  });

  it("reads a prefetched batch once, and gives each caller an array of its own", async () => {
    const reads: number[] = [];
    const batches = createBatches(
      imageSet(10, 1, (index) => reads.push(index)),
      3,
    );
    const place = { epochKey: 0, start: 2, size: 4 };
    batches.prefetch([place, { ...place }]);
    batches.prefetch([{ ...place }]);
    expect(reads).toEqual([]);
    const first = await batches.at({ ...place });
    expect(reads).toHaveLength(4);
    const second = await batches.at(place);
    expect(second).toEqual(first);
    expect(second.buffer).not.toBe(first.buffer);
    expect(first.byteLength).toBe(first.buffer.byteLength);
  });

  it("has as many ready as were asked for last, and no others", async () => {
    const reads: number[] = [];
    const batches = createBatches(
      imageSet(40, 1, (index) => reads.push(index)),
      3,
    );
    const [forgotten, ...rest] = cut(0, 40, 4);
    batches.prefetch([forgotten!]);
    batches.prefetch(rest);
    for (const place of rest) await batches.at(place);
    expect(reads).toHaveLength(40);
    await batches.at(forgotten!);
    expect(reads).toHaveLength(44);
  });

  it("writes over an array that was given back, and over no other", async () => {
    const batches = createBatches(imageSet(10, 3), 3);
    const place = { epochKey: 0, start: 2, size: 4 };
    const [kept, given] = [await batches.at(place), await batches.at(place)];
    const expected = kept.slice();
    batches.reuse([given.fill(NaN)]);
    const other = await batches.at({ ...place, size: 3 });
    const again = await batches.at(place);
    expect(other.buffer).not.toBe(given.buffer);
    expect(again.buffer).toBe(given.buffer);
    expect(again).toEqual(expected);
    expect((await batches.at({ ...place, start: 5 })).buffer).not.toBe(given.buffer);
    expect(kept).toEqual(expected);
    expect(again).toEqual(expected);
  });

  it("tells of a failed image when its batch is asked for, not before", async () => {
    const set = { ...imageSet(4), pixels: () => Promise.reject(new Error("gone")) };
    const batches = createBatches(set, 0);
    const place = { epochKey: 0, start: 0, size: 4 };
    batches.prefetch([place]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(batches.at(place)).rejects.toThrow("gone");
  });

  it("holds that a batch beyond its epoch is a bug", async () => {
    const batches = createBatches(imageSet(4), 0);
    await expect(batches.at({ epochKey: 0, start: 3, size: 2 })).rejects.toThrow(/bug/);
  });
});
