/** `guardapesos monitor` in a process of its own. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseTrace } from "../../src/thermal/trace.js";
import { call, errorOf, start } from "../harness/cli.js";
import { testFolder } from "../harness/folder.js";

const course = [60, 78, 79, 82, 85, 84, 70];

async function trace(folder: string): Promise<string> {
  const lines = course.map(
    (temperature, i) => `${i * 10},${temperature},${temperature > 84 ? "power-cap" : ""}`,
  );
  await writeFile(join(folder, "trace.csv"), ["seconds,temperature,slowdown", ...lines].join("\n"));
  return "simulated:trace.csv";
}

describe("monitor", { timeout: 60_000 }, () => {
  it("tells every reading and what training would do, and writes a log that can be played again", async () => {
    const folder = await testFolder();
    const sensor = await trace(folder);
    const options = ["monitor", "--sensor", sensor, "--time-scale", "200", "--log", "log.csv"];
    const ended = await call(folder, options);
    expect(ended.stderr).toBe("");
    expect(ended.code).toBe(0);
    const told: readonly Record<string, unknown>[] = ended.lines.map((line) => ({ ...line }));
    expect(told.map(({ temperature }) => temperature)).toEqual(course);
    expect(told.map(({ mode }) => mode)).toEqual(["watch", "pace", "pace", "cool", "stop", "cool", "watch"]);
    expect(told[4]!["slowdown"]).toEqual(["power-cap"]);
    const log = parseTrace("log.csv", await readFile(join(folder, "log.csv"), "utf8"));
    expect(log.map(({ temperature }) => temperature)).toEqual(course);

    const again = await call(folder, options);
    expect(again.code).toBe(73);
    expect(errorOf(again)?.code).toBe("OUTPUT_NOT_WRITABLE");
  });

  it("ends by Ctrl+C, well", async () => {
    const folder = await testFolder();
    const running = start(folder, ["vigilar", "--sensor", "simulated:model", "--time-scale", "20"]);
    await running.when((line) => line.type === "temperature" && (line.temperature ?? 0) > 26);
    running.signal("SIGINT");
    const ended = await running.ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toBe("");
  });
});
