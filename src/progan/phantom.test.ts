import { describe, expect, it } from "vitest";
import { drawPhantom, openPhantoms } from "./phantom.js";

const silent = { onProgress: () => undefined };

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - meanA) * (b[i]! - meanB);
    aa += (a[i]! - meanA) ** 2;
    bb += (b[i]! - meanB) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Means of blocks. */
function shrink(image: Uint8Array, side: number, to: number): number[] {
  const block = side / to;
  return Array.from({ length: to * to }, (_, i) => {
    const [left, top] = [(i % to) * block, Math.floor(i / to) * block];
    let sum = 0;
    for (let y = 0; y < block; y++)
      for (let x = 0; x < block; x++) sum += image[(top + y) * side + left + x]!;
    return sum / block ** 2;
  });
}

describe("drawPhantom", () => {
  it("draws the same for the same seed and index, and another eye for any other", () => {
    const image = drawPhantom(42, 7, 32);
    expect(drawPhantom(42, 7, 32)).toEqual(image);
    for (const other of [drawPhantom(42, 8, 32), drawPhantom(43, 7, 32)]) {
      expect(correlation(image, other)).toBeLessThan(0.95);
    }
  });

  it("draws the same eye at every resolution", () => {
    for (const index of [0, 1, 2]) {
      const large = drawPhantom(42, index, 256);
      for (const resolution of [8, 32, 128]) {
        const small = drawPhantom(42, index, resolution);
        expect(correlation(shrink(large, 256, resolution), small)).toBeGreaterThan(0.95);
      }
    }
  });

  it.each([4, 64, 1024])("fills %i x %i pixels", (resolution) => {
    const image = drawPhantom(1, 0, resolution);
    expect(image).toHaveLength(resolution ** 2);
    expect(new Set(image).size).toBeGreaterThan(8);
  });

  it("looks like a scan: dark above, one thin brightest line across, light that fades with depth", () => {
    const side = 128;
    for (let index = 0; index < 30; index++) {
      const image = drawPhantom(42, index, side);
      const lines: number[] = [];
      for (let x = 0; x < side; x++) {
        const column = Array.from({ length: side }, (_, y) => image[y * side + x]!);
        const brightest = column.indexOf(Math.max(...column));
        lines.push(brightest);
        // Nothing above the retina, which is no thicker than a third of the picture.
        const above = column.slice(0, Math.max(0, brightest - side / 3));
        if (above.length > 4) expect(mean(above)).toBeLessThan(45);
        const [choroid, deep] = [column.slice(brightest + 5, brightest + 12), column.slice(-8)];
        if (brightest < side - 40) expect(mean(choroid)).toBeGreaterThan(mean(deep));
      }
      // The line runs on from column to column, but for a few that a shadow hides.
      const jumps = lines.filter((y, x) => x > 0 && Math.abs(y - lines[x - 1]!) > 6);
      expect(jumps.length).toBeLessThan(side / 4);
    }
  });
});

describe("openPhantoms", () => {
  it("is a source like any other", async () => {
    const source = openPhantoms({ count: 5, seed: 42, channels: 3 });
    expect(source).toMatchObject({ label: "DRUSEN", description: "phantom", files: 5 });
    const told: number[] = [];
    const set = await source.prepare(16, { onProgress: (done) => told.push(done) });
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(5);
    expect(set).toMatchObject({ count: 5, resolution: 16, channels: 3 });
    const grey = drawPhantom(42, 3, 16);
    expect(await set.pixels(3)).toEqual(new Uint8Array([...grey, ...grey, ...grey]));
  });

  it("gives the same bytes from memory, from the disk and drawn again", async () => {
    const kept = await openPhantoms({ count: 3, seed: 1, channels: 1 }).prepare(8, silent);
    const source = openPhantoms({ count: 3, seed: 1, channels: 1, cacheBytes: 0 });
    const onDisk = await source.prepare(8, silent);
    for (const index of [0, 1, 2]) expect(await onDisk.pixels(index)).toEqual(await kept.pixels(index));
    await source.releaseDisk();
    for (const index of [0, 1, 2]) expect(await onDisk.pixels(index)).toEqual(await kept.pixels(index));
  });

  it("has a fingerprint of its seed and count, whatever the resolution", async () => {
    const fingerprint = async (count: number, seed: number, resolution: number) =>
      (await openPhantoms({ count, seed, channels: 1 }).prepare(resolution, silent)).fingerprint;
    const one = await fingerprint(2, 42, 4);
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(await fingerprint(2, 42, 8)).toBe(one);
    expect(await fingerprint(3, 42, 4)).not.toBe(one);
    expect(await fingerprint(2, 43, 4)).not.toBe(one);
  });

  it("stops drawing when it is told to", async () => {
    const stop = new AbortController();
    const preparing = openPhantoms({ count: 1000, seed: 1, channels: 1 }).prepare(4, {
      onProgress: (done) => {
        if (done > 0) stop.abort(new Error("stop"));
      },
      signal: stop.signal,
    });
    await expect(preparing).rejects.toThrow("stop");
  });
});
