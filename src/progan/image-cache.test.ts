import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createImageCache, type FillOptions } from "./image-cache.js";

interface Options extends FillOptions<number> {
  /** Images that fit in memory; there is no disk. */
  readonly capacity: number;
}

/** Item i is the one byte i. */
function options(changes: Partial<Options> = {}): Options {
  return {
    load: (item) => Promise.resolve(Uint8Array.of(item)),
    imageBytes: 1,
    capacity: 1000,
    atOnce: 3,
    onProgress: () => undefined,
    signal: undefined,
    onUnusable: () => undefined,
    onLost: () => undefined,
    ...changes,
  };
}

const cacheImages = (items: readonly number[], filling: Options) =>
  createImageCache({ cacheBytes: filling.capacity * filling.imageBytes, spillFolders: [] }).fill(
    items,
    filling,
  );

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("without a disk", () => {
  it("keeps the order of what is usable, whatever finishes first and however much fits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bad: fc.boolean(), slow: fc.nat(3) }), { maxLength: 20 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 5 }),
        async (plan, capacity, atOnce) => {
          const unusable: number[] = [];
          const { usable, pixels } = await cacheImages(
            upTo(plan.length),
            options({
              async load(item) {
                for (let i = 0; i < plan[item]!.slow; i++)
                  await new Promise((resolve) => setImmediate(resolve));
                if (plan[item]!.bad) throw new Error("bad");
                return Uint8Array.of(item);
              },
              capacity,
              atOnce,
              onUnusable: (item) => unusable.push(item),
            }),
          );
          expect(usable).toEqual(upTo(plan.length).filter((i) => !plan[i]!.bad));
          expect(unusable).toEqual(upTo(plan.length).filter((i) => plan[i]!.bad));
          for (const [index, item] of usable.entries())
            expect(await pixels(index)).toEqual(Uint8Array.of(item));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("loads again only what does not fit", async () => {
    const loads: number[] = [];
    const load = (item: number) => {
      loads.push(item);
      return Promise.resolve(Uint8Array.of(item));
    };
    const { pixels } = await cacheImages(upTo(5), options({ load, capacity: 3 }));
    expect(loads.splice(0)).toEqual([0, 1, 2, 3, 4]);
    for (const index of [4, 0, 1, 2, 3]) await pixels(index);
    expect(loads).toEqual([4, 3]);
  });

  it("keeps the images of one resolution at a time, also while someone holds those before", async () => {
    const loads: number[] = [];
    const load = (item: number) => {
      loads.push(item);
      return Promise.resolve(Uint8Array.of(item));
    };
    const cache = createImageCache({ cacheBytes: 10, spillFolders: [] });
    const before = await cache.fill(upTo(3), options({ load }));
    const { pixels } = await cache.fill(upTo(2), options({ load }));
    loads.length = 0;
    for (const index of [0, 1]) expect(await pixels(index)).toEqual(Uint8Array.of(index));
    expect(loads).toEqual([]);
    expect(await before.pixels(1)).toEqual(Uint8Array.of(1));
    expect(loads).toEqual([1]);
  });

  it("loads no more at once than it was told", async () => {
    let now = 0;
    let most = 0;
    const load = async (item: number) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return Uint8Array.of(item);
    };
    await cacheImages(upTo(12), options({ load, atOnce: 2 }));
    expect(most).toBe(2);
  });

  it("reports from nothing to everything, never backwards", async () => {
    const told: (readonly [number, number])[] = [];
    await cacheImages(upTo(50), options({ onProgress: (done, total) => told.push([done, total]) }));
    expect(told[0]).toEqual([0, 50]);
    expect(told.at(-1)).toEqual([50, 50]);
    for (const [i, [done]] of told.entries()) if (i > 0) expect(done).toBeGreaterThan(told[i - 1]![0]);
  });

  it("does not wait for a load that never ends when it is aborted", async () => {
    const stop = new AbortController();
    const preparing = cacheImages(
      upTo(2),
      options({ load: () => new Promise(() => undefined), signal: stop.signal }),
    );
    setImmediate(() => stop.abort(new Error("stop")));
    await expect(preparing).rejects.toThrow("stop");
    const loads: number[] = [];
    const load = (item: number) => {
      loads.push(item);
      return Promise.resolve(Uint8Array.of(item));
    };
    await expect(cacheImages(upTo(100), options({ load, signal: stop.signal }))).rejects.toThrow("stop");
    expect(loads.length).toBeLessThanOrEqual(3);
  });

  it("lets go of each image that is not kept while it loads the others", async () => {
    const bytes = 2 ** 20;
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const load = () => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      return Promise.resolve(new Uint8Array(bytes));
    };
    await cacheImages(
      upTo(600),
      options({ load, imageBytes: bytes, capacity: 0, signal: new AbortController().signal }),
    );
    expect(most).toBeLessThan(300 * bytes);
  });

  it("lets timers through while images load without waiting", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const load = (item: number) => {
      const end = performance.now() + 2;
      while (performance.now() < end);
      return Promise.resolve(Uint8Array.of(item));
    };
    await cacheImages(upTo(20), options({ load, atOnce: 1 }));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });

  it("lets the same other image stand in for a lost one, and fails only when none is kept", async () => {
    const gone = new Set<number>();
    const lost: number[] = [];
    const load = (item: number) =>
      gone.has(item) ? Promise.reject(new Error("gone")) : Promise.resolve(Uint8Array.of(item));
    const two = await cacheImages(upTo(5), options({ load, capacity: 2, onLost: (item) => lost.push(item) }));
    const none = await cacheImages(upTo(5), options({ load, capacity: 0 }));
    gone.add(3);
    expect(await two.pixels(3)).toEqual(Uint8Array.of(1));
    expect(await two.pixels(3)).toEqual(Uint8Array.of(1));
    expect(await two.pixels(4)).toEqual(Uint8Array.of(4));
    expect(lost).toEqual([3, 3]);
    await expect(none.pixels(3)).rejects.toThrow("gone");
  });
});
