import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFile, sinkOver } from "./file-sink.js";

const mebi = 2 ** 20;

/** A file handle that only counts. */
function fakeHandle(datasync: () => Promise<void>) {
  const calls: string[] = [];
  const told = (name: string) => () => Promise.resolve(void calls.push(name));
  const handle = {
    write: (bytes: Uint8Array) => Promise.resolve({ bytesWritten: bytes.length, buffer: bytes }),
    sync: told("sync"),
    close: told("close"),
    datasync: () => {
      calls.push("datasync");
      return datasync();
    },
  } as unknown as Parameters<typeof sinkOver>[0];
  return { sink: sinkOver(handle, told("remove")), calls };
}

it("sets the disk to work after every 16 MiB, one time after the other, and waits for it", async () => {
  const waiting: (() => void)[] = [];
  const { sink, calls } = fakeHandle(() => new Promise((resolve) => waiting.push(resolve)));
  for (let i = 0; i < 40; i++) await sink.write(new Uint8Array(mebi));
  expect(calls).toEqual(["datasync"]);
  waiting.pop()!();
  await new Promise((resolve) => setImmediate(resolve));
  await sink.write(new Uint8Array(mebi));
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toEqual(["datasync", "datasync"]);
  const synced = sink.sync();
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).not.toContain("sync");
  waiting.pop()!();
  await synced;
  expect(calls).toEqual(["datasync", "datasync", "sync"]);
});

it("tells at the sync what the disk could not take before", async () => {
  const { sink, calls } = fakeHandle(() => Promise.reject(Object.assign(new Error("disk"), { code: "EIO" })));
  for (let i = 0; i < 20; i++) await sink.write(new Uint8Array(2 * mebi));
  await expect(sink.sync()).rejects.toMatchObject({ code: "EIO" });
  await sink.discard();
  expect(calls).toEqual(["datasync", "close", "remove"]);
});

it("creates a file with its mode and all that is written, and no file over another", async () => {
  const folder = await mkdtemp(join(tmpdir(), "torch-sink-"));
  try {
    const path = join(folder, "a");
    const sink = await openFile(path, 0o444);
    for (let i = 0; i < 40; i++) await sink.write(new Uint8Array(mebi).fill(i));
    await sink.sync();
    await sink.close();
    const bytes = await readFile(path);
    expect(bytes.length).toBe(40 * mebi);
    for (let i = 0; i < 40; i++) expect([bytes[i * mebi], bytes[(i + 1) * mebi - 1]]).toEqual([i, i]);
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o444);
    await expect(openFile(path)).rejects.toMatchObject({ code: "EEXIST" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
