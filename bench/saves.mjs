/**
 * What auto-saving takes from training: the c64 net at 32x32, a real run of the program with a save every 20 batches. The
 * batches beside which a save went on are compared with the others of the same run: two runs differ by more than what a
 * save costs.
 *   node bench/saves.mjs [--quick]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 3;
const [channels, resolution] = quick ? [8, 8] : [64, 32];
const between = 20;
/** Batches of warming up, then batches whose time is taken. */
const warming = 10;
const taken = (quick ? 3 : 10) * between;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const program = fileURLToPath(new URL("../bin/guardapesos.mjs", import.meta.url));

/** The ends of the batches, and when saves went on, in milliseconds. */
async function train() {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-saves-"));
  const settings = {
    channels,
    latent: channels,
    start: resolution,
    end: resolution,
    "batch-sizes": 16,
    accumulate: 1,
    epochs: 1,
    phantoms: 16 * (warming + taken),
    threads: 2,
    sensor: "none",
    autosave: between,
    weights: join(folder, "weights"),
    samples: join(folder, "samples"),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [program, "train", "--json", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ends = [];
  const saves = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    const at = Date.parse(event.at);
    if (event.type === "stepped") ends.push(at);
    if (event.type === "save-started") saves.push({ from: at, to: Infinity });
    if (event.type === "saved") saves.at(-1).to = at;
  }
  rmSync(folder, { recursive: true });
  return { ends: ends.slice(warming), saves };
}

/** The batch that ends when a save begins counts as beside it: it made the state that is saved. */
function costOf({ ends, saves }) {
  const [beside, alone] = [[], []];
  for (let i = 1; i < ends.length; i++) {
    const [from, to] = [ends[i - 1], ends[i]];
    const during = saves.some((save) => from <= save.to && to >= save.from - 2);
    (during ? beside : alone).push(to - from);
  }
  const usual = median(alone);
  const lost = beside.reduce((sum, duration) => sum + duration - usual, 0);
  return { usual, beside: beside.length, lost, share: lost / (ends.at(-1) - ends[0]) };
}

const results = [];
for (let round = 0; round < rounds; round++) results.push(costOf(await train()));
const percent = (share) => `${(100 * share).toFixed(1)} %`;
console.log(
  `Saving every ${between} batches, c${channels} at ${resolution}x${resolution}: takes ` +
    `${percent(median(results.map(({ share }) => share)))} (runs: ${results.map(({ share }) => percent(share)).join(", ")}); ` +
    `a batch takes ${median(results.map(({ usual }) => usual)).toFixed(0)} ms, ` +
    `${median(results.map(({ beside }) => beside))} of ${taken} went on beside a save`,
);
