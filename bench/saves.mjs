/**
 * What auto-saving takes from training: the c64 net at 32x32, real runs of the program, with a save every 20 batches
 * and with none, in turn. The time of the same batches is compared, the final save left out.
 *   node bench/saves.mjs [--quick]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 5;
const [channels, resolution] = quick ? [8, 8] : [64, 32];
const between = 20;
/** Batches of warming up, then batches whose time is taken: five saves fall among them. */
const warming = 10;
const taken = 5 * between;
const never = 1_000_000;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const program = fileURLToPath(new URL("../bin/guardapesos.mjs", import.meta.url));

/** Seconds for the batches, and how many saves were finished by then. */
async function train(autosave) {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-saves-"));
  const settings = {
    channels,
    latent: channels,
    start: resolution,
    end: resolution,
    "batch-sizes": Array(9).fill(16).join(),
    accumulate: 1,
    epochs: 2,
    "max-batches": warming + taken,
    threads: 2,
    sensor: "none",
    autosave,
    weights: join(folder, "weights"),
    samples: join(folder, "samples"),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [program, "train", "--json", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let [began, ended, saves] = [0, 0, 0];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.type === "stepped" && event.batches === warming) began = Date.parse(event.at);
    if (event.type === "stepped" && event.batches === warming + taken) ended = Date.parse(event.at);
    if (event.type === "saved" && event.kind === "auto") saves += 1;
  }
  rmSync(folder, { recursive: true });
  if (ended === 0) throw new Error("the training ended early");
  return { seconds: (ended - began) / 1000, saves };
}

const [saving, plain] = [[], []];
for (let round = 0; round < rounds; round++) {
  saving.push(await train(between));
  plain.push(await train(never));
}
const seconds = (runs) => median(runs.map((run) => run.seconds));
const shares = saving.map((run, i) => run.seconds / plain[i].seconds - 1);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
console.log(
  `Saving every ${between} batches, c${channels} at ${resolution}x${resolution}: ${taken} batches in ` +
    `${seconds(saving).toFixed(1)} s with ${saving[0].saves} saves, ${seconds(plain).toFixed(1)} s without; ` +
    `takes ${percent(median(shares))} (pairs: ${shares.map(percent).join(", ")})`,
);
