/**
 * `npm run bench [-- PART ...] [-- --quick]`: every claim about speed, each beside its peer. Parts: those below; all of
 * them if none is named. `npm run bench -- profile [CHANNELS RESOLUTION BATCH]` shows where a step's time goes.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const parts = ["steps", "saves", "images", "torch-files", "stop", "heat", "precision"];

const [first, ...others] = process.argv.slice(2).map((word) => word.replace(/^--profile$/, "profile"));
const scriptOf = (part) => fileURLToPath(new URL(`./${part}.mjs`, import.meta.url));

function play(part, options) {
  console.log(`\n== ${part}`);
  return spawnSync(process.execPath, [scriptOf(part), ...options], { stdio: "inherit" }).status === 0;
}

if (first === "profile") process.exit(play("profile", others) ? 0 : 1);
const words = first === undefined ? [] : [first, ...others];
const named = words.filter((word) => !word.startsWith("--"));
const unknown = named.filter((part) => !parts.includes(part));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(", ")}. Parts: ${parts.join(", ")}, profile.`);
  process.exit(2);
}
const options = words.filter((word) => word.startsWith("--"));
const asked = named.length > 0 ? named : parts.filter((part) => existsSync(scriptOf(part)));
const failed = asked.filter((part) => !play(part, options));
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(", ")}`);
  process.exit(1);
}
