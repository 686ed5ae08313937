/**
 * How long the engine waits for its images: 8,000 files and the batches of preset rtx3070 at each resolution, through the
 * trainer's own loader (harness/images-process.mjs), in a process of its own for each resolution.
 *   node bench/cases/images.mjs [FOLDER [CLASS]] [--count=8000] [--steps=300] [--resolutions=4,1024] [--memory=MB]
 *     [--no-disk] [--phantoms] [--quick]
 * The images of FOLDER are copied until there are enough; without one, drawn scans are written as JPEG. `--no-disk`: what
 * does not fit in memory is decoded each time. `--phantoms`: drawn images, no files.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { batchTime, imageOptions } from "../harness/image-options.mjs";
import { runAlone } from "../harness/options.mjs";
import { product } from "../harness/product.mjs";
import { row, say } from "../harness/rows.mjs";

/** @typedef {import("../harness/image-options.mjs").ImageOptions} ImageOptions */
/** @typedef {import("../harness/image-options.mjs").Waits} Waits */

/** Drawn scans as JPEG. @param {string} folder */
async function drawnFiles(folder) {
  const { drawPhantom } = await product("progan/phantom.js");
  const { default: sharp } = await import("sharp");
  const raw = /** @type {const} */ ({ width: 512, height: 512, channels: 1 });
  mkdirSync(folder);
  const files = [];
  for (let i = 0; i < 32; i++) {
    const path = join(folder, `${i}.jpg`);
    await sharp(drawPhantom(42, i, 512), { raw })
      .jpeg({ quality: 90 })
      .toFile(path);
    files.push(path);
  }
  return files;
}

/** @param {string} from */
function filesIn(from) {
  return readdirSync(from, { recursive: true, encoding: "utf8" })
    .map((name) => join(from, name))
    .filter((path) => /\.(jpe?g|png|webp|tiff?)$/i.test(path) && statSync(path).isFile())
    .sort();
}

/** `count` files under names of their own. @param {ImageOptions} options */
async function makeFolder({ count, from }) {
  const folder = mkdtempSync(join(tmpdir(), "guardapesos-bench-images-"));
  const files = from === undefined ? await drawnFiles(join(folder, ".drawn")) : filesIn(from);
  for (let i = 0; i < count; i++) {
    const path = files[i % files.length];
    if (path === undefined) throw new Error(`No image in ${from}`);
    copyFileSync(path, join(folder, `${String(i).padStart(6, "0")}${path.slice(path.lastIndexOf("."))}`));
  }
  return folder;
}

/**
 * @param {ImageOptions} options
 * @param {string} folder
 * @param {number} resolution
 * @returns {Promise<Waits>}
 */
async function measured(options, folder, resolution) {
  const script = fileURLToPath(new URL("../harness/images-process.mjs", import.meta.url));
  const words = [script, folder, String(resolution), ...options.passed];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words);
  if (stderr !== "") process.stderr.write(stderr);
  return JSON.parse(stdout);
}

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)} %`.padStart(8);

/** @param {Waits} waits */
function lineOf({ resolution, loading, images, shares, messages, rate, maxRSS, deaf }) {
  return [
    String(resolution).padStart(10),
    `${loading.toFixed(1)} s`.padStart(9),
    (images / loading).toFixed(0).padStart(10),
    shares.map(({ waited }) => percent(waited)).join(" / "),
    [...shares.map(({ idle }) => idle), messages].map(percent).join(" / "),
    `${rate.toFixed(0)} images/s`.padStart(15),
    `${deaf.toFixed(0)} ms`.padStart(6),
    `${(maxRSS / 1024).toFixed(0)} MB`.padStart(8),
  ].join("   ");
}

/**
 * @param {ImageOptions} options
 * @param {(line: string) => void} tell a table that grows
 */
async function waitsOf(options, tell) {
  const folder = options.phantoms ? "-" : await makeFolder(options);
  tell(
    `${options.count} ${options.phantoms ? "phantoms" : "files"}; assumed: a batch takes ${batchTime(4)} ms up to 32x32, ${batchTime(64)} ms beyond.`,
  );
  tell("Wait: the trainer's own measure, first epoch / later epoch. Idle: the engine's, the same, / with nothing to load."); // prettier-ignore
  tell("resolution     loading     images/s                  wait                             idle             supply        deaf   peak memory"); // prettier-ignore
  try {
    const all = [];
    for (const resolution of options.resolutions) {
      const waits = await measured(options, folder, resolution);
      tell(lineOf(waits));
      all.push(waits);
    }
    return all;
  } finally {
    if (!options.phantoms) rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Waits} waits */
function rowsOf({ resolution, shares: [first, later], rate }) {
  /** @type {(what: string, unit: string, value: number) => import("../harness/types.js").Row} */
  const rowOf = (what, unit, value) =>
    row({ what: `${resolution}x${resolution}: ${what}`, unit, ours: [value] });
  return [
    rowOf("training waits for images, first epoch", "%", 100 * first.waited),
    rowOf("training waits for images, later epochs", "%", 100 * later.waited),
    rowOf("images supplied", "images/s", rate),
  ];
}

/** Enough of them to be past any cache, and few enough for a run of all parts. */
const shorter = ["--count=2000", "--steps=100", "--resolutions=4,32,256,1024"];

/** @type {import("../harness/types.js").Case} */
const images = {
  name: "images",
  title: "Images",
  measures: "how long training waits for its images, and how many the loader gives",
  peer: undefined,
  run: async ({ quick }) => (await waitsOf(imageOptions(quick ? ["--quick"] : shorter), say)).flatMap(rowsOf),
};
export default images;

await runAlone(import.meta.url, {
  ...images,
  run: async ({ words }) => {
    await waitsOf(imageOptions(words), console.log);
    return [];
  },
});
