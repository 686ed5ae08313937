/**
 * What every part of the benchmark gives: rows { what, unit, ours, peer, against, ratio, spread, runs, goal }, and the table
 * that they are shown in.
 *   ours, peer   medians, in `unit`; `against` says who the peer is
 *   ratio        ours / peer
 *   spread       (slowest - fastest) / median of our runs
 *   goal         the most that the ratio, or `ours` where none is meant, should be
 */
import { fileURLToPath } from "node:url";

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** @param ours, peer what each run measured, in `unit` */
export function row({ what, unit, ours, peer, against, goal }) {
  const middle = median(ours);
  const spread = middle === 0 ? 0 : (Math.max(...ours) - Math.min(...ours)) / Math.abs(middle);
  const one = { what, unit, ours: middle, spread, runs: ours.length };
  const atMost = goal === undefined ? {} : { goal };
  if (against === undefined) return { ...one, ...atMost };
  // Without the peer there is no ratio that could reach a goal.
  if (!peer?.length) return one;
  const theirs = median(peer);
  return { ...one, ...atMost, peer: theirs, against, ratio: middle / theirs };
}

/** Three digits that count. */
const short = (value) =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

function cells({ what, unit, ours, peer, against, ratio, spread, runs, goal }) {
  const reached = goal === undefined ? "" : `${short(goal)} ${(ratio ?? ours) <= goal ? "✓" : "✗"}`;
  return [
    what,
    `${short(ours)} ${unit}`,
    peer === undefined ? "-" : `${short(peer)} ${unit} (${against})`,
    ratio === undefined ? "-" : ratio.toFixed(2),
    runs > 1 ? `${Math.round(100 * spread)} %` : "-",
    String(runs),
    reached || "-",
  ];
}

const heads = ["what", "ours", "peer", "ratio", "spread", "runs", "goal, at most"];

/** @param sections [{ title, rows }] */
export function table(sections) {
  const blocks = sections.map(({ title, rows }) => ({ title, lines: rows.map(cells) }));
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...blocks.flatMap(({ lines }) => lines.map((line) => line[i].length))),
  );
  const line = (parts) =>
    parts.map((part, i) => (i === 0 ? part.padEnd(widths[i]) : part.padStart(widths[i]))).join("  ");
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const body = blocks.flatMap(({ title, lines }) => ["", title, ...lines.map(line)]);
  return [line(heads).trimEnd(), rule, ...body].join("\n");
}

/** Progress goes to stderr: stdout is the table's. */
export const say = (text) => console.error(`   ${text}`);

/** `node bench/PART.mjs [FOLDER] [--quick]`: that part of the table. Does nothing in a module that was imported. */
export async function runAlone(url, title, measure) {
  if (process.argv[1] !== fileURLToPath(url)) return;
  const words = process.argv.slice(2);
  const rounds = words.find((word) => word.startsWith("--rounds="));
  const rows = await measure({
    quick: words.includes("--quick"),
    folder: words.find((word) => !word.startsWith("--")),
    ...(rounds ? { rounds: Number(rounds.slice("--rounds=".length)) } : {}),
  });
  console.log(table([{ title, rows }]));
}
