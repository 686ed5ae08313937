/** `guardapesos monitor` in a process of its own. */
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseTrace } from "../../src/thermal/trace.js";
import { call, errorOf, program, start } from "../harness/cli.js";
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

  it.skipIf(process.platform === "win32")("shows what is not known as unknown, in a pipe, too", async () => {
    const folder = await testFolder();
    const script =
      '#!/bin/sh\necho "index, name, temperature.gpu"; while :; do echo "0, Mute card, [N/A]"; sleep 0.2; done\n';
    await writeFile(join(folder, "nvidia-smi"), script, { mode: 0o755 });
    const child = spawn(process.execPath, [program, "monitor", "--sensor", "nvidia-smi", "--lang", "en"], {
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let told = "";
    for await (const text of child.stdout) {
      told += String(text);
      if (told.split("\n").length > 3) break;
    }
    expect(told).toMatch(/^Mute card \(nvidia-smi\)\nTemperature: unknown · /);
  });

  it.skipIf(process.platform === "win32")("says why there is nothing to be seen", async () => {
    const folder = await testFolder();
    await writeFile(join(folder, "nvidia-smi"), "#!/bin/sh\necho no driver; exit 9\n", { mode: 0o755 });
    const ended = await start(folder, ["monitor", "--sensor", "nvidia-smi"], {
      environment: { PATH: `${folder}:${process.env["PATH"]}` },
    }).ended;
    expect(ended.code).toBe(69);
    expect(errorOf(ended)?.message).toContain("no driver");
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
