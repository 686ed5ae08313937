/** The file of events never holds anybody up, whatever is behind its name. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openEventFile } from "./event-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "guardapesos-events-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("adds lines to what is there, with nothing in them that a terminal obeys", () => {
  const path = join(folder, "events.jsonl");
  for (const line of ["one\n", '{"a":"\u009b1m\u202e"}\n']) {
    const file = openEventFile(path);
    file.write(line);
    expect(file.backlog()).toBe(0);
    file.close();
  }
  expect(readFileSync(path, "utf8")).toBe('one\n{"a":"\\u009b1m\\u202e"}\n');
});

it("says that it cannot be written to, also of a folder", () => {
  for (const path of [folder, join(folder, "none", "events.jsonl")])
    expect(() => openEventFile(path)).toThrow(expect.objectContaining({ code: "OUTPUT_NOT_WRITABLE" }));
});

it.runIf(process.platform === "linux")("keeps what a full disk does not take", () => {
  const file = openEventFile("/dev/full");
  file.write("one\n");
  file.write("two\n");
  expect(file.backlog()).toBe(8);
  file.close();
});

it.skipIf(process.platform === "win32")(
  "waits for no reader of a pipe: lines come whole once it reads, and are over once it leaves",
  () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    // Nobody reads: opening it would wait for ever.
    expect(() => openEventFile(pipe)).toThrow(expect.objectContaining({ code: "OUTPUT_NOT_WRITABLE" }));
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const file = openEventFile(pipe);
    const lines = Array.from({ length: 30_000 }, (_, i) => `{"seq":${i}}\n`);
    for (const line of lines) file.write(line);
    expect(file.backlog()).toBeGreaterThan(0);
    let read = "";
    const block = Buffer.alloc(2 ** 16);
    for (let i = 0; i < 100 && read.length < lines.join("").length; i++) {
      read += block.toString("utf8", 0, readSync(reader, block));
      file.write("");
    }
    expect(read).toBe(lines.join(""));
    expect(file.backlog()).toBe(0);
    closeSync(reader);
    file.write("nobody reads it\n");
    expect(file.backlog()).toBe(0);
    file.close();
  },
);
