import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { isDue } from "./autosave.js";
import { copyBeside, emergencyPath, stampOf } from "./emergency.js";
import { isRepeated } from "./proof.js";

describe("a snapshot by itself", () => {
  const facts = { now: 1000, savedAt: 1000, cost: undefined, refusedAt: undefined };
  it("comes after a minute at first, then so seldom that it takes under 1 % of the time", () => {
    expect(isDue({ ...facts, now: 1059 })).toBe(false);
    expect(isDue({ ...facts, now: 1060 })).toBe(true);
    for (const cost of [0.1, 3, 60]) {
      const due = (after: number) => isDue({ ...facts, cost, now: 1000 + after });
      const interval = [...Array(20_000).keys()].find(due)!;
      expect(cost / interval).toBeLessThanOrEqual(0.01);
      expect(interval).toBeGreaterThanOrEqual(30);
    }
  });
  it("is not asked for again and again where there is none", () => {
    expect(isDue({ ...facts, now: 1500, refusedAt: 1000 })).toBe(false);
    expect(isDue({ ...facts, now: 1600, refusedAt: 1000 })).toBe(true);
  });
});

describe("weights that are those from before", () => {
  const content = (weights: string, optimizers: string) => ({ weights, optimizers });
  it("are a fault when the optimizer has changed, or after more steps than a loss scale skips", () => {
    expect(isRepeated(content("a", "1"), content("b", "2"), 500)).toBe(false);
    expect(isRepeated(content("a", "1"), content("a", "2"), 1)).toBe(true);
    expect(isRepeated(content("a", "1"), content("a", "1"), 16)).toBe(false);
    expect(isRepeated(content("a", "1"), content("a", "1"), 51)).toBe(true);
    expect(isRepeated(content("a", "1"), content("a", "2"), 0)).toBe(false);
  });
});

describe("the copy beside the script's files", () => {
  it("has the page's name, a place of its own, and nothing half done beside it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "guardapesos-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const time = new Date(2025, 10, 6, 15, 30, 45);
    expect(emergencyPath("w/generator_DRUSEN_local.pth", stampOf(time))).toBe(
      join("w", "EMERGENCY_generator_DRUSEN_local_20251106_153045.pth"),
    );
    const from = join(folder, "snapshot");
    await writeFile(from, "weights");
    const files = [{ from, beside: join(folder, "g.pth") }];
    await copyBeside(files, time);
    await writeFile(from, "newer");
    const [second] = await copyBeside(files, time);
    expect(second).toMatchObject({ path: join(folder, "EMERGENCY_g_20251106_153045-2.pth"), bytes: 5 });
    expect((await readdir(folder)).sort()).toEqual([
      "EMERGENCY_g_20251106_153045-2.pth",
      "EMERGENCY_g_20251106_153045.pth",
      "snapshot",
    ]);
    expect(await readFile(join(folder, "EMERGENCY_g_20251106_153045.pth"), "utf8")).toBe("weights");
  });
});
