/**
 * docs/crash-matrix.md is written by the tests: `npm run crash-matrix` runs them and writes what they measure; every other
 * run compares, so that the page is never anything but what the tests find. Rows of the longer runs (`npm run soak`) are
 * written by those alone.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

export interface Tally {
  trials: number;
  /** A file that a user would open, or a generation that says it is whole, could not be read. */
  unreadable: number;
  /** A generator and a critic of different saves under one pair of names, or numbers of two saves in one file. */
  mixed: number;
  /** A generation was promised to be safe and not found. */
  lost: number;
}

export const nothing = (): Tally => ({ trials: 0, unreadable: 0, mixed: 0, lost: 0 });

/** The disk's operations, after each of which the power is cut. */
export const calls = [
  "mkdir",
  "create",
  "write",
  "fsync",
  "rename",
  "link",
  "remove",
  "fsync folder",
] as const;
export type Call = (typeof calls)[number];

const results = ["unreadable", "mixed pairs", "lost generations"];
const resultsOf = ({ unreadable, mixed, lost }: Tally) => [unreadable, mixed, lost];

/** Where the page is written and not compared: a run of the tests that was asked to, and how long it is. */
type Mode = "compare" | "write" | "write-long";
export const mode: Mode = (process.env["GUARDAPESOS_MATRIX"] as Mode | undefined) ?? "compare";
export const isLong = mode === "write-long";

interface Section {
  readonly title: string;
  readonly text: string;
  readonly columns: readonly string[];
  readonly rows: readonly string[];
}

const sections = {
  power: {
    title: "The power is cut",
    text: `After every single operation on the disk, by what that operation was. Each number counts the wrecks that are looked at:
what had not been synced by then is lost, kept, or torn at 512-byte sectors, and each name that had not been synced is
kept or dropped by itself. The store then has to find the newest committed generation, whole, and mend the rest.`,
    columns: ["operation", ...calls, "cuts", ...results],
    rows: [
      "opening a new folder",
      "an automatic save",
      "an emergency save",
      "closing and opening again",
      "a save that lets an older one go",
      "prune",
      "backup, the oldest one going",
      "restore",
      "keep",
    ],
  },
  faults: {
    title: "The disk fails, or is full",
    text: `One operation fails (EIO: once; ENOSPC: this one and all that take room after it), and then everything that was safe must
be as it was, what failed must be said, and the next try must succeed.`,
    columns: ["error and operation", "failing operations", ...results],
    rows: [
      "EIO in an automatic save",
      "EIO in an emergency save",
      "ENOSPC in an automatic save",
      "ENOSPC in an emergency save",
      "EIO in prune",
      "EIO in backup",
      "ENOSPC in backup",
      "EIO in restore",
      "ENOSPC in restore",
    ],
  },
  kills: {
    title: "The process is killed",
    text: "Real processes, `kill -9` at random moments, and what a reader finds then.",
    columns: ["kill -9", "kills", ...results],
    rows: ["kill -9 in saves", "kill -9 in prune", "kill -9 in backup"],
  },
  long: {
    title: "Longer runs",
    text: `Not part of every test run; \`npm run soak\` writes these. The last row is what the store replaces, killed in the same way:
\`torch.save\` over the same two names (PyTorch 1.13).`,
    columns: ["what was done", "trials", ...results],
    rows: [
      "power cuts, with 20 random mixtures of what survives after each operation",
      "many kills in saves of a small pair",
      "kills in saves of the full-size pair (582 MB)",
      "for comparison: kills in torch.save",
    ],
  },
} as const satisfies Record<string, Section>;

type Sections = typeof sections;
export type RowOf<Name extends keyof Sections> = Sections[Name]["rows"][number];

const path = join(import.meta.dirname, "../../docs/crash-matrix.md");

const introduction = `# The crash matrix

What happens to saved weights when the worst happens in the middle of the work. This page is written by the tests in
\`test/crash\` (\`npm run crash-matrix\`), and they fail when it says anything else than what they find.

- **unreadable**: a file that a user would open, or a generation that says it is whole, could not be read.
- **mixed pairs**: a generator and a critic of different saves taken for one pair, or numbers of two saves in one file.
- **lost generations**: one that had been reported as safe (in the power cuts: committed) was not found again.
`;

/** No row is called like another one of the page. */
const start = (row: string): string => `| ${row} |`;

/** The whole page with these lines in its tables; rows without a line are left out. */
function render(lines: readonly string[]): string {
  const tables = Object.values<Section>(sections).map(({ title, text, columns, rows }) => {
    const body = rows.flatMap((row) => lines.find((line) => line.startsWith(start(row))) ?? []);
    const heading = [start(columns.join(" | ")), `|${"---|".repeat(columns.length)}`];
    return `\n## ${title}\n\n${text}\n\n${[...heading, ...body].join("\n")}\n`;
  });
  return introduction + tables.join("");
}

export const readPage = (): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

function put(row: RowOf<keyof Sections>, cells: readonly (number | string)[]): void {
  const line = `${start(row)} ${cells.join(" | ")} |`;
  const text = readPage();
  if (mode === "compare") {
    expect(text, "docs/crash-matrix.md is not what the tests find: npm run crash-matrix").toContain(
      `${line}\n`,
    );
    return;
  }
  const others = text.split("\n").filter((old) => !old.startsWith(start(row)));
  writeFileSync(path, render([...others, line]));
}

/** A row of power cuts. @param after how many of them came after each kind of operation */
export function recordCuts(row: RowOf<"power">, after: ReadonlyMap<Call, number>, tally: Tally): void {
  put(row, [...calls.map((call) => after.get(call) ?? "-"), tally.trials, ...resultsOf(tally)]);
}

export function recordRow(row: RowOf<"faults" | "kills" | "long">, tally: Tally): void {
  put(row, [tally.trials, ...resultsOf(tally)]);
}

/** What is wrong with the page apart from the numbers: rows that no test writes, rows that are missing. */
export function faultsOfPage(): { missing: string[]; isRendered: boolean } {
  const text = readPage();
  const rows = Object.values<Section>(sections).flatMap(({ rows: all }) => all);
  const missing = rows.filter((row) => !text.split("\n").some((line) => line.startsWith(start(row))));
  return { missing, isRendered: render(text.split("\n")) === text };
}
