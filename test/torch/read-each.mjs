/**
 * Reads each torch file of a folder as `inspect` does, in a process of its own whose current folder is empty, and
 * prints as JSON what came of it: {results: {file: {code} | {read: true, nonFinite} | {crash}}, slowest (the most
 * seconds of the processor that a file took), grownMiB (memory that all took at the most)}.
 *   node read-each.mjs FOLDER FILE...
 */
import { join } from "node:path";
import { describeTorchFile, readTorchFile } from "../../dist/torch/index.js";

const [folder, ...files] = process.argv.slice(2);
const results = {};
const memory = () => process.resourceUsage().maxRSS / 1024;
const before = memory();
let slowest = 0;
for (const name of files) {
  const began = process.cpuUsage();
  try {
    const file = await readTorchFile(join(folder, name));
    try {
      await file.verify();
      const { nonFinite } = await describeTorchFile(file, { stats: true });
      results[name] = { read: true, nonFinite };
    } finally {
      await file.close();
    }
  } catch (error) {
    results[name] =
      error.name === "GuardapesosError" ? { code: error.code, data: error.data } : { crash: error.stack };
  }
  const { user, system } = process.cpuUsage(began);
  slowest = Math.max(slowest, (user + system) / 1e6);
}
const polluted = {}.polluted !== undefined;
console.log(JSON.stringify({ results, polluted, slowest, grownMiB: memory() - before }));
