import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/crash/sample.js";
import { nodeDisk } from "./disk.js";
import { isAlive, silenceLimit, takeLock, type LockOptions, type Owner, type Surroundings } from "./lock.js";

const here: Surroundings = {
  host: "pc",
  boot: "boot-2",
  machine: "machine",
  namespace: "4:1",
  bootedAt: Date.parse("2025-11-06T10:00:00Z"),
  startOf: (pid) => Promise.resolve(pid === 7 ? "1234" : undefined),
};
const owner: Owner = {
  host: "pc",
  boot: "boot-2",
  machine: "machine",
  namespace: "4:1",
  pid: 7,
  started: "1234",
  since: "2025-11-06T12:00:00Z",
};

describe("whether the owner of a lock lives", () => {
  const cases: [string, Partial<Owner>, number, boolean][] = [
    ["its process is there", {}, 9e9, true],
    ["its process is gone", { pid: 8 }, 0, false],
    ["another process has its pid now", { started: "999" }, 0, false],
    ["the machine has been restarted since", { boot: "boot-1" }, 0, false],
    ["another machine of that name: heard lately", { boot: "boot-1", machine: "other" }, 10, true],
    ["another machine of that name: silent", { boot: "boot-1", machine: "other" }, silenceLimit + 1, false],
    ["a container on this machine: heard lately", { namespace: "4:2", pid: 8 }, 10, true],
    ["a container on this machine: silent", { namespace: "4:2", pid: 8 }, silenceLimit + 1, false],
    ["another host: heard lately", { host: "nas", pid: 8 }, 10, true],
    ["another host: silent", { host: "nas", pid: 8 }, silenceLimit + 1, false],
  ];
  it.each(cases)("%s", async (_, facts, silence, alive) => {
    expect(await isAlive({ ...owner, ...facts }, silence, here)).toBe(alive);
  });

  it("where the system gives no boot id: an owner from before the start of the machine is dead", async () => {
    const plain = { ...here, boot: "", machine: "", namespace: "" };
    const old = { ...owner, boot: "", machine: "", namespace: "", started: "" };
    expect(await isAlive(old, 0, plain)).toBe(true);
    expect(await isAlive({ ...old, since: "2025-11-06T09:00:00Z" }, 0, plain)).toBe(false);
    expect(await isAlive({ ...old, pid: 8 }, 0, plain)).toBe(false);
  });
});

async function weights(): Promise<string> {
  const folder = await temporaryFolder();
  await nodeDisk.makeFolder(join(folder, "checkpoints"));
  return folder;
}

const locks = async (folder: string) => (await readdir(join(folder, "checkpoints"))).sort();

describe("the lock", () => {
  it("leaves nothing behind when it is released", async () => {
    const folder = await weights();
    const lock = await takeLock(nodeDisk, join(folder, "checkpoints"), folder);
    await expect(lock.check()).resolves.toBeUndefined();
    expect(await locks(folder)).toHaveLength(1);
    await lock.release();
    expect(await locks(folder)).toEqual([]);
  });

  it("is taken over from a dead owner, and the dead one's file goes", async () => {
    const folder = await weights();
    const dead = join(folder, "checkpoints", `.lock-${"0".repeat(32)}`);
    await writeFile(
      dead,
      JSON.stringify({ ...owner, host: hostname(), boot: "", machine: "", pid: 2 ** 30 }),
    );
    await utimes(dead, 0, 0);
    const lock = await takeLock(nodeDisk, join(folder, "checkpoints"), folder);
    expect(await locks(folder)).toHaveLength(1);
    await lock.release();
  });

  it("is not taken over from one that was heard lately and cannot be asked, and its file stays", async () => {
    const folder = await weights();
    for (const text of [JSON.stringify({ ...owner, host: "nas", pid: 4711 }), ""]) {
      const other = join(folder, "checkpoints", `.lock-${"0".repeat(32)}`);
      await writeFile(other, text);
      const error = await takeLock(nodeDisk, join(folder, "checkpoints"), folder).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "WEIGHTS_IN_USE", data: { folder, pid: text === "" ? 0 : 4711 } });
      expect(await locks(folder)).toHaveLength(1);
    }
  });

  it("knows when another has taken it for dead, and names that one", async () => {
    const folder = await weights();
    const at = join(folder, "checkpoints");
    const lock = await takeLock(nodeDisk, at, folder);
    await nodeDisk.remove(lock.path);
    const other = { host: "nas", pid: 4711, since: "2025-11-06T12:00:00Z" };
    await writeFile(join(at, `.lock-${"a".repeat(32)}`), JSON.stringify(other));
    await expect(lock.check()).rejects.toMatchObject({ code: "WEIGHTS_IN_USE", data: { pid: 4711 } });
    expect(await readdir(at)).toHaveLength(1);
    await lock.release();
  });

  it("is announced again when somebody has removed it, and nobody else writes", async () => {
    const folder = await weights();
    const lock = await takeLock(nodeDisk, join(folder, "checkpoints"), folder);
    await nodeDisk.remove(lock.path);
    await lock.check();
    expect(await nodeDisk.info(lock.path)).toBeDefined();
    await expect(takeLock(nodeDisk, join(folder, "checkpoints"), folder)).rejects.toMatchObject({
      code: "WEIGHTS_IN_USE",
      data: { pid: process.pid },
    });
    await lock.release();
  });

  it.each(["deleted", "renamed", "replaced"])(
    "says that its folder was %s, and blames nobody",
    async (how) => {
      const folder = await weights();
      const lock = await takeLock(nodeDisk, join(folder, "checkpoints"), folder);
      await rename(folder, `${folder}-elsewhere`);
      if (how === "deleted") await rm(`${folder}-elsewhere`, { recursive: true });
      if (how === "replaced") await mkdir(join(folder, "checkpoints"), { recursive: true });
      await expect(lock.check()).rejects.toMatchObject({ code: "WEIGHTS_FOLDER_GONE", data: { folder } });
      expect(existsSync(folder)).toBe(how === "replaced");
      await lock.release();
      await rm(`${folder}-elsewhere`, { recursive: true, force: true });
    },
  );

  const other = (folder: string) => join(folder, "checkpoints", `.lock-${"0".repeat(32)}`);
  const ago = (seconds: number) => Date.now() / 1000 - seconds;
  const take = (folder: string, wishes?: LockOptions) =>
    takeLock(nodeDisk, join(folder, "checkpoints"), folder, wishes);

  it.each([
    "",
    "{",
    "[".repeat(100_000),
    "x".repeat(1_000_000),
    JSON.stringify({ ...owner, since: "garbage" }),
    JSON.stringify({ ...owner, pid: 1e300 }),
    JSON.stringify({ ...owner, host: { toString: "x" } }),
  ])("that cannot be read counts for a minute, and then no more (%#)", async (text) => {
    const folder = await weights();
    await writeFile(other(folder), text);
    await expect(take(folder)).rejects.toMatchObject({
      code: "WEIGHTS_IN_USE",
      data: { pid: 0, unreadable: other(folder) },
    });
    await utimes(other(folder), ago(silenceLimit + 5), ago(silenceLimit + 5));
    await (await take(folder)).release();
    expect(await locks(folder)).toEqual([]);
  });

  it("of another host is respected, and that host is said", async () => {
    const folder = await weights();
    await writeFile(other(folder), JSON.stringify({ ...owner, host: "nas" }));
    await expect(take(folder)).rejects.toMatchObject({ data: { pid: owner.pid, host: "nas" } });
    await utimes(other(folder), ago(silenceLimit - 20), ago(silenceLimit - 20));
    await expect(take(folder)).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
  });

  it("that was last heard in the future was heard just now: it is silent in a minute", async () => {
    for (const text of ["", JSON.stringify({ ...owner, host: "nas" })]) {
      const folder = await weights();
      await writeFile(other(folder), text);
      const ahead = new Date("2040-01-01");
      await utimes(other(folder), ahead, ahead);
      await expect(take(folder)).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
      expect(Math.abs((await stat(other(folder))).mtimeMs - Date.now())).toBeLessThan(10_000);
    }
  });

  it("is waited for where it is for something that ends by itself", async () => {
    const folder = await weights();
    const pruning = await take(folder, { purpose: "prune" });
    const told: unknown[] = [];
    const waiting = take(folder, {
      patience: 60,
      onWaiting: ({ pid, purpose }) => told.push([pid, purpose]),
    });
    while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    // Who waits is announced, so that nobody else begins.
    await expect(take(folder, { purpose: "prune" })).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
    await pruning.release();
    const training = await waiting;
    expect(told).toEqual([[process.pid, "prune"]]);
    await expect(take(folder, { patience: 60 })).rejects.toMatchObject({ data: { purpose: "train" } });
    await training.release();
    expect(await locks(folder)).toEqual([]);
  });

  it("is waited for no longer than that, and the wait leaves nothing behind", async () => {
    const folder = await weights();
    const pruning = await take(folder, { purpose: "prune" });
    await expect(take(folder, { patience: 0.3 })).rejects.toMatchObject({ data: { purpose: "prune" } });
    expect(await locks(folder)).toHaveLength(1);
    await pruning.release();
  });
});
