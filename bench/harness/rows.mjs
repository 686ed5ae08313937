/** The rows that cases give, and the table that they are shown in. */

/**
 * @param {readonly number[]} values at least one
 * @returns {number}
 */
export function median(values) {
  const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error("Nothing was measured");
  return middle;
}

/**
 * @param {object} measured
 * @param {string} measured.what
 * @param {string} measured.unit
 * @param {readonly number[]} measured.ours what each run measured, in `unit`
 * @param {readonly number[] | undefined} [measured.peer] the same, of the peer
 * @param {string} [measured.against] who the peer is
 * @param {number} [measured.goal] the most that the ratio, or `ours` where no peer is meant, should be
 * @returns {import("./types.js").Row}
 */
export function row({ what, unit, ours, peer, against, goal }) {
  const middle = median(ours);
  const spread = middle === 0 ? 0 : (Math.max(...ours) - Math.min(...ours)) / Math.abs(middle);
  const alone = { what, unit, ours: middle, spread, runs: ours.length };
  const atMost = goal === undefined ? {} : { goal };
  if (against === undefined) return { ...alone, ...atMost };
  // Without the peer there is no ratio that could reach a goal.
  if (peer === undefined || peer.length === 0) return alone;
  const theirs = median(peer);
  return { ...alone, ...atMost, peer: theirs, against, ratio: middle / theirs };
}

/**
 * Three digits that count.
 * @param {number} value
 */
const short = (value) =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

/**
 * @param {import("./types.js").Row} row
 * @returns {string[]} as many as `heads`
 */
function cells({ what, unit, ours, peer, against, ratio, spread, runs, goal }) {
  const reached = goal === undefined ? "-" : `${short(goal)} ${(ratio ?? ours) <= goal ? "✓" : "✗"}`;
  return [
    what,
    `${short(ours)} ${unit}`,
    peer === undefined ? "-" : `${short(peer)} ${unit} (${against})`,
    ratio === undefined ? "-" : ratio.toFixed(2),
    runs > 1 ? `${Math.round(100 * spread)} %` : "-",
    String(runs),
    reached,
  ];
}

const heads = ["what", "ours", "peer", "ratio", "spread", "runs", "goal, at most"];

/**
 * @param {readonly Pick<import("./types.js").Section, "title" | "rows">[]} sections
 * @returns {string}
 */
export function table(sections) {
  const blocks = sections.map(({ title, rows }) => ({ title, lines: rows.map(cells) }));
  const all = [heads, ...blocks.flatMap(({ lines }) => lines)];
  const widths = heads.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  /** @param {readonly string[]} parts */
  const line = (parts) =>
    widths
      .map((width, i) => (i === 0 ? (parts[i] ?? "").padEnd(width) : (parts[i] ?? "").padStart(width)))
      .join("  ");
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const body = blocks.flatMap(({ title, lines }) => ["", title, ...lines.map(line)]);
  return [line(heads).trimEnd(), rule, ...body].join("\n");
}

/**
 * Progress goes to stderr: stdout is the table's.
 * @param {string} text
 */
export const say = (text) => console.error(`   ${text}`);
