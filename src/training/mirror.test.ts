import { existsSync, readdirSync } from "node:fs";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/crash/sample.js";
import { createMirrorFile, removeMirror, type MirrorPaths } from "../checkpoint/index.js";
import { createMirror, mirrorDue, stateIn, type Copy } from "./mirror.js";
import type { TrainState } from "../trainer/state.js";

const stateOf = (...values: number[]): TrainState => ({
  arrays: new Map([["generator/a", { shape: [values.length], data: Float32Array.from(values) }]]),
  counters: new Map([["generator/a", values.length]]),
});

const inCopy = async (copy: Promise<Copy | undefined>): Promise<TrainState> =>
  (await stateIn((await copy)!))!;

const pathsIn = (folder: string): MirrorPaths => ({
  folder,
  arrays: join(folder, "a"),
  facts: join(folder, "f"),
});

describe("whether a copy is due", () => {
  it("is a matter of its share of the time until the next one can be made", () => {
    expect(mirrorDue({ secondsSince: 0, nextStep: 10, cost: 0.1 })).toBe(true);
    expect(mirrorDue({ secondsSince: 0, nextStep: 9.9, cost: 0.1 })).toBe(false);
    expect(mirrorDue({ secondsSince: 9, nextStep: 1, cost: 0.1 })).toBe(true);
    expect(mirrorDue({ secondsSince: 100, nextStep: 0, cost: 1.1 })).toBe(false);
  });
});

describe("the copy", () => {
  /** A clock that stands still but for what reading costs: half a second, as much as is assumed before the first. */
  function mirrored(paths?: MirrorPaths) {
    let time = 0;
    let reads = 0;
    const mirror = createMirror(paths, () => time);
    const refresh = (state: TrainState, bytes = 1e9) =>
      mirror.refresh(bytes, () => {
        reads++;
        time += 0.5;
        return Promise.resolve(state);
      });
    return { mirror, refresh, pass: (seconds: number) => (time += seconds), reads: () => reads };
  }

  it("is made before a long step, and costs nothing before a short one", async () => {
    const { mirror, refresh, reads, pass } = mirrored();
    mirror.stepped(49);
    expect(await refresh(stateOf(1))).toBeUndefined();
    expect(reads()).toBe(0);
    mirror.stepped(50);
    expect((await inCopy(refresh(stateOf(1, 2)))).counters.get("generator/a")).toBe(2);
    // Half a second still, as is assumed until the second one: so 50 seconds.
    mirror.stepped(10);
    pass(39);
    expect(await refresh(stateOf(3, 4))).toBeUndefined();
    pass(1);
    expect(await refresh(stateOf(3, 4))).toBeDefined();
    expect(reads()).toBe(2);
  });

  it("is in shared memory, its own, and follows arrays that grow", async () => {
    const { mirror, refresh } = mirrored();
    mirror.stepped(1000);
    const source = stateOf(1, 2);
    const copy = (await inCopy(refresh(source))).arrays.get("generator/a")!;
    source.arrays.get("generator/a")!.data.fill(9);
    expect([...copy.data]).toEqual([1, 2]);
    expect(copy.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    const again = (await inCopy(refresh(stateOf(5, 6)))).arrays.get("generator/a")!;
    expect(again.data).toBe(copy.data);
    const grown = (await inCopy(refresh(stateOf(5, 6, 7)))).arrays.get("generator/a")!;
    expect([...grown.data]).toEqual([5, 6, 7]);
  });

  it("is in a file where it can be, its own, and follows arrays that grow", async () => {
    const folder = await temporaryFolder();
    const paths = pathsIn(folder);
    expect(await createMirrorFile(paths)).toBe(true);
    const { mirror, refresh } = mirrored(paths);
    mirror.stepped(1000);
    const source = stateOf(1, 2);
    const copy = (await refresh(source, 8))!;
    source.arrays.get("generator/a")!.data.fill(9);
    expect(copy.where).toBe("file");
    expect(await stateIn(copy)).toEqual(stateOf(1, 2));
    const grown = (await refresh(stateOf(5, 6, 7), 8))!;
    expect(await stateIn(grown)).toEqual(stateOf(5, 6, 7));
    // Written over: what is no copy any more is not taken for one.
    expect(await stateIn(copy)).toBeUndefined();
    await truncate(join(folder, "a"), 8);
    expect(await stateIn(grown)).toBeUndefined();
  });

  it("is in shared memory where the file has no room, or cannot be made", async () => {
    const folder = await temporaryFolder();
    for (const [bytes, at] of [
      [1e18, folder],
      [8, join(folder, "none")],
    ] as const) {
      expect(await createMirrorFile(pathsIn(at))).toBe(at === folder);
      const { mirror, refresh } = mirrored(pathsIn(at));
      mirror.stepped(1e12);
      expect((await refresh(stateOf(1), bytes))?.where).toBe("memory");
      expect(existsSync(at) ? readdirSync(at) : []).toEqual([]);
    }
  });

  it("leaves no file when training has ended before it is made", async () => {
    const folder = await temporaryFolder();
    const paths = pathsIn(folder);
    await createMirrorFile(paths);
    const { mirror, refresh } = mirrored(paths);
    mirror.stepped(1000);
    await removeMirror(paths);
    expect((await refresh(stateOf(1), 4))?.where).toBe("memory");
    expect(readdirSync(folder)).toEqual([]);
  });
});
