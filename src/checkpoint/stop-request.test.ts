import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { listenForStop, requestStop } from "./stop-request.js";
import { openStore } from "./store.js";

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
});
