/** What is typed after `npm run bench --`, or after a case's own file. */
import { fileURLToPath } from "node:url";
import { table } from "./rows.mjs";

/** What was typed is wrong. */
export class UsageError extends Error {}

/**
 * @param {readonly string[]} words
 * @param {string} name without the dashes
 * @returns {string | undefined} VALUE of `--name=VALUE`
 */
export function valueOf(words, name) {
  const start = `--${name}=`;
  return words.find((word) => word.startsWith(start))?.slice(start.length);
}

/**
 * @param {readonly string[]} words
 * @param {string} [folder] where `--folder` does not say another one
 * @returns {import("./types.js").CaseOptions}
 */
export function optionsIn(words, folder) {
  const rounds = valueOf(words, "rounds");
  if (rounds !== undefined && !/^[1-9]\d*$/.test(rounds))
    throw new UsageError(`--rounds takes a number from 1 on, not ${JSON.stringify(rounds)}`);
  return {
    quick: words.includes("--quick"),
    folder: valueOf(words, "folder") ?? folder,
    rounds: rounds === undefined ? undefined : Number(rounds),
    words,
  };
}

/**
 * `node bench/cases/NAME.mjs [FOLDER] [--quick] [--rounds=N]`: that case alone. Does nothing in a module that was imported.
 * @param {string} url of the case's module
 * @param {import("./types.js").Case} alone
 */
export async function runAlone(url, { title, run }) {
  if (process.argv[1] !== fileURLToPath(url)) return;
  const words = process.argv.slice(2);
  const rows = await run(
    optionsIn(
      words,
      words.find((word) => !word.startsWith("--")),
    ),
  );
  if (rows.length > 0) console.log(table([{ title, rows }]));
}
