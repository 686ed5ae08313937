import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { findHolder, listenForStop, openStore, requestStop } from "../checkpoint/index.js";
import { nodeDisk } from "./disk.js";
import { takeLock } from "./lock.js";

const series = { label: "DRUSEN", name: "local" };
const requestsIn = async (weights: string) =>
  (await readdir(join(weights, "checkpoints"))).filter((name) => name.includes("stop-"));

describe("a wish that a writer may stop", () => {
  it("is heard once, answered, and gone", async () => {
    const folder = await testFolder();
    const store = await openStore({ folder, ...series });
    let asked = 0;
    const listener = listenForStop(
      () => store.opening.lock,
      () => asked++,
    );
    const request = await requestStop(folder);
    expect(request).toMatchObject({ pid: process.pid });
    expect(Date.parse(request!.since)).toBeLessThanOrEqual(Date.now());
    const answered = request!.answered();
    await wait(1000);
    expect(asked).toBe(1);
    await listener.close({ how: "stopped" });
    await store.close();
    expect(await answered).toEqual({ how: "stopped" });
    expect(await requestsIn(folder)).toEqual([]);
  });

  it("finds nobody in a folder that nobody writes to, and leaves it as it is", async () => {
    const folder = await testFolder();
    expect(await requestStop(folder)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
    await (await openStore({ folder, ...series })).close();
    expect(await requestStop(folder)).toBeUndefined();
    expect(await requestsIn(folder)).toEqual([]);
  });

  it("to a writer that ends without a word is not answered", async () => {
    const folder = await testFolder();
    const store = await openStore({ folder, ...series });
    const request = await requestStop(folder);
    const answered = request!.answered();
    await rm(store.opening.lock); // as whoever finds its process dead would
    expect(await answered).toBeUndefined();
    await store.close();
  });

  it("never reaches a later writer, which clears it away", async () => {
    const folder = await testFolder();
    const first = await openStore({ folder, ...series });
    await requestStop(folder);
    await first.close();
    expect(await requestsIn(folder)).toHaveLength(1);
    const second = await openStore({ folder, ...series });
    let asked = 0;
    const listener = listenForStop(
      () => second.opening.lock,
      () => asked++,
    );
    await wait(700);
    expect(asked).toBe(0);
    expect(await requestsIn(folder)).toEqual([]);
    await listener.close({});
    expect(await requestsIn(folder)).toEqual([]);
    await second.close();
  });

  it("reaches the training, whoever else is announced there", async () => {
    const folder = await testFolder();
    const store = await openStore({ folder, ...series });
    const checkpoints = join(folder, "checkpoints");
    const training = JSON.parse((await readFile(store.opening.lock, "utf8")).split("\n")[0]!) as Record<
      string,
      unknown
    >;
    // Before it and behind it in the order of names: a clean-up that is about to withdraw, and something unreadable.
    for (const digit of ["0", "f"])
      await writeFile(
        join(checkpoints, `.lock-${digit.repeat(32)}`),
        JSON.stringify({ ...training, purpose: "prune", pid: process.ppid, started: "" }),
      );
    await writeFile(join(checkpoints, `.lock-${"1".repeat(32)}`), "");
    let asked = 0;
    const listener = listenForStop(
      () => store.opening.lock,
      () => asked++,
    );
    const request = await requestStop(folder);
    expect(request).toMatchObject({ pid: process.pid });
    const answered = request!.answered();
    while (asked === 0) await wait(50);
    await listener.close({ how: "stopped" });
    await store.close();
    expect(await answered).toEqual({ how: "stopped" });
  });

  it("is not made where nobody trains: who else holds the folder is said", async () => {
    const folder = await testFolder();
    const checkpoints = join(folder, "checkpoints");
    await mkdir(checkpoints);
    const lock = await takeLock(nodeDisk, checkpoints, folder, { purpose: "prune" });
    expect(await requestStop(folder)).toBeUndefined();
    expect(await findHolder(folder)).toMatchObject({ pid: process.pid, purpose: "prune" });
    await lock.release();
    expect(await findHolder(folder)).toBeUndefined();
    await writeFile(join(checkpoints, `.lock-${"0".repeat(32)}`), `{"pid":1,"since":"garbage"}`);
    await expect(requestStop(folder)).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
    expect(await requestsIn(folder)).toEqual([]);
  });

  it("follows a training that opens the folder anew", async () => {
    const folder = await testFolder();
    const first = await openStore({ folder, ...series });
    const request = await requestStop(folder);
    const answered = request!.answered();
    await first.close();
    const second = await openStore({ folder, ...series });
    let asked = 0;
    const listener = listenForStop(
      () => second.opening.lock,
      () => asked++,
    );
    while (asked === 0) await wait(50);
    await listener.close({ how: "stopped" });
    await second.close();
    expect(await answered).toEqual({ how: "stopped" });
    expect(await requestsIn(folder)).toEqual([]);
  });

  it("gets the last line that can be read, whatever else stands in the answer", async () => {
    const folder = await testFolder();
    const store = await openStore({ folder, ...series });
    const request = await requestStop(folder);
    const [name] = await requestsIn(folder);
    const lines = ["{", JSON.stringify({ how: "stopped" }), "[".repeat(100_000), "\u0000", ""];
    await writeFile(join(folder, "checkpoints", name!), lines.join("\n"));
    expect(await request!.answered()).toEqual({ how: "stopped" });
    await store.close();
  });

  it.skipIf(process.platform === "win32")("is never written through a link, nor is the answer", async () => {
    const folder = await testFolder();
    const store = await openStore({ folder, ...series });
    const outside = join(folder, "outside");
    await writeFile(outside, "precious");
    const request = store.opening.lock.replace(".lock-", ".tmp-link-stop-");
    await symlink(outside, request);
    let asked = 0;
    const listener = listenForStop(
      () => store.opening.lock,
      () => asked++,
    );
    await expect(requestStop(folder)).rejects.toMatchObject({ code: "WEIGHTS_NOT_WRITABLE" });
    await wait(700);
    await listener.close({ how: "stopped" });
    expect([asked, await readFile(outside, "utf8")]).toEqual([0, "precious"]);
    await store.close();
  });
});
