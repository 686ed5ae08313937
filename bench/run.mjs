/**
 * Every claim about speed, each beside its peer, in one table.
 *   npm run bench [-- PART ...]       all parts, or those named
 *   npm run bench -- --quick          the same code with tiny sizes: whether it runs, no figures
 *   npm run bench -- svg [FILE.json]  draws docs/measurements.svg again, from the newest result or from FILE
 *   npm run bench -- profile [CHANNELS RESOLUTION BATCH]   where a step's time goes
 *   npm run bench -- precision        mixed precision beside float32
 *   npm run bench -- growth           how the cost of a step grows with resolution, channels and batch size
 * A run of all parts writes bench/results/DATE-MACHINE.json and draws docs/measurements.svg; `--out=FOLDER` writes both there
 * instead, also for a run that is quick or of some parts.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { draw } from "./chart.mjs";
import { machine } from "./machine.mjs";
import { torchVersion } from "./processes.mjs";
import { table } from "./rows.mjs";

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const results = pathOf("./results");
const picture = pathOf("../docs/measurements.svg");

/** In the order of the table. */
const parts = {
  steps: "./steps.mjs",
  saves: "./saves.mjs",
  stop: "./stop.mjs",
  resume: "./resume.mjs",
  "torch-files": "./torch-files.mjs",
  images: "./images-rows.mjs",
  heat: "./heat.mjs",
};

function fail(message) {
  console.error(message);
  process.exit(2);
}

function drawAgain(file) {
  const names = existsSync(results) ? readdirSync(results).filter((name) => name.endsWith(".json")) : [];
  const newest = names.sort().at(-1);
  const from = file ?? (newest === undefined ? fail(`No result in ${results}`) : join(results, newest));
  writeFileSync(picture, draw(JSON.parse(readFileSync(from, "utf8"))));
  console.log(`${picture}, from ${from}`);
}

/** @returns the sections that could be measured; those that failed are told */
async function measureAll(named, quick) {
  const sections = [];
  for (const part of named) {
    console.error(`\n== ${part}`);
    try {
      const { title, measure } = await import(parts[part]);
      const section = { part, title, rows: await measure({ quick }) };
      sections.push(section);
      console.error(table([section]));
    } catch (error) {
      console.error(`${part} FAILED: ${error instanceof Error ? error.stack : error}`);
      process.exitCode = 1;
    }
  }
  return sections;
}

/** Parts without a peer or a goal, which print what they find by themselves. */
const looks = ["profile", "precision", "growth"];

const [first, ...others] = process.argv.slice(2);
if (first === "svg") drawAgain(others[0]);
else if (looks.includes(first?.replace(/^--/, "")))
  process.exitCode = spawnSync(process.execPath, [pathOf(`./${first.replace(/^--/, "")}.mjs`), ...others], { stdio: "inherit" }).status; // prettier-ignore
else {
  const words = process.argv.slice(2);
  const quick = words.includes("--quick");
  const named = words.filter((word) => !word.startsWith("--"));
  const unknown = named.filter((part) => !Object.hasOwn(parts, part));
  if (unknown.length > 0) fail(`There is no part ${unknown.join(", ")}. Parts: ${[...Object.keys(parts), ...looks, "svg"].join(", ")}.`); // prettier-ignore
  const out = words.find((word) => word.startsWith("--out="))?.slice("--out=".length);

  if (torchVersion() === undefined)
    console.error("PyTorch is not installed (Debian: python3-torch): only our own side is measured.");
  const about = machine();
  const sections = await measureAll(named.length > 0 ? named : Object.keys(parts), quick);
  const result = { machine: about, quick, sections };
  console.log(`\n${table(sections)}`);
  if (quick) console.log("\nA quick run shows that all of it works; its figures mean nothing.");

  const whole = named.length === 0 && !quick && process.exitCode === undefined;
  if (out !== undefined || whole) {
    const file = join(out ?? results, `${about.date.slice(0, 10)}-${about.slug}.json`);
    const drawn = out === undefined ? picture : join(out, "measurements.svg");
    mkdirSync(out ?? results, { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
    writeFileSync(drawn, draw(result));
    console.log(`\nwritten: ${file}\n         ${drawn}`);
  }
}
