/**
 * The images' part of the table. bench/images.mjs prints a table of its own, in a process of its own for each resolution;
 * its lines are read here: resolution, ..., the waits of both epochs, the engine's idle shares, what the loader supplies.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { row, say } from "./rows.mjs";

export const title = "Images";

/** Enough of them to be past any cache, and few enough for a run of all parts. */
const shorter = ["--count=2000", "--steps=100", "--resolutions=4,32,256,1024"];

const lineOf = /^\s*(\d+) .*?([\d.]+) % \/\s+([\d.]+) %.*?([\d.]+) images\/s\s/;

function rowsIn(line) {
  const [, side, first, later, supply] = lineOf.exec(line) ?? [];
  if (supply === undefined) return [];
  const of = (what, unit, value) => row({ what: `${side}x${side}: ${what}`, unit, ours: [Number(value)] });
  return [
    of("training waits for images, first epoch", "%", first),
    of("training waits for images, later epochs", "%", later),
    of("images supplied", "images/s", supply),
  ];
}

export async function measure({ quick }) {
  const script = fileURLToPath(new URL("./images.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, ...(quick ? ["--quick"] : shorter)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const rows = [];
  for await (const line of createInterface({ input: child.stdout })) {
    say(line);
    rows.push(...rowsIn(line));
  }
  if ((await ended) !== 0) throw new Error("bench/images.mjs failed");
  return rows;
}
