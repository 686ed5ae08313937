/** What a result was measured on and with. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { torchVersion } from "./processes.mjs";

/** @param {string} text */
const slug = (text) => text.toLowerCase().replace(/\(r\)|\(tm\)/g, "").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, ""); // prettier-ignore

/** The commit, with "+" when files differ from it; undefined outside a repository. */
function commit() {
  /** @param {string[]} words */
  const git = (...words) =>
    execFileSync("git", words, {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "-uno") === "" ? "" : "+");
  } catch {
    return undefined;
  }
}

/** @returns {import("./types.js").Machine} */
export function machine() {
  const cpu = cpus()[0]?.model.trim() ?? "unknown";
  const cores = availableParallelism();
  const gigabytes = Math.round(totalmem() / 1e9);
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const path = `${entry.slice(0, entry.lastIndexOf("/dist/"))}/package.json`;
  /** @type {{ version: string }} */
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  return {
    slug: slug(`${cpu} ${cores} cores ${gigabytes} gb`),
    cpu,
    cores,
    gigabytes,
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: manifest.version,
    pytorch: torchVersion(),
    commit: commit(),
    date: new Date().toISOString(),
  };
}
