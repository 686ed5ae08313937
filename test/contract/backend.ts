/**
 * The contract of `src/store/backends/backend.ts`, for every backend alike. A backend is given by a place that can be opened
 * again and again, as by processes that come after each other, and can be broken at any of its operations.
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  BackendError,
  type Backend,
  type BackendReader,
  type Content,
} from "../../src/store/backends/backend.js";
import { manifestFile } from "../../src/store/names.js";

export interface Place {
  /** For writing, by the one writer. What the one before has not finished is cleared away. */
  open(): Promise<Backend>;
  /** For reading, beside it. */
  read(): BackendReader;
  /**
   * A writer of which the operation number `at` (from 0) fails, and with `lasting` every later one.
   * @returns undefined when `act` has run through without reaching it
   */
  breakAt(
    at: number,
    lasting: boolean,
    act: (backend: Backend) => Promise<void>,
  ): Promise<"failed" | undefined>;
}

/** Bytes that nobody guesses, the same for the same seed. */
function bytesOf(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const pieceBytes = 60_000;

/** The bytes in pieces that all lie in the same memory, which is overwritten as soon as the next is asked for. */
function contentOf(bytes: Uint8Array): Content {
  return {
    bytes: bytes.length,
    pieces: (function* () {
      const shared = new Uint8Array(pieceBytes);
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        shared.set(piece);
        yield shared.subarray(0, piece.length);
        shared.fill(0xee);
      }
    })(),
  };
}

const text = (words: string): Content => contentOf(new TextEncoder().encode(words));

async function bytesIn(reader: BackendReader, generation: string, file: string): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of reader.get({ generation, file })) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function listed(reader: BackendReader): Promise<string[]> {
  const names: string[] = [];
  for await (const name of reader.list()) names.push(name);
  return names.sort();
}

const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => (error instanceof BackendError ? error.fault : error),
  );

const id = (step: number): string => `${String(step).padStart(8, "0")}-auto-20251106_153045`;
const [first, second, third] = [id(1), id(2), "2025-11-06"] as const;
const manifest = (generation: string): string => `{"id":"${generation}"}\n`;

/** Puts files and then the manifest. */
async function putAll(
  backend: Backend,
  generation: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  for (const [file, bytes] of Object.entries(files))
    await backend.put({ generation, file }, contentOf(bytes));
  await backend.put({ generation, file: manifestFile }, text(manifest(generation)));
}

const files = { "generator.pth": bytesOf(1, 150_000), "critic.pth": bytesOf(2, 70_000) };

/** Whether a generation is there with all its bytes. @returns false when it does not exist; fails when it is half there */
async function isWhole(reader: BackendReader, generation: string, of = files): Promise<boolean> {
  const stat = await reader.stat(generation);
  expect((await listed(reader)).includes(generation)).toBe(stat !== undefined);
  if (stat === undefined) return false;
  for (const [file, bytes] of Object.entries(of)) {
    expect(stat.get(file)).toBe(bytes.length);
    expect(Buffer.compare(await bytesIn(reader, generation, file), bytes)).toBe(0);
  }
  expect(Buffer.from(await bytesIn(reader, generation, manifestFile)).toString()).toBe(manifest(generation));
  return true;
}

/** @param make a new, empty place */
export function backendContract(name: string, make: () => Promise<Place>): void {
  describe(`${name} keeps the contract of a backend:`, () => {
    let place: Place;
    let backend: Backend;
    beforeEach(async () => {
      place = await make();
      backend = await place.open();
    });
    afterEach(async () => {
      // Whatever a test has done, a new writer finds a place that it can work with.
      const after = await place.open();
      await putAll(after, id(99), files);
      expect(await isWhole(after, id(99))).toBe(true);
    });

    it("an empty place has nothing", async () => {
      expect(await listed(backend)).toEqual([]);
      expect(await backend.stat(first)).toBeUndefined();
      expect(await faultOf(bytesIn(backend, first, "a.pth"))).toBe("missing");
      expect(await backend.delete(first)).toBe(false);
      await backend.discard(first);
    });

    it.each([0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 2 ** 20, 5_000_003])(
      "an object of %i bytes comes back as it was",
      async (length) => {
        const object = { "a.bin": bytesOf(length, length) };
        await putAll(backend, first, object);
        for (const reader of [backend, place.read()]) {
          const stat = await reader.stat(first);
          expect(stat).toEqual(
            new Map([
              ["a.bin", length],
              [manifestFile, manifest(first).length],
            ]),
          );
          const back = await bytesIn(reader, first, "a.bin");
          expect(createHash("sha256").update(back).digest("hex")).toBe(
            createHash("sha256").update(object["a.bin"]).digest("hex"),
          );
        }
      },
    );

    it("a generation does not exist before its manifest, for nobody, and then all of it does", async () => {
      const reader = place.read();
      for (const [file, bytes] of Object.entries(files)) {
        await backend.put({ generation: first, file }, contentOf(bytes));
        for (const one of [backend, reader]) {
          expect(await isWhole(one, first)).toBe(false);
          expect(await faultOf(bytesIn(one, first, file))).toBe("missing");
        }
      }
      await backend.put({ generation: first, file: manifestFile }, text(manifest(first)));
      for (const one of [backend, reader]) expect(await isWhole(one, first)).toBe(true);
    });

    it("what a writer did not finish is gone for the next one, which may put it anew", async () => {
      await putAll(backend, first, files);
      await backend.put({ generation: second, file: "critic.pth" }, text("of another attempt"));
      await backend.put({ generation: second, file: "only-then.pth" }, text("of another attempt"));
      const next = await place.open();
      expect(await listed(next)).toEqual([first]);
      await putAll(next, second, files);
      expect(await isWhole(next, second)).toBe(true);
      expect([...(await next.stat(second))!.keys()].sort()).toEqual(
        [...Object.keys(files), manifestFile].sort(),
      );
    });

    it("content that fails midway, is too short or too long, is not there, and may be put again", async () => {
      const object = { generation: first, file: "generator.pth" };
      const bytes = files["generator.pth"];
      const failure = new Error("the source is gone");
      const failing = {
        bytes: bytes.length,
        pieces: (function* () {
          yield bytes.subarray(0, 100_000);
          throw failure;
        })(),
      };
      expect(await faultOf(backend.put(object, failing))).toBe(failure);
      for (const said of [bytes.length - 1, bytes.length + 1, 0]) {
        const torn = { ...contentOf(bytes), bytes: said };
        expect(await faultOf(backend.put(object, torn)), `${said} bytes said`).toBe("torn");
      }
      expect(await faultOf(backend.put(object, { bytes: 5, pieces: [] }))).toBe("torn");
      await putAll(backend, first, files);
      expect(await isWhole(backend, first)).toBe(true);
    });

    it("a manifest that fails makes nothing exist", async () => {
      await backend.put({ generation: first, file: "critic.pth" }, contentOf(files["critic.pth"]));
      const torn = { ...text(manifest(first)), bytes: 1000 };
      expect(await faultOf(backend.put({ generation: first, file: manifestFile }, torn))).toBe("torn");
      expect(await isWhole(place.read(), first)).toBe(false);
      await backend.put({ generation: first, file: "generator.pth" }, contentOf(files["generator.pth"]));
      await backend.put({ generation: first, file: manifestFile }, text(manifest(first)));
      expect(await isWhole(place.read(), first)).toBe(true);
    });

    it("nothing is ever written over, before the manifest or after it", async () => {
      await backend.put({ generation: first, file: "generator.pth" }, contentOf(files["generator.pth"]));
      expect(await faultOf(backend.put({ generation: first, file: "generator.pth" }, text("x")))).toBe(
        "exists",
      );
      await backend.put({ generation: first, file: "critic.pth" }, contentOf(files["critic.pth"]));
      await backend.put({ generation: first, file: manifestFile }, text(manifest(first)));
      for (const writer of [backend, await place.open()]) {
        expect(await faultOf(putAll(writer, first, { "generator.pth": bytesOf(9, 10) }))).toBe("exists");
        await writer.discard(first);
        expect(await isWhole(writer, first)).toBe(true);
        expect((await writer.stat(first))!.size).toBe(3);
      }
    });

    it("what is discarded is gone, and only that", async () => {
      await putAll(backend, first, files);
      await backend.put({ generation: second, file: "a.pth" }, text("a"));
      await backend.discard(second);
      await backend.discard(first);
      expect(await listed(backend)).toEqual([first]);
      await putAll(backend, second, files);
      expect(await isWhole(backend, second)).toBe(true);
    });

    it("a deleted generation is gone as a whole, and its name is free", async () => {
      for (const generation of [first, second, third]) await putAll(backend, generation, files);
      expect(await backend.delete(second)).toBe(true);
      expect(await backend.delete(second)).toBe(false);
      expect(await listed(place.read())).toEqual([first, third].sort());
      expect(await faultOf(bytesIn(backend, second, "critic.pth"))).toBe("missing");
      for (const generation of [first, third]) expect(await isWhole(backend, generation)).toBe(true);
      const other = { ...files, "critic.pth": bytesOf(7, 5) };
      await putAll(backend, second, other);
      expect(await isWhole(backend, second, other)).toBe(true);
    });

    it.each([
      "ñandú.pth",
      "重み.bin",
      "a b (1).pt",
      "👁.safetensors",
      "e\u0301.pth",
      "-",
      "x".repeat(200),
      "ñ".repeat(100),
    ])("a file may be called %s", async (file) => {
      await putAll(backend, first, { [file]: bytesOf(3, 10) });
      expect(await isWhole(place.read(), first, { [file]: bytesOf(3, 10) } as never)).toBe(true);
    });

    it.each([
      "",
      ".",
      "..",
      ".hidden",
      "a/b",
      "a\\b",
      "../x",
      "c:d",
      "nul\0",
      "line\n",
      "x".repeat(201),
      "ñ".repeat(101),
    ])("no file may be called %j", async (file) => {
      expect(await faultOf(backend.put({ generation: first, file }, text("x")))).toBe("name");
      expect(await faultOf(bytesIn(backend, first, file))).toBe("name");
    });

    it.each(["", "..", "checkpoints", "a/b", ".tmp-2025-11-06", "2025-11-06/x", "notes"])(
      "no generation may be called %j",
      async (generation) => {
        expect(await faultOf(backend.put({ generation, file: "a.pth" }, text("x")))).toBe("name");
        expect(await backend.stat(generation)).toBeUndefined();
        expect(await backend.delete(generation)).toBe(false);
      },
    );

    it("whoever lists while others are put and deleted sees each whole or not at all", async () => {
      const ids = Array.from({ length: 12 }, (_, i) => id(i + 10));
      const reader = place.read();
      let done = false;
      const seen = new Set<string>();
      const looking = (async () => {
        while (!done) {
          for (const generation of await listed(reader)) {
            // Between the list and the look it may have gone, never a part of it.
            const stat = await reader.stat(generation);
            if (stat === undefined) continue;
            seen.add(generation);
            expect([...stat.keys()].sort()).toEqual([...Object.keys(files), manifestFile].sort());
            for (const [file, bytes] of Object.entries(files)) expect(stat.get(file)).toBe(bytes.length);
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const adding = (async () => {
        for (const generation of ids) await putAll(backend, generation, files);
        done = true;
      })();
      await Promise.all([looking, adding]);
      expect(await listed(reader)).toEqual(ids);
      expect(seen.size).toBeGreaterThan(0);
    });

    it("several files of a generation may be put at once", async () => {
      await Promise.all(
        Object.entries(files).map(([file, bytes]) =>
          backend.put({ generation: first, file }, contentOf(bytes)),
        ),
      );
      await backend.put({ generation: first, file: manifestFile }, text(manifest(first)));
      expect(await isWhole(backend, first)).toBe(true);
    });

    it("an object of 96 MB takes a few pieces of memory on its way in and out", async () => {
      const piece = bytesOf(5, 2 ** 20);
      const before = process.memoryUsage();
      let most = 0;
      const look = (): void => {
        const { arrayBuffers, external } = process.memoryUsage();
        most = Math.max(most, arrayBuffers + external - before.arrayBuffers - before.external);
      };
      const pieces = (function* () {
        for (let i = 0; i < 96; i++) {
          look();
          yield piece;
        }
      })();
      await backend.put({ generation: first, file: "big" }, { bytes: 96 * 2 ** 20, pieces });
      await backend.put({ generation: first, file: manifestFile }, text(manifest(first)));
      let bytes = 0;
      for await (const back of backend.get({ generation: first, file: "big" })) {
        look();
        bytes += back.length;
      }
      expect(bytes).toBe(96 * 2 ** 20);
      // Counted twice by Node where it is both.
      expect(most).toBeLessThan(64 * 2 ** 20);
    });

    it.runIf(process.platform === "linux")("who stops reading lets go of what was open", async () => {
      await putAll(backend, first, files);
      const open = (): number => readdirSync("/proc/self/fd").length;
      const before = open();
      for (let i = 0; i < 50; i++) {
        for await (const piece of backend.get({ generation: first, file: "generator.pth" })) {
          expect(piece.length).toBeGreaterThan(0);
          break;
        }
      }
      expect(open()).toBeLessThan(before + 10);
    });

    it.each([false, true])(
      "whichever operation fails (from there on: %s), a generation is whole or not there, and can be put",
      async (lasting) => {
        await putAll(backend, first, files);
        let reached = true;
        for (let at = 0; reached; at++) {
          const generation = id(100 + at);
          const outcome = await place.breakAt(at, lasting, async (broken) => {
            await putAll(broken, generation, files);
          });
          reached = outcome === "failed";
          const reader = place.read();
          const whole = await isWhole(reader, generation);
          if (!reached) expect(whole).toBe(true);
          const next = await place.open();
          expect(await isWhole(next, generation)).toBe(whole);
          if (!whole) await putAll(next, generation, files);
          expect(await isWhole(next, generation)).toBe(true);
          expect(await isWhole(next, first)).toBe(true);
          expect(await next.delete(generation)).toBe(true);
        }
      },
    );

    it("whichever operation fails once, the same writer may try the same put again", async () => {
      for (let at = 0, reached = true; reached; at++) {
        const generation = id(300 + at);
        const outcome = await place.breakAt(at, false, async (broken) => {
          const all = { ...files, [manifestFile]: new TextEncoder().encode(manifest(generation)) };
          for (const [file, bytes] of Object.entries(all)) {
            const put = (): Promise<void> => broken.put({ generation, file }, contentOf(bytes));
            const error = await put().then(
              () => undefined,
              (thrown: unknown) => thrown,
            );
            if (error === undefined) continue;
            // It was the confirmation that failed.
            if (file === manifestFile && (await place.read().stat(generation)) !== undefined) continue;
            await put();
          }
        });
        reached = outcome === "failed";
        expect(await isWhole(place.read(), generation)).toBe(true);
      }
    });

    it("whichever operation of a deletion fails, a generation is whole or not there", async () => {
      for (let at = 0, reached = true; reached; at++) {
        const generation = id(200 + at);
        await putAll(await place.open(), generation, files);
        const outcome = await place.breakAt(at, true, async (broken) => {
          await broken.delete(generation);
        });
        reached = outcome === "failed";
        const whole = await isWhole(place.read(), generation);
        if (!reached) expect(whole).toBe(false);
        const next = await place.open();
        expect(await isWhole(next, generation)).toBe(whole);
        if (whole) expect(await next.delete(generation)).toBe(true);
      }
    });
  });
}
