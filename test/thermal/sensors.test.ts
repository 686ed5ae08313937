/** One contract for every sensor, run over each; and what is particular to those that live in processes. */
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createClock } from "../../src/thermal/clock.js";
import type { Reading } from "../../src/thermal/reading.js";
import { openNvidiaSmi } from "../../src/thermal/sensors/nvidia-smi.js";
import { openProcess } from "../../src/thermal/sensors/process-sensor.js";
import type { Sensor, SensorContext, Silence } from "../../src/thermal/sensors/sensor.js";
import { openModel, openTrace } from "../../src/thermal/sensors/simulated.js";
import { testFolder } from "../harness/folder.js";

const context = (): SensorContext => ({ clock: createClock(), interval: 0.1, patience: 1, grace: 0.3 });

function compilerMissing(): string | undefined {
  if (process.platform === "win32") return "the stand-in for NVML is compiled with cc";
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no C compiler (cc) here";
  }
}
const withoutNvml = compilerMissing();
const withoutScripts =
  process.platform === "win32" ? "the stand-in for nvidia-smi is a shell script" : undefined;

async function fakeNvml(...flags: string[]): Promise<string> {
  const library = join(await testFolder(), "libfake.so");
  const source = fileURLToPath(new URL("nvml.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O0", "-o", library, source, ...flags]);
  return library;
}

async function nvml(index?: number): Promise<Sensor> {
  const library = await fakeNvml("-DWITH_REASONS");
  return openProcess({ entry: "./nvml-process.js", by: "NVML", arguments: [library], index }, context());
}

/** Puts a program called nvidia-smi before all others. */
async function fakeSmi(script: string): Promise<string> {
  const folder = await testFolder();
  await writeFile(join(folder, "nvidia-smi"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  return folder;
}
const smiHeadings = "index, name, temperature.gpu, power.draw [W], clocks_throttle_reasons.active";
const smiLoop = (rows: string): string =>
  `echo "${smiHeadings}"\nwhile :; do printf '${rows}'; sleep 0.05; done`;

/** Files as amdgpu has them. */
async function fakeSys(): Promise<string> {
  const root = await testFolder();
  const device = join(root, "class", "drm", "card0", "device");
  const monitor = join(device, "hwmon", "hwmon3");
  await mkdir(monitor, { recursive: true });
  await mkdir(join(root, "class", "drm", "card0-HDMI-A-1"));
  const files = { name: "amdgpu", temp1_input: "66000", temp1_crit: "100000", power1_average: "120000000" };
  for (const [name, text] of Object.entries(files)) await writeFile(join(monitor, name), `${text}\n`);
  await writeFile(join(device, "gpu_busy_percent"), "93\n");
  return root;
}

/** Reads until there are `count` items, or the stream ends; then closes it. */
async function take(
  sensor: Sensor,
  count: number,
): Promise<{ items: (Reading | Silence)[]; closedIn: number }> {
  const closing = new AbortController();
  const items: (Reading | Silence)[] = [];
  let closedAt = Infinity;
  for await (const item of sensor.readings(closing.signal)) {
    items.push(item);
    if (items.length === count) {
      closing.abort();
      closedAt = performance.now();
    }
  }
  return { items, closedIn: performance.now() - closedAt };
}

/** Processes that this one has started and that are still there, by their command line. */
async function children(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const [, state, parent] = /\) (\S) (\d+) /.exec(status) ?? [];
    if (Number(parent) !== process.pid || state === "Z") continue;
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0").join(" ");
    if (/nvidia-smi|-process\.js/.test(command)) found.push(command);
  }
  return found;
}

interface Candidate {
  readonly name: string;
  readonly skipped: string | undefined;
  readonly open: () => Promise<Sensor>;
  readonly expected: Partial<Reading>;
}

const candidates: readonly Candidate[] = [
  {
    name: "NVML",
    skipped: withoutNvml,
    async open() {
      vi.stubEnv("FAKE_TEMPERATURES", "64 71");
      return nvml();
    },
    expected: {
      card: "Fake card 1",
      temperature: 71,
      power: 198.32,
      utilisation: 0.97,
      memoryUsed: 7175405568,
      memoryTotal: 8589934592,
      fan: undefined,
      clock: 1725,
      memoryClock: 6801,
      slowdown: ["software-thermal"],
      slowdownAt: 95,
      shutdownAt: 98,
    },
  },
  {
    name: "nvidia-smi",
    skipped: withoutScripts,
    async open() {
      await fakeSmi(smiLoop(String.raw`0, Fake card, 71, 198.32 W, 0x20\n`));
      return openNvidiaSmi(undefined, context());
    },
    expected: { card: "Fake card", temperature: 71, power: 198.32, slowdown: ["software-thermal"] },
  },
  {
    name: "other cards",
    skipped: process.platform === "linux" ? undefined : "/sys is Linux's",
    open: async () =>
      openProcess(
        {
          entry: "./other-process.js",
          by: "systeminformation",
          arguments: [await fakeSys()],
          index: undefined,
        },
        context(),
      ),
    expected: { card: "amdgpu", temperature: 66, power: 120, utilisation: 0.93, slowdownAt: 100 },
  },
  {
    name: "a trace",
    skipped: undefined,
    async open() {
      const file = join(await testFolder(), "trace.csv");
      const lines = Array.from({ length: 50 }, (_, i) => `${i / 20},71,0.5`);
      await writeFile(file, ["seconds,temperature,fan", ...lines].join("\n"));
      const trace = await openTrace(file, context());
      trace.load?.(true);
      return trace;
    },
    expected: { temperature: 71, fan: 0.5, power: undefined },
  },
  {
    name: "the model",
    skipped: undefined,
    open: () => Promise.resolve(openModel(context())),
    expected: { card: "Simulated card", temperature: 25, power: 20, slowdownAt: 95, slowdown: [] },
  },
];

beforeAll(() => {
  if (withoutNvml !== undefined) console.warn(`NVML is not tested: ${withoutNvml}`);
});
afterEach(() => vi.unstubAllEnvs());

describe.each(candidates)("$name, as a sensor,", ({ open, expected, skipped }) => {
  const test = skipped === undefined ? it : it.skip;

  test("says what the card says, and when", async () => {
    const sensor = await open();
    expect(sensor.name).not.toBe("");
    const { items } = await take(sensor, 3);
    expect(items).toHaveLength(3);
    for (const item of items) expect(item).toMatchObject(expected);
    const times = items.map((item) => ("at" in item ? item.at : NaN));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times[2]! - times[0]!).toBeGreaterThan(0.02);
  });

  test("can be read again, ends when it is told to, and leaves nothing behind", async () => {
    const sensor = await open();
    for (let turn = 0; turn < 2; turn++) {
      const { closedIn } = await take(sensor, 2);
      expect(closedIn).toBeLessThan(1000);
    }
    const closed = AbortSignal.abort();
    for await (const item of sensor.readings(closed)) expect(item).toBeUndefined();
    if (process.platform !== "linux") return;
    await vi.waitFor(async () => expect(await children()).toEqual([]), { timeout: 5000, interval: 50 });
  });
});

describe("NVML", () => {
  const test = withoutNvml === undefined ? it : it.skip;

  test("reads the card that is asked for, and says when there is none", async () => {
    vi.stubEnv("FAKE_TEMPERATURES", "64 71");
    const { items } = await take(await nvml(0), 1);
    expect(items[0]).toMatchObject({ card: "Fake card 0", temperature: 64 });
    await expect(nvml(2)).rejects.toThrow("no card 2 (2 found)");
  });

  test("without a driver says so", async () => {
    vi.stubEnv("FAKE_INIT", "9");
    await expect(nvml()).rejects.toThrow("Driver Not Loaded");
    const missing = openProcess(
      { entry: "./nvml-process.js", by: "NVML", arguments: ["libdoes-not-exist.so"], index: undefined },
      context(),
    );
    await expect(missing).rejects.toThrow(/libdoes-not-exist/);
  });

  test("in an old library does without what is not there", async () => {
    vi.stubEnv("FAKE_TEMPERATURES", "64");
    const library = await fakeNvml();
    const { items } = await take(
      await openProcess(
        { entry: "./nvml-process.js", by: "NVML", arguments: [library], index: 0 },
        context(),
      ),
      1,
    );
    expect(items[0]).toMatchObject({ temperature: 64, slowdown: undefined });
  });

  test.each([
    ["that loses its card", "FAKE_CODE", "15", "GPU is lost"],
    ["that hangs", "FAKE_SLEEP", "60", "no word for 1 s"],
    ["that crashes", "FAKE_CRASH", "1", ""],
  ])("%s is a silence, and is asked again; training is not held up", async (_, name, value, reason) => {
    vi.stubEnv("FAKE_TEMPERATURES", "64");
    const sensor = await nvml();
    vi.stubEnv(name, value);
    let longest = 0;
    let last = performance.now();
    const beat = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const { items } = await take(sensor, 1);
    clearInterval(beat);
    expect(items[0]).toMatchObject({ silence: expect.stringContaining(reason) as string });
    // Blocked for as long as the library is, it would be a second at least.
    expect(longest).toBeLessThan(300);

    // Two seconds later it is asked again.
    vi.stubEnv(name, undefined);
    vi.stubEnv(name, "0");
    const again = await take(sensor, 1);
    expect(again.items[0]).toMatchObject({ temperature: 64 });
  });
});

describe("nvidia-smi", () => {
  const test = withoutScripts === undefined ? it : it.skip;
  const open = (index?: number): Promise<Sensor> => openNvidiaSmi(index, context());

  test("of several cards tells the hottest, and knows one that says nothing", async () => {
    await fakeSmi(
      smiLoop(
        String.raw`0, Cool card, 50, 90.00 W, 0x1\n1, Hot card, 83, [N/A], [Not Supported]\n2, Silent card, ERR!, ERR!, ERR!\n`,
      ),
    );
    const { items } = await take(await open(), 9);
    expect(items.slice(3)).toEqual(
      Array.from(
        { length: 6 },
        () => expect.objectContaining({ card: "Hot card", temperature: 83 }) as Reading,
      ),
    );
    expect(items.at(-1)).toMatchObject({ power: undefined, slowdown: undefined });
  });

  test("asks for what slows the card down by its newer name where the older one has gone", async () => {
    await fakeSmi(
      `case "$*" in *clocks_throttle*) echo 'Field "clocks_throttle_reasons.active" is not a valid field to query.'; exit 2;; esac
       echo "index, temperature.gpu, clocks_event_reasons.active"; while :; do echo "0, 60, 0x40"; sleep 0.05; done`,
    );
    const { items } = await take(await open(), 1);
    expect(items[0]).toMatchObject({ slowdown: ["hardware-thermal"] });
  });

  test("asks again without a field that its driver does not know", async () => {
    await fakeSmi(
      `case "$*" in *fan.speed*) echo 'Field "fan.speed" is not a valid field to query.'; exit 2;; esac
       echo "index, name, temperature.gpu"; while :; do echo "0, Old card, 60"; sleep 0.05; done`,
    );
    expect((await open()).name).toBe("Old card (nvidia-smi)");
  });

  test.each([
    ["is not there", undefined, /ENOENT/],
    [
      "has no driver",
      'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9',
      /couldn't communicate/,
    ],
    ["hangs", "sleep 60", /no word for 1 s/],
    ["prints something else", "echo hello; exit 0", /hello/],
    [
      "prints something else for ever",
      "while :; do echo 'Unable to determine the device handle'; sleep 0.05; done",
      /not understood: Unable to determine the device handle; Unable/,
    ],
    ["closes its output and lives on", "exec >&- 2>&-; exec sleep 60", /no word for 1 s/],
    ["prints without end", "yes", /not understood: y; y; y/],
    ["prints one line without end", "tr '\\0' x < /dev/zero", /not understood: xxx/],
    [
      "complains in several lines",
      'echo "Failed to initialize NVML: Driver/library version mismatch"; echo "NVML library version: 535.183"; exit 18',
      /^Failed to initialize NVML.*; NVML library version: 535.183$/,
    ],
  ])("that %s says why", async (_, script, reason) => {
    if (script === undefined) vi.stubEnv("PATH", await testFolder());
    else await fakeSmi(script);
    await expect(open()).rejects.toThrow(reason);
  });

  test.each(["[N/A]", "0", "ERR!", "[GPU requires reset]"])(
    "whose temperature is %s opens as one that knows none, and tells when it does",
    async (value) => {
      const folder = await fakeSmi(
        `echo "${smiHeadings}"; while :; do if [ -e "\${0%/*}/known" ]; then t=61; else t='${value}'; fi; echo "0, Mute card, $t, 1 W, 0x0"; sleep 0.05; done`,
      );
      const sensor = await open();
      expect([sensor.name, sensor.known]).toEqual(["Mute card (nvidia-smi)", false]);
      expect((await take(sensor, 1)).items).toMatchObject([{ temperature: undefined, power: 1 }]);
      await writeFile(join(folder, "known"), "");
      expect((await take(sensor, 1)).items).toMatchObject([{ temperature: 61 }]);
      expect((await open()).known).toBe(true);
    },
  );

  test("that loses one of its cards tells which", async () => {
    const folder = await fakeSmi(
      `echo "${smiHeadings}"; while :; do echo "0, Good card, 50, 1 W, 0x0"; [ -e "\${0%/*}/lost" ] || echo "1, Lost card, 60, 1 W, 0x0"; sleep 0.05; done`,
    );
    const closing = new AbortController();
    for await (const item of (await open()).readings(closing.signal)) {
      if (!("at" in item)) throw new Error(item.silence);
      if (item.card === "Lost card") await writeFile(join(folder, "lost"), "");
      if (item.lostCards === undefined) continue;
      expect(item).toMatchObject({ card: "Good card", lostCards: ["Lost card (1)"] });
      closing.abort();
    }
    // Whoever watches one card alone is not told.
    const { items } = await take(await open(0), 20);
    expect(items.every((item) => !("lostCards" in item))).toBe(true);
  });

  test("is given up while it is opened, with all that it has started", async () => {
    await fakeSmi("sleep 1234");
    const giveUp = new AbortController();
    const opening = openNvidiaSmi(undefined, { ...context(), patience: 60, signal: giveUp.signal });
    await new Promise((resolve) => setTimeout(resolve, 200));
    giveUp.abort(new Error("not wanted any more"));
    await expect(opening).rejects.toThrow("not wanted any more");
    const left = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    expect(left.split("\n").filter((line) => line.trim() === "sleep 1234")).toEqual([]);
  });

  test("that dies is started again, and tells it once for each time", async () => {
    await fakeSmi(
      `echo "${smiHeadings}"; for i in 1 2 3; do echo "0, Frail card, 70, 1 W, 0x0"; sleep 0.02; done; echo "Unable to determine the device handle" >&2; exit 15`,
    );
    const { items } = await take(await open(), 8);
    expect(items.map((item) => ("silence" in item ? item.silence : item.temperature))).toEqual([
      70,
      70,
      70,
      "Unable to determine the device handle",
      70,
      70,
      70,
      "Unable to determine the device handle",
    ]);
  });

  test("that hangs in the middle is ended and started again", async () => {
    await fakeSmi(`echo "${smiHeadings}"; echo "0, Stuck card, 70, 1 W, 0x0"; exec sleep 60`);
    const { items } = await take(await open(), 3);
    expect(items.map((item) => "silence" in item)).toEqual([false, true, false]);
  });
});
