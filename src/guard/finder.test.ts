import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { testFolder } from "../../test/harness/folder.js";
import { createFinder } from "./finder.js";

beforeEach(() => {
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("finds what was written since, once it lies still, and nobody has told of", async () => {
  const folder = await testFolder();
  await mkdir(join(folder, "guardapesos", "s1"), { recursive: true });
  await mkdir(join(folder, "runs"));
  const write = (name: string, text = "x") => writeFile(join(folder, name), text);
  for (const name of [
    "old.pth",
    "told.pth",
    "runs/a.pt",
    "b.ckpt",
    ".c.pth",
    "notes.txt",
    "guardapesos/s1/d.pth",
  ])
    await write(name);
  await utimes(join(folder, "old.pth"), 1, 1);
  const found: string[] = [];
  const finder = createFinder({
    folders: [folder, join(folder, "nowhere")],
    since: Date.now(),
    isTold: (path) => path.endsWith("told.pth"),
    found: (path) => found.push(path.slice(folder.length + 1)),
  });
  finder.look(false);
  expect(found).toEqual([]);
  vi.advanceTimersByTime(6000);
  await write("b.ckpt", "longer");
  vi.advanceTimersByTime(6000);
  expect(found).toEqual([join("runs", "a.pt")]);
  vi.advanceTimersByTime(15_000);
  expect(found.sort()).toEqual(["b.ckpt", join("runs", "a.pt")]);
  await write("last.safetensors");
  finder.look(true);
  finder.look(true);
  expect(found.sort()).toEqual(["b.ckpt", "last.safetensors", join("runs", "a.pt")]);
  finder.close();
});
