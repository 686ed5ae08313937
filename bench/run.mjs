/**
 * Every claim about speed, each beside its peer, in one table. A case is a file in cases/; what they share is in harness/.
 *   npm run bench [-- PART ...]       all parts, or those named
 *   npm run bench -- --help           what there is, and what each measures
 *   npm run bench -- --quick          the same code with tiny sizes: whether it runs, no figures
 *   npm run bench -- svg [FILE.json]  draws docs/measurements.svg again, from the newest result or from FILE
 *   npm run bench -- profile [CHANNELS RESOLUTION BATCH]   where a step's time goes
 *   npm run bench -- precision        mixed precision beside float32
 *   npm run bench -- growth           how the cost of a step grows with resolution, channels and batch size
 * `--rounds=N`: each contender so often; `--folder=FOLDER`: on the disk of that folder. A run of all parts writes
 * bench/results/DATE-MACHINE.json and draws docs/measurements.svg; `--out=FOLDER` writes both there instead, also for a run
 * that is quick or of some parts.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { looks, parts } from "./cases/index.mjs";
import { draw } from "./harness/chart.mjs";
import { machine } from "./harness/machine.mjs";
import { UsageError, optionsIn, valueOf } from "./harness/options.mjs";
import { torchVersion } from "./harness/processes.mjs";
import { table } from "./harness/rows.mjs";

/** @typedef {import("./harness/types.js").Case} Case */

const results = fileURLToPath(new URL("./results", import.meta.url));
const picture = fileURLToPath(new URL("../docs/measurements.svg", import.meta.url));

/** @param {string | undefined} file */
function drawAgain(file) {
  const names = existsSync(results) ? readdirSync(results).filter((name) => name.endsWith(".json")) : [];
  const newest = names.sort().at(-1);
  const from = file ?? (newest === undefined ? undefined : join(results, newest));
  if (from === undefined) throw new UsageError(`No result in ${results}`);
  writeFileSync(picture, draw(JSON.parse(readFileSync(from, "utf8"))));
  console.log(`${picture}, from ${from}`);
}

function help() {
  const line = (/** @type {Case} */ { name, measures, peer }) =>
    `  ${name.padEnd(12)} ${measures}${peer === undefined ? "" : `; beside ${peer}`}`;
  console.log(
    "npm run bench [-- PART ...] [--quick] [--rounds=N] [--folder=FOLDER] [--out=FOLDER]\n\nParts:",
  );
  console.log(parts.map(line).join("\n"));
  console.log("\nAlone, without a result:");
  console.log([...looks.map(line), `  ${"svg [FILE]".padEnd(12)} draws ${picture} again`].join("\n"));
}

/**
 * @param {readonly string[]} words
 * @returns {readonly Case[]} the parts that are named, or all
 */
function partsIn(words) {
  const named = words.filter((word) => !word.startsWith("--"));
  const unknown = named.filter((word) => !parts.some(({ name }) => name === word));
  const names = [...parts, ...looks].map(({ name }) => name);
  if (unknown.length > 0)
    throw new UsageError(`There is no part ${unknown.join(", ")}. Parts: ${[...names, "svg"].join(", ")}.`);
  if (named.length === 0) return parts;
  return named.flatMap((word) => parts.filter(({ name }) => name === word));
}

/**
 * @param {readonly Case[]} cases
 * @param {import("./harness/types.js").CaseOptions} options
 * @returns {Promise<import("./harness/types.js").Section[]>} those that could be measured; those that failed are told
 */
async function measureAll(cases, options) {
  const sections = [];
  for (const { name, title, run } of cases) {
    console.error(`\n== ${name}`);
    try {
      const section = { part: name, title, rows: await run(options) };
      sections.push(section);
      console.error(table([section]));
    } catch (error) {
      console.error(`${name} FAILED: ${error instanceof Error ? error.stack : error}`);
      process.exitCode = 1;
    }
  }
  return sections;
}

/** @param {readonly string[]} words */
async function measure(words) {
  const cases = partsIn(words);
  const options = optionsIn(words);
  const out = valueOf(words, "out");
  if (torchVersion() === undefined)
    console.error("PyTorch is not installed (Debian: python3-torch): only our own side is measured.");
  const about = machine();
  const sections = await measureAll(cases, options);
  const result = { machine: about, quick: options.quick, sections };
  console.log(`\n${table(sections)}`);
  if (options.quick) console.log("\nA quick run shows that all of it works; its figures mean nothing.");

  const whole = cases === parts && !options.quick && process.exitCode === undefined;
  if (out === undefined && !whole) return;
  const file = join(out ?? results, `${about.date.slice(0, 10)}-${about.slug}.json`);
  const drawn = out === undefined ? picture : join(out, "measurements.svg");
  mkdirSync(out ?? results, { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(drawn, draw(result));
  console.log(`\nwritten: ${file}\n         ${drawn}`);
}

/** @param {readonly string[]} words */
async function main(words) {
  const [first, ...others] = words;
  if (words.includes("--help")) return help();
  if (first === "svg") return drawAgain(others[0]);
  const look = looks.find(({ name }) => name === first?.replace(/^--/, ""));
  if (look) return void (await look.run(optionsIn(others)));
  return measure(words);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
