/** Real processes, killed with SIGKILL at random moments of real saves; and several of them on one folder. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { listBackups, newestWhole, openStore, verifyGeneration } from "../../src/checkpoint/index.js";

import { readTorchFile } from "../../src/torch/index.js";
import { inspect, original } from "./inspect.js";
import { isLong, nothing, recordRow } from "./matrix.js";
import { memory, sample, temporaryFolder } from "./sample.js";

const trials = isLong ? 2000 : 200;
const size = 48;
/** The pair of the preset "full" has 582 MB; see sample() for what a channel takes. */
const fullSize = 800_000;
const program = join(import.meta.dirname, "../../.cache/crash/saver.mjs");

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, "saver.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outfile: program,
  });
});

interface Saver {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<unknown>;
}

function startSaver(folder: string, count: number, mode = "save", channels = size): Saver {
  const child = spawn(process.execPath, [program, folder, String(channels), String(count), mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  });
  return { process: child, lines, ended: once(child, "close") };
}

async function isWriting(folder: string, saver: Saver): Promise<void> {
  const inside = join(folder, "checkpoints");
  while (
    saver.process.exitCode === null &&
    !(await readdir(inside)).some((name) => name.startsWith(".tmp-0"))
  ) {
    await wait(1);
  }
}

async function said(saver: Saver, start: string): Promise<void> {
  while (!saver.lines.some((line) => line.startsWith(start))) {
    await wait(2);
    if (saver.process.exitCode !== null) throw new Error(`the saver ended: ${saver.lines.join("; ")}`);
  }
}

/** The step of the last save that the process has promised to be safe. */
function promised(lines: readonly string[]): number {
  const last = lines.filter((line) => /^(ready|saved) /.test(line)).at(-1);
  return Number(last?.split(" ")[1] ?? 0);
}

/**
 * Kills savers at random moments and looks at what they leave.
 * @param channels see sample()
 * @param longest milliseconds within which a kill comes
 * @param together kills in one folder; then there is a new one, as emergencies pile up
 */
async function killSavers(channels: number, kills: number, longest: number, together: number) {
  const tally = nothing();
  let during = 0;
  let folder = "";
  let seen = new Set<string>();
  let safe = 0;
  for (; tally.trials < kills; tally.trials++) {
    if (tally.trials % together === 0) {
      if (folder !== "") await rm(folder, { recursive: true, force: true });
      [folder, seen] = [await temporaryFolder("matar ñ-", memory), new Set()];
      // Something to lose.
      const first = startSaver(folder, 1, "save", channels);
      await first.ended;
      safe = promised(first.lines);
    }
    const saver = startSaver(folder, 1000, "save", channels);
    await said(saver, "ready");
    // It saves without a pause, so any moment is in the middle of a save; every second time, while files are written.
    const isEven = tally.trials % 2 === 0;
    if (isEven) await isWriting(folder, saver);
    await wait(Math.random() * (isEven ? longest / 10 : longest));
    saver.process.kill("SIGKILL");
    await saver.ended;
    safe = Math.max(safe, promised(saver.lines));
    const names = await readdir(join(folder, "checkpoints"));
    if (names.some((name) => name.startsWith(".tmp-0"))) during++;

    // What a reader finds, before anyone has opened the folder for writing again.
    const found = await newestWhole(folder).catch(() => undefined);
    if (found === undefined ? safe > 0 : found.generation.step < safe) tally.lost++;
    const findings = await inspect(folder, original(channels), (name) => seen.has(name));
    tally.unreadable += findings.unreadable.length;
    tally.mixed += findings.mixed.length;
    // Emergencies do not change: those of earlier rounds have been looked at.
    for (const name of [...names, ...(await readdir(folder))]) if (/emergency/i.test(name)) seen.add(name);
  }
  return { tally, during, folder, safe };
}

describe("a process killed in the middle of saves", () => {
  it(`loses nothing that it has promised, in ${trials} kills`, { timeout: 60 * 60_000 }, async () => {
    const { tally, during, folder, safe } = await killSavers(size, trials, 80, 20);
    expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
    expect(during).toBeGreaterThan(trials / 10);
    recordRow(isLong ? "many kills in saves of a small pair" : "kill -9 in saves", tally);

    const store = await openStore({ folder, label: "DRUSEN", name: "local" });
    await store.save(sample(safe + 1000));
    await store.close();
    expect(
      (await readdir(join(folder, "checkpoints"))).filter((name) => /^\.(tmp|trash|lock)/.test(name)),
    ).toEqual([]);
  });

  it.runIf(isLong)("loses nothing of the full-size pair either", { timeout: 2 * 60 * 60_000 }, async () => {
    const { tally, during } = await killSavers(fullSize, 100, 4000, 5);
    expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
    expect(during).toBeGreaterThan(10);
    recordRow("kills in saves of the full-size pair (582 MB)", tally);
  });
});

const hasTorch = spawnSync("/usr/bin/python3", ["-c", "import torch"]).status === 0;

/** What the users' script does: torch.save over the same two names, step after step. */
const script = `
import sys, torch
folder, size = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
step = 0
while True:
    step += 1
    for network in ("generator", "critic"):
        weights = {str(i): torch.full((size, 64), float(step)) for i in range(40)}
        torch.save({"state_dict": weights, "optimizer": {}}, f"{folder}/{network}_DRUSEN_local.pth")
    print("saved", step, flush=True)
`;

describe.skipIf(!hasTorch || !isLong)("for comparison", () => {
  it("torch.save over the same names, killed in the same way", { timeout: 60 * 60_000 }, async () => {
    const folder = await temporaryFolder("matar ñ-", memory);
    const tally = { ...nothing(), trials: 100 };
    for (let trial = 0; trial < tally.trials; trial++) {
      const child = spawn("/usr/bin/python3", ["-c", script, folder, String(size)]);
      const lines: string[] = [];
      child.stdout.setEncoding("utf8").on("data", (text: string) => lines.push(...text.split("\n")));
      while (!lines.some((line) => line.startsWith("saved"))) await wait(2);
      await wait(Math.random() * 80);
      child.kill("SIGKILL");
      await once(child, "close");
      const steps: number[] = [];
      for (const network of ["generator", "critic"]) {
        try {
          const file = await readTorchFile(join(folder, `${network}_DRUSEN_local.pth`));
          await file.verify();
          for (const [, tensor] of file.tensors()) steps.push(Number((await tensor.read())[0]));
          await file.close();
        } catch {
          tally.unreadable++;
        }
      }
      if (steps.length === 80 && new Set(steps).size > 1) tally.mixed++;
      if (steps.length < 80) tally.lost++;
    }
    recordRow("for comparison: kills in torch.save", tally);
    expect(tally.unreadable + tally.mixed).toBeGreaterThan(0);
  });
});

describe("a process killed while it removes or copies", () => {
  const some = 5;

  it.each(["prune", "backup"] as const)("%s: what stays is whole", { timeout: 10 * 60_000 }, async (mode) => {
    const folder = await temporaryFolder("matar ñ-", memory);
    const tally = { ...nothing(), trials: some };
    for (let trial = 0; trial < some; trial++) {
      const saver = startSaver(folder, 5, mode);
      await said(saver, "closed");
      await wait(Math.random() * (mode === "prune" ? 15 : 150));
      saver.process.kill("SIGKILL");
      await saver.ended;
      const found = await newestWhole(folder).catch(() => undefined);
      if ((found?.generation.step ?? 0) < promised(saver.lines)) tally.lost++;
      const findings = await inspect(folder, original(size));
      tally.unreadable += findings.unreadable.length;
      tally.mixed += findings.mixed.length;
      for (const copy of (await listBackups(folder)).whole) {
        if (!(await verifyGeneration(copy)).whole) tally.unreadable++;
      }
    }
    if (!isLong) recordRow(`kill -9 in ${mode}`, tally);
    expect(tally).toMatchObject({ unreadable: 0, mixed: 0, lost: 0 });
    // The next one tidies up after the last.
    const last = startSaver(folder, 1, mode);
    await last.ended;
    expect(last.process.exitCode).toBe(0);
    for (const place of ["checkpoints", "backups"]) {
      const names = await readdir(join(folder, place)).catch(() => []);
      expect(names.filter((name) => /^\.(tmp|trash|lock)/.test(name))).toEqual([]);
    }
  });
});

describe("several processes on one folder", () => {
  it("one writes, the others are refused by name; after its death the next one may", async () => {
    const folder = await temporaryFolder();
    const first = startSaver(folder, 1000);
    await said(first, "saved");
    const others = [startSaver(folder, 1), startSaver(folder, 1)];
    await Promise.all(others.map((other) => other.ended));
    expect(others.map((other) => other.lines)).toEqual([["error WEIGHTS_IN_USE"], ["error WEIGHTS_IN_USE"]]);
    expect(first.process.exitCode).toBeNull();
    first.process.kill("SIGKILL");
    await first.ended;
    const next = startSaver(folder, 2);
    await next.ended;
    expect(next.lines.at(-1)).toBe("closed");
    expect(promised(next.lines)).toBeGreaterThanOrEqual(promised(first.lines) + 2);
  });

  it("started in the same instant, never two write at once", async () => {
    for (let round = 0; round < 2; round++) {
      const folder = await temporaryFolder("guardapesos-", memory);
      const savers = Array.from({ length: 4 }, () => startSaver(folder, 3));
      await Promise.all(savers.map((saver) => saver.ended));
      const sequences = savers.flatMap((saver) =>
        saver.lines.filter((line) => line.startsWith("saved")).map((line) => Number(line.split(" ")[2])),
      );
      // Two writers at once would have counted the same numbers.
      expect(sequences.sort((a, b) => a - b)).toEqual(sequences.map((_, i) => i + 1));
      expect(sequences.length).toBeGreaterThanOrEqual(3);
      for (const saver of savers) expect(["closed", "error WEIGHTS_IN_USE"]).toContain(saver.lines.at(-1));
    }
  });
});
