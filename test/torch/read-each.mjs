/**
 * Reads each torch file of a folder as `inspect` does, in a process of its own whose current folder is empty, and
 * prints as JSON what came of it: {file: {code} | {read: true, nonFinite} | {crash}, peakMiB}.
 *   node read-each.mjs FOLDER FILE...
 */
import { join } from "node:path";
import { describeTorchFile, readTorchFile } from "../../dist/torch/index.js";

const [folder, ...files] = process.argv.slice(2);
const results = {};
for (const name of files) {
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
}
const polluted = {}.polluted !== undefined;
console.log(JSON.stringify({ results, polluted, peakMiB: process.resourceUsage().maxRSS / 1024 }));
