/** A weights folder whose disk is unmounted, or becomes read-only, under a whole training. Mounting needs root. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { newestWhole } from "../../src/checkpoint/index.js";
import { errorOf, eventsOf, isType, start, tiny, train } from "../harness/cli.js";
import { temporaryFolder } from "./sample.js";

const run = (command: string, ...words: string[]): boolean => spawnSync(command, words).status === 0;
const canMount = process.platform === "linux" && process.getuid?.() === 0;

/** A training in a tmpfs, with a home folder of its own. @returns undefined where this system lets nobody mount */
async function trainingOnDisk(home: "there" | "missing") {
  const folder = await temporaryFolder();
  const disk = join(folder, "disk");
  await mkdir(disk);
  if (!run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk)) return undefined;
  onTestFinished(() => void run("umount", "-l", disk));
  const at = join(folder, "home");
  if (home === "there") await mkdir(at);
  const settings = { ...tiny, phantoms: 400, epochs: 500, autosave: 5, backups: 0, weights: "disk/w" };
  const running = start(folder, train(settings), { environment: { HOME: at } });
  await running.when(isType("saved"));
  return { folder, disk, home: at, running, settings };
}

describe.skipIf(!canMount)("the disk of the weights (needs root)", { timeout: 120_000 }, () => {
  it("is unmounted: that is said, nothing is written below the mount point, and the state is at home", async (test) => {
    const found = await trainingOnDisk("there");
    if (found === undefined) return test.skip("nothing can be mounted here");
    const { folder, disk, home, running, settings } = found;
    expect(run("umount", "-l", disk)).toBe(true);
    await running.when(isType("save-failed"));
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(73);
    expect(errorOf(ended)?.code).toBe("WEIGHTS_FOLDER_GONE");
    expect(await readdir(disk)).toEqual([]);
    const { files, batchesLost, resumeCommand, position } = eventsOf(ended, "ended")[0]!;
    expect(batchesLost).toBe(0);
    expect(files.every(({ path }) => path.startsWith(home) && existsSync(path))).toBe(true);
    const [rescued] = await readdir(home);
    expect(resumeCommand).toContain(`--weights ${join(home, rescued!)}`);
    const next = start(
      folder,
      train({ ...settings, weights: join(home, rescued!), "max-batches": position!.batches }),
    );
    expect(eventsOf(await next.ended, "resumed")[0]).toMatchObject({ position });
  });

  it("becomes read-only: that is said, and without a home the state is in memory", async (test) => {
    const found = await trainingOnDisk("missing");
    if (found === undefined) return test.skip("nothing can be mounted here");
    const { disk, running } = found;
    // The system refuses while a file is open for writing, and the training saves all the time.
    await vi.waitUntil(() => run("mount", "-o", "remount,ro", disk), { timeout: 60_000, interval: 5 });
    await running.when(isType("save-failed"));
    running.signal("SIGTERM");
    const ended = await running.ended;
    expect(ended.code).toBe(73);
    const [failed] = eventsOf(ended, "save-failed");
    expect(failed).toMatchObject({ code: "WEIGHTS_NOT_WRITABLE" });
    expect(failed!.message).toContain("EROFS");
    const [told] = eventsOf(ended, "warning").filter(({ code }) => code === "SAVED_IN_MEMORY");
    onTestFinished(() => rm(told!.detail, { recursive: true, force: true }));
    const { files, position } = eventsOf(ended, "ended")[0]!;
    const named = files.map(({ path }) => ({ folder: dirname(path), isThere: existsSync(path) }));
    expect(named).toEqual(files.map(() => ({ folder: told!.detail, isThere: true })));
    expect(files).toHaveLength(2);
    expect((await newestWhole(told!.detail))?.generation.step).toBe(position!.step);
    // What was there before is whole, too.
    expect(await newestWhole(join(disk, "w"))).toBeDefined();
  });
});
