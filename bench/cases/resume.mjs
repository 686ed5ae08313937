/**
 * Resuming: from process start until the first step can begin, beside what Python needs to import torch, build both
 * networks with their Adam and load both files into them. The pair has 512 channels (582 MB) and trains at 16x16; both
 * read the same files, warm in the page cache. Ours also checks every SHA-256 and CRC-32, takes the lock, makes the images
 * and builds the graph: it ends with "stage-started", which is told right before the first step.
 *   node bench/cases/resume.mjs [FOLDER] [--quick] [--rounds=N]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fullSettings, makeFullPair } from "../harness/full-pair.mjs";
import { runAlone } from "../harness/options.mjs";
import { python, torchVersion, train } from "../harness/processes.mjs";
import { row, say } from "../harness/rows.mjs";

/**
 * From process start until Python says that all is loaded.
 * @param {number} channels
 * @param {readonly string[]} paths of the generator and the critic
 * @returns {Promise<number>} milliseconds
 */
function loadInPython(channels, paths) {
  const script = fileURLToPath(new URL("../harness/resume.py", import.meta.url));
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(python, [script, String(channels), ...paths], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    /** @type {number | undefined} */
    let ready;
    child.stdout.once("data", () => (ready = performance.now() - started));
    child.on("error", reject);
    child.on("exit", () =>
      ready === undefined ? reject(new Error("Python did not load the pair")) : resolve(ready),
    );
  });
}

/** Ours, killed when its first step begins. @param {ReturnType<typeof fullSettings>} settings */
async function loadOurs(settings) {
  /** Milliseconds until the first event of each type. @type {Map<string, number>} */
  const times = new Map();
  await train(settings, ({ type }, at, training) => {
    if (!times.has(type)) times.set(type, at);
    if (type === "stage-started") training.kill("SIGKILL");
  });
  const [loaded, ready] = [times.get("run-started"), times.get("stage-started")];
  if (loaded === undefined || ready === undefined) throw new Error("The training has not begun");
  return { loaded, ready };
}

/** @type {import("../harness/types.js").Case["run"]} */
async function run({ quick, folder = tmpdir(), rounds: asked }) {
  const [channels, rounds] = quick ? [32, asked ?? 1] : [512, asked ?? 5];
  const work = mkdtempSync(join(folder, "guardapesos-resume-"));
  const settings = fullSettings(work, channels, 4);
  try {
    const files = await makeFullPair(work, settings);
    /** @type {Record<"ours" | "loaded" | "theirs", number[]>} */
    const { ours, loaded, theirs } = { ours: [], loaded: [], theirs: [] };
    // The first round warms the page cache.
    for (let round = 0; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      const times = await loadOurs(settings);
      const peer = torchVersion() === undefined ? undefined : await loadInPython(channels, files);
      if (round === 0) continue;
      ours.push(times.ready);
      loaded.push(times.loaded);
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

/** @type {import("../harness/types.js").Case} */
const resume = {
  name: "resume",
  title: "Resuming",
  measures: "from process start to the first step of the full-size pair",
  peer: "Python that imports torch and loads the same files",
  run,
};
export default resume;

await runAlone(import.meta.url, resume);
