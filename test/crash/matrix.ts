/**
 * docs/crash-matrix.md, written by the tests themselves: `GUARDAPESOS_MATRIX=1 npx vitest run test/crash
 * --no-file-parallelism`. Each result is one row; a row that was not measured this time stays as it was.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Tally {
  readonly trials: number;
  /** A file that a user would open could not be read. */
  readonly unreadable: number;
  /** A generator and a critic of different saves under one pair of names, or numbers of two saves in one file. */
  readonly mixed: number;
  /** A generation was promised to be safe and not found. */
  readonly lost: number;
}

const path = join(import.meta.dirname, "../../docs/crash-matrix.md");
const begin =
  "| what was done | trials | unreadable | mixed pairs | lost generations |\n|---|---|---|---|---|\n";

export function recordMatrix(row: string, { trials, unreadable, mixed, lost }: Tally): void {
  if (process.env["GUARDAPESOS_MATRIX"] === undefined) return;
  const text = existsSync(path) ? readFileSync(path, "utf8") : introduction + begin;
  const line = `| ${row} | ${trials} | ${unreadable} | ${mixed} | ${lost} |\n`;
  const kept = text
    .split("\n")
    .filter((old) => !old.startsWith(`| ${row} |`))
    .join("\n");
  writeFileSync(path, kept.trimEnd() + "\n" + line);
}

const introduction = `# The crash matrix

What happens to saved weights when the worst happens in the middle of a save. This table is written by the tests in
\`test/crash\` (see \`matrix.ts\` for the command); every row of ours must read 0, 0, 0.

- **unreadable**: a file that a user would open, or a generation that says it is whole, could not be read.
- **mixed pairs**: a generator and a critic of different saves taken for one pair, or numbers of two saves in one file.
- **lost generations**: a save that had been reported as safe (in the simulated power cuts: committed) was not found again.

The simulated power cuts stop the store after every single operation on the disk (create, write, fsync, rename, link,
remove, fsync of a folder). What had not been synced by then is lost, kept, or torn at 512-byte sectors, and names that had
not been synced are kept or dropped one by one; the store then has to find the newest committed generation, whole.

`;
