/** Real processes whose decoded images are on a disk: killed, beside each other, on a disk that fills up. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { SpillTrouble } from "../../src/base/image-note.js";

const program = join(import.meta.dirname, "two-epochs.mjs");
const imageBytes = 3 * 64 ** 2;
const allBytes = 240 * imageBytes;

interface Line {
  readonly loaded?: number;
  readonly done?: number;
  readonly uncached?: SpillTrouble;
  readonly hash?: string;
}

/** @param limited where to: a shell that limits what the process may do */
function start(folder: string, cacheBytes: number, limited?: string) {
  const words = [process.execPath, program, String(cacheBytes)];
  const [command, ...rest] =
    limited === undefined ? words : ["sh", "-c", `${limited}; exec "$@"`, "sh", ...words];
  const child = spawn(command!, rest, {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Line[] = [];
  const wishes: { readonly holds: (line: Line) => boolean; readonly fulfil: () => void }[] = [];
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    for (const { holds, fulfil } of wishes) if (holds(line)) fulfil();
  });
  const closed = once(child, "close");
  return {
    kill: () => child.kill("SIGKILL"),
    when: (holds: (line: Line) => boolean) =>
      new Promise<void>((fulfil) => {
        if (lines.some(holds)) fulfil();
        wishes.push({ holds, fulfil });
      }),
    async ended() {
      await closed;
      return {
        hash: lines.at(-1)?.hash,
        uncached: lines.flatMap(({ uncached }) => (uncached === undefined ? [] : [uncached])),
      };
    },
  };
}

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "guardapesos processes á-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

let expected: string | undefined;

beforeAll(async () => {
  const { hash, uncached } = await start(tmpdir(), allBytes).ended();
  expect(uncached).toEqual([]);
  expected = hash;
  expect(expected).toMatch(/^[0-9a-f]{64}$/);
});

it("leave nothing behind when they are killed, at any moment", async () => {
  const folder = await temporary();
  for (const moment of [0, 1, 100, 239]) {
    const running = start(folder, 0);
    await running.when(({ loaded }) => loaded !== undefined && loaded >= moment);
    await wait(5 * Math.random());
    running.kill();
    await running.ended();
  }
  const late = start(folder, 0);
  await late.when(({ done }) => done === 20);
  late.kill();
  await late.ended();
  // At most the name of an empty file is left, and the next process removes it.
  expect((await start(folder, 10 * imageBytes).ended()).hash).toBe(expected);
  expect(await readdir(folder)).toEqual([]);
});

it("do not disturb each other in one folder", async () => {
  const folder = await temporary();
  const both = [start(folder, 0), start(folder, 20 * imageBytes)];
  for (const running of both) expect(await running.ended()).toEqual({ hash: expected, uncached: [] });
  expect(await readdir(folder)).toEqual([]);
});

it.skipIf(process.platform === "win32")(
  "go on when the file may not grow any more, and say so once",
  async () => {
    const folder = await temporary();
    // 512 or 1024 bytes a block, as the shell likes.
    const { hash, uncached } = await start(folder, 0, "ulimit -f 1000").ended();
    const because = { reason: "system", detail: expect.stringContaining("EFBIG") as string };
    expect(uncached).toEqual([{ folders: [folder], ...because }]);
    expect(hash).toBe(expected);
  },
);

const run = (command: string, ...words: string[]): boolean => spawnSync(command, words).status === 0;

/** A new disk of its own, on Linux for root; undefined where nothing can be mounted. */
async function smallDisk(megabytes: number): Promise<string | undefined> {
  const folder = await temporary();
  const [disk, file] = [join(folder, "disk"), join(folder, "file")];
  await mkdir(disk);
  const made =
    run("truncate", "-s", `${megabytes}M`, file) &&
    run("mkfs.ext4", "-q", file) &&
    run("mount", "-o", "loop", file, disk);
  if (!made) return undefined;
  onTestFinished(() => void run("umount", "-l", disk));
  return disk;
}

const freeOn = (disk: string): number => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};

/** Writes until so many bytes are free. @returns the file */
function fillUp(disk: string, free: number): string {
  const path = join(disk, "another program's");
  while (freeOn(disk) > free) {
    try {
      writeFileSync(path, Buffer.alloc(100_000), { flag: "a", flush: true });
    } catch {
      break;
    }
  }
  return path;
}

const canMount = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!canMount)("on a small disk", () => {
  it("take no more than they leave free, and give it back", async (test) => {
    const disk = await smallDisk(16);
    if (disk === undefined) return test.skip("nothing can be mounted here");
    fillUp(disk, 4_000_000);
    const free = freeOn(disk);
    const running = start(disk, 0);
    await running.when(({ done }) => done === 0);
    const least = freeOn(disk);
    expect(least).toBeLessThan(free - imageBytes);
    expect(least).toBeGreaterThan(0.45 * free);
    expect(await running.ended()).toEqual({
      hash: expected,
      uncached: [{ folders: [disk], reason: "full", detail: "" }],
    });
    expect(freeOn(disk)).toBeGreaterThan(0.95 * free);
  });

  it("go on when others fill it in the middle, and say so at most once", async (test) => {
    const disk = await smallDisk(16);
    if (disk === undefined) return test.skip("nothing can be mounted here");
    for (const moment of [10, 120]) {
      const running = start(disk, 0);
      await running.when(({ loaded }) => loaded !== undefined && loaded >= moment);
      const hog = fillUp(disk, 0);
      const { hash, uncached } = await running.ended();
      expect(hash).toBe(expected);
      // None when all was written before the disk was full.
      expect(uncached.length).toBeLessThanOrEqual(1);
      rmSync(hog);
    }
  });

  it("go on when it is gone in the middle of an epoch", async (test) => {
    const disk = await smallDisk(16);
    if (disk === undefined) return test.skip("nothing can be mounted here");
    const running = start(disk, 0);
    await running.when(({ done }) => done === 10);
    expect(run("umount", "-l", disk)).toBe(true);
    expect((await running.ended()).hash).toBe(expected);
  });
});
