import { once } from "node:events";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { receiveMessageOnPort, type Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { sample, temporaryFolder } from "../../test/crash/sample.js";
import { seal } from "../base/sealed.js";
import { loadCheckpoint, openStore, startWriter } from "./index.js";

const workers = vi.hoisted((): Worker[] => []);
vi.mock("node:worker_threads", async (original) => {
  const real = await original<typeof import("node:worker_threads")>();
  class Watched extends real.Worker {
    constructor(...given: ConstructorParameters<typeof Worker>) {
      super(...given);
      workers.push(this);
    }
  }
  return { ...real, Worker: Watched };
});

const options = (folder: string) => ({ folder, label: "DRUSEN", name: "local" });

describe("the writer's thread", () => {
  it("saves what it was handed, while the arrays that were not handed over go on changing", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter(options(folder));
    const before = structuredClone(sample(3));
    const given = sample(3);
    const weights = given.networks.get("generator")!.stateDict.get("conv.weight")!.data;
    const kept = given.networks.get("critic")!.stateDict.get("conv.weight")!.data;
    const shares: number[] = [];
    const save = writer.save(given, [weights.buffer, weights.buffer], (share) => shares.push(share));
    expect(weights.byteLength).toBe(0);
    kept.fill(0);
    const report = await save;
    expect(shares.at(-1)).toBe(1);
    await writer.close();
    const after = await loadCheckpoint(report.generation);
    expect(after).toEqual(before);
    const { stateDict } = after.networks.get("generator")!;
    expect(stateDict.get("rgb_layers.0.weight")).toBe(stateDict.get("initial_rgb.weight"));
  });

  it("gives back the memory of what it has saved, or failed to save, once", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter({ ...options(folder), ballast: false });
    const { returned } = writer;
    const bytesOf = (buffers: readonly ArrayBuffer[]) => buffers.map(({ byteLength }) => byteLength).sort();
    const wanted = [...new Set([...sample(1).networks.values()].flatMap(({ stateDict, adam }) => [
      ...stateDict.values(),
      ...[...(adam?.entries.values() ?? [])].flatMap(({ expAvg, expAvgSq }) => [expAvg, expAvgSq]),
    ]))].map(({ data }) => data.byteLength).sort(); // prettier-ignore
    await writer.save(sample(1), []);
    expect(bytesOf(receiveMessageOnPort(returned)!.message as ArrayBuffer[])).toEqual(wanted);
    expect(receiveMessageOnPort(returned)).toBeUndefined();
    await rm(folder, { recursive: true });
    await writeFile(folder, "in the way");
    await expect(writer.save(sample(2), [])).rejects.toThrow();
    expect(bytesOf(receiveMessageOnPort(returned)!.message as ArrayBuffer[])).toEqual(wanted);
    await rm(folder);
    await writer.close();
  });

  it("saves networks that are sealed, and keeps none in memory that it could not take", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter(options(folder));
    const sealed = (step: number) => {
      const { networks, ...rest } = sample(step);
      return { ...rest, networks: seal(networks, []) };
    };
    const first = sealed(1);
    const report = await writer.save(first, [first.networks]);
    expect(await loadCheckpoint(report.generation)).toEqual(sample(1));
    await writer.close();
    const second = sealed(2);
    const closed = once(second.networks, "close");
    await expect(writer.save(second, [second.networks])).rejects.toThrow(/ended/);
    await closed;
  });

  it("ends saves that were asked for before it closes", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter(options(folder));
    const saves = [1, 2, 3].map((step) => writer.save(sample(step), []));
    await writer.close();
    expect((await Promise.all(saves)).map((one) => one.generation.step)).toEqual([1, 2, 3]);
    await expect(writer.save(sample(4), [])).rejects.toThrow(/ended/);
  });

  it("makes a backup beside its saves, and calls one off when it closes", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter(options(folder));
    await writer.save(sample(1, "auto", 3000), []);
    const [report] = await Promise.all([writer.backup({ keep: 2 }), writer.save(sample(2), [])]);
    expect(report.source.step).toBe(1);
    expect((await writer.backup({ keep: 2 })).backup).toBeUndefined();
    await rm(report.backup!.folder, { recursive: true });
    await writer.save(sample(3, "auto", 3000), []);
    const called = writer.backup({ keep: 2 }).catch((error: unknown) => String(error));
    await writer.close();
    expect(await called).toMatch(/abort/i);
    expect(await readdir(join(folder, "backups"))).toEqual([]);
  });

  it("that dies fails the save that it was at; the next one has a new thread, and goes on in the same line", async () => {
    const folder = await temporaryFolder();
    const writer = await startWriter(options(folder));
    const first = await writer.save(sample(1), []);
    const cut = expect(writer.save(sample(2, "auto", 3000), [])).rejects.toThrow("thread ended");
    await workers.at(-1)!.terminate(); // as a heap that is full would
    await cut;
    const next = await writer.save(sample(3), []);
    expect(next.generation).toMatchObject({
      step: 3,
      parent: first.generation.id,
      run: first.generation.run,
    });
    await writer.close();
    await (await openStore(options(folder))).close();
  });

  it("throws what opening throws, with its code, and holds no lock then", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(options(folder));
    await expect(startWriter(options(folder))).rejects.toMatchObject({ code: "WEIGHTS_IN_USE" });
    await store.close();
    await writeFile(join(folder, "file"), "");
    await expect(startWriter(options(join(folder, "file")))).rejects.toMatchObject({
      code: "WEIGHTS_NOT_WRITABLE",
    });
    await (await startWriter(options(folder))).close();
  });
});
