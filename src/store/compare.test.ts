import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holds } from "./compare.js";
import { nodeDisk, type Disk } from "./disk.js";

/** A disk with one file, given out in pieces of these lengths, over and over. */
const diskOf = (content: Uint8Array, lengths: readonly number[]): Disk => ({
  ...nodeDisk,
  // eslint-disable-next-line @typescript-eslint/require-await -- a real disk does wait
  async *chunks() {
    for (let at = 0, i = 0; at < content.length; i++) {
      const length = lengths[i % lengths.length]!;
      yield content.subarray(at, at + length);
      at += length;
    }
  },
});

const some = { minLength: 1, maxLength: 5 };
const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 });
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), some);
const nothing = (): void => undefined;

describe("a file held against its pieces", () => {
  it("is equal however the two are cut", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, lengths, async (parts, cuts) => {
        const content = Buffer.concat(parts);
        let read = 0;
        const equal = await holds(diskOf(content, cuts), "", parts, (bytes) => (read += bytes));
        expect([equal, read]).toEqual([true, content.length]);
      }),
    );
  });

  it("differs by one changed bit, a missing end, or anything more", async () => {
    await fc.assert(
      fc.asyncProperty(
        pieces,
        lengths,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (parts, cuts, at, flip) => {
          const content = Buffer.concat(parts);
          const equal = (bytes: Uint8Array) => holds(diskOf(bytes, cuts), "", parts, nothing);
          expect(await equal(Buffer.concat([content, Uint8Array.of(flip)]))).toBe(false);
          if (content.length === 0) return;
          const changed = Buffer.from(content);
          changed[at % content.length]! ^= flip;
          expect(await equal(changed)).toBe(false);
          expect(await equal(content.subarray(0, at % content.length))).toBe(false);
        },
      ),
    );
  });
});
