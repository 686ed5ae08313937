/**
 * Resuming: from process start until the first step can begin, beside what Python needs to import torch, build both
 * networks with their Adam and load both files into them. The pair has 512 channels (582 MB) and trains at 16x16; both
 * read the same files, warm in the page cache. Ours also checks every SHA-256 and CRC-32, takes the lock, makes the images
 * and builds the graph: it ends with "stage-started", which is told right before the first step.
 *   node bench/resume.mjs [FOLDER] [--quick]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildIfStale } from "../bin/build.mjs";
import { fullSettings, makeFullPair } from "./full-pair.mjs";
import { python, torchVersion, train } from "./processes.mjs";
import { row, runAlone, say } from "./rows.mjs";

export const title = "Resuming";

/** From process start until Python says that all is loaded, in milliseconds. */
function loadInPython(channels, paths) {
  const script = fileURLToPath(new URL("./resume.py", import.meta.url));
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(python, [script, String(channels), ...paths], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let ready;
    child.stdout.once("data", () => (ready = performance.now() - started));
    child.on("error", reject);
    child.on("exit", () =>
      ready === undefined ? reject(new Error("Python did not load the pair")) : resolve(ready),
    );
  });
}

export async function measure({ quick, folder = tmpdir() }) {
  await buildIfStale();
  const [channels, rounds] = quick ? [32, 1] : [512, 5];
  const work = mkdtempSync(join(folder, "guardapesos-resume-"));
  const settings = fullSettings(work, channels, 4);
  try {
    const files = await makeFullPair(work, settings);
    const [ours, loaded, theirs] = [[], [], []];
    // The first round warms the page cache.
    for (let round = 0; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      const times = {};
      await train(settings, ({ type }, at, child) => {
        times[type] ??= at;
        if (type === "stage-started") child.kill("SIGKILL");
      });
      const peer = torchVersion() === undefined ? undefined : await loadInPython(channels, files);
      if (round === 0) continue;
      ours.push(times["stage-started"]);
      loaded.push(times["run-started"]);
      if (peer !== undefined) theirs.push(peer);
    }
    const what = `c${channels} 16x16, from process start`;
    return [
      row({ what: `${what} to the first step`, unit: "ms", ours, peer: theirs, against: "PyTorch", goal: 1 }),
      row({ what: `${what} until all is read and checked`, unit: "ms", ours: loaded }),
    ];
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await runAlone(import.meta.url, title, measure);
