import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SpillTrouble } from "../base/image-note.js";
import { createImageCache } from "./image-cache.js";
import { createBatches } from "./batches.js";
import { createSpill, type SpillOptions } from "./image-spill.js";

let folder: string;
let troubles: SpillTrouble[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "guardapesos spill á-"));
  troubles = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const imageBytes = 1000;
const onTrouble = (trouble: SpillTrouble): void => void troubles.push(trouble);
const spillHere = (changes: Partial<SpillOptions> = {}) =>
  createSpill({ imageBytes, folders: [folder], onTrouble, ...changes });

const image = (number: number): Uint8Array =>
  Uint8Array.from({ length: imageBytes }, (_, i) => (number + 7 * i) % 256);

async function filled(count: number) {
  const spill = spillHere();
  for (let number = 0; number < count; number++) expect(await spill.append(image(number))).toBe(true);
  return spill;
}

const onLinux = process.platform === "linux";

/** Descriptors of this process for files in `folder` that have no name. */
function nameless(): string[] {
  return readdirSync("/proc/self/fd")
    .map((descriptor) => `/proc/self/fd/${descriptor}`)
    .filter((path) => existsSync(path) && readlinkSync(path).startsWith(folder));
}

/** What may happen to the bytes of the file that is open. */
const damages = {
  "one bit is another": async (path: string, at: number) => {
    const file = await open(path, "r+");
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0]! ^= 1;
    await file.write(byte, 0, 1, at);
    await file.close();
  },
  "a part is zeros": async (path: string, at: number) => {
    const file = await open(path, "r+");
    await file.write(new Uint8Array(imageBytes), 0, imageBytes, at);
    await file.close();
  },
  "it is cut off": async (path: string, at: number) => {
    const file = await open(path, "r+");
    await file.truncate(at);
    await file.close();
  },
} as const;

describe("a spill", () => {
  it("gives back each image as it was, in any order and at once", async () => {
    const spill = await filled(30);
    const order = fc.sample(fc.shuffledSubarray(Array.from({ length: 30 }, (_, i) => i)), 1)[0]!;
    const images = await Promise.all(order.map((number) => spill.read(number)));
    expect(images).toEqual(order.map(image));
    expect(await spill.read(30)).toBeUndefined();
    await spill.close();
    expect(troubles).toEqual([]);
  });

  it("leaves nothing in the folder, neither while it is open nor afterwards", async () => {
    const spill = await filled(3);
    expect(await readdir(folder)).toEqual([]);
    if (onLinux) {
      expect(nameless()).toHaveLength(1);
      expect(await stat(nameless()[0]!)).toMatchObject({ nlink: 0, size: 3 * imageBytes });
    }
    await spill.close();
    if (onLinux) expect(nameless()).toEqual([]);
    expect(await spill.read(0)).toBeUndefined();
    expect(await spill.append(image(3))).toBe(false);
    expect(troubles).toEqual([]);
  });

  it("removes what a killed process has left, and nothing else", async () => {
    await writeFile(join(folder, `guardapesos-images-${randomUUID()}.tmp`), "left over");
    const others = ["guardapesos-images-2026.tmp", "guardapesos.config.json", `images-${randomUUID()}.tmp`];
    for (const name of others) await writeFile(join(folder, name), "mine");
    const spill = await filled(1);
    expect((await readdir(folder)).sort()).toEqual(others);
    await spill.close();
  });

  it("is closed only after the image that is being written, and takes no more", async () => {
    const spill = spillHere();
    const [appended] = await Promise.all([spill.append(image(0)), spill.close()]);
    expect(appended).toBe(true);
    expect(await spill.read(0)).toBeUndefined();
    if (onLinux) expect(nameless()).toEqual([]);
  });

  it("says where and why when there is no such folder", async () => {
    const missing = join(folder, "missing");
    const spill = spillHere({ folders: [missing] });
    expect(await spill.append(image(0))).toBe(false);
    expect(await spill.append(image(0))).toBe(false);
    expect(troubles).toMatchObject([{ reason: "system", detail: expect.stringMatching(/ENOENT/) as string }]);
  });

  it.runIf(onLinux && existsSync("/dev/shm"))("takes a disk rather than memory", async () => {
    const onDisk = spillHere({ folders: ["/dev/shm", folder] });
    expect(await onDisk.append(image(0))).toBe(true);
    expect(nameless()).toHaveLength(1);
    await onDisk.close();
    expect(await spillHere({ folders: ["/dev/shm"] }).append(image(0))).toBe(false);
    expect(troubles).toEqual([{ folders: ["/dev/shm"], reason: "no-disk", detail: "" }]);
  });

  it.runIf(onLinux).each(Object.entries(damages))(
    "is given up, and told once, when %s",
    async (_, damage) => {
      const spill = await filled(10);
      await damage(nameless()[0]!, 4 * imageBytes);
      expect(await spill.read(3)).toEqual(image(3));
      expect(await Promise.all([spill.read(4), spill.read(4)])).toEqual([undefined, undefined]);
      expect(await spill.read(3)).toBeUndefined();
      expect(await spill.append(image(10))).toBe(false);
      expect(nameless()).toEqual([]);
      expect(troubles).toEqual([{ folders: [folder], reason: "changed", detail: "" }]);
    },
  );
});

describe.runIf(onLinux)("batches", () => {
  it("are the same bit for bit, whatever fits and whatever happens to the file meanwhile", async () => {
    const [count, size, resolution, channels] = [24, 5, 4, 3];
    const items = Array.from({ length: count }, (_, i) => i);
    const bytes = channels * resolution ** 2;
    const decoded = (item: number) => Uint8Array.from({ length: bytes }, (_, i) => (item * 31 + 7 * i) % 256);
    const places = [0, 1].flatMap((epochKey) =>
      [0, 5, 10, 15, 20].map((start) => ({ epochKey, start, size: Math.min(size, count - start) })),
    );

    /** All batches of two epochs; `strike` happens before batch `when`. */
    async function epochs(cacheBytes: number, when: number, strike: (release: () => void) => Promise<void>) {
      const cache = createImageCache({ cacheBytes, spillFolders: [folder], onUncached: onTrouble });
      const { pixels } = await cache.fill(items, {
        load: (item) => Promise.resolve(decoded(item)),
        imageBytes: bytes,
        atOnce: 2,
        onProgress: () => undefined,
        signal: undefined,
        onUnusable: () => undefined,
        onLost: () => undefined,
      });
      const set = { count, resolution, channels, fingerprint: "", pixels };
      const batches = createBatches(set, 42);
      const made: Float32Array[] = [];
      for (const [i, place] of places.entries()) {
        batches.prefetch(places.slice(i, i + 2));
        if (i === when) await strike(() => void cache.releaseDisk());
        made.push(await batches.at(place));
      }
      await cache.releaseDisk();
      return made;
    }

    const expected = await epochs(count * bytes, 0, () => Promise.resolve());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(count * bytes),
        fc.nat(places.length - 1),
        fc.constantFrom("nothing", "release", ...(Object.keys(damages) as (keyof typeof damages)[])),
        fc.nat(count * bytes),
        async (cacheBytes, when, what, at) => {
          troubles = [];
          const made = await epochs(cacheBytes, when, async (release) => {
            const [path] = nameless();
            if (what === "release") release();
            else if (what !== "nothing" && path !== undefined) await damages[what](path, at);
          });
          expect(made).toEqual(expected);
          expect(troubles.length).toBeLessThanOrEqual(1);
          if (what === "nothing" || what === "release") expect(troubles).toEqual([]);
          expect(nameless()).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
