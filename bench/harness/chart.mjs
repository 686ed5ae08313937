/**
 * The measurements as a picture: a bar for each ratio to PyTorch, with a line at 1, and one for each share of training's time
 * that saving takes, with its goal. Plain SVG that follows the reader's light or dark theme.
 */
const [width, right, rowHeight, barHeight] = [330, 100, 24, 14];
/** Pixels of a letter, on the wide side. */
const letter = 6.9;

const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; font-size: 14px; }
  .note { font-size: 11px; fill: #59636e; }
  .good { fill: #1a7f37; }
  .bad { fill: #bc4c00; }
  .line { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .good { fill: #3fb950; }
    .bad { fill: #f0883e; }
    .line { stroke: #9198a1; }
  }`;

/** @param {string} text */
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;"); // prettier-ignore

/** @param {number} value */
const place = (value) => String(Number(value.toFixed(1)));

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {string} [attributes]
 */
const textAt = (x, y, text, attributes = "") =>
  `<text x="${place(x)}" y="${place(y)}"${attributes}>${escaped(text)}</text>`;

/**
 * @typedef {object} Bar
 * @property {string} label
 * @property {number} value
 * @property {string} told the value as it is written beside the bar
 * @property {number} goal where the line is
 */

/**
 * A part of the picture from `top` on.
 * @param {number} top
 * @param {number} left
 * @param {{ title: string, note: string, bars: readonly Bar[] }} content
 */
function panel(top, left, { title, note, bars }) {
  const most = 1.05 * Math.max(...bars.map(({ value, goal }) => Math.max(value, goal)));
  /** @param {number} value */
  const x = (value) => left + (width * Math.max(0, value)) / most;
  const lines = [textAt(12, top + 18, title, ' class="head"'), textAt(12, top + 35, note, ' class="note"')];
  bars.forEach(({ label, value, told, goal }, i) => {
    const y = top + 46 + i * rowHeight;
    const middle = y + rowHeight / 2;
    const kind = value <= goal ? "good" : "bad";
    lines.push(
      textAt(left - 10, middle + 4.5, label, ' text-anchor="end"'),
      `<rect class="${kind}" x="${left}" y="${place(middle - barHeight / 2)}" width="${place(Math.max(1, x(value) - left))}" height="${barHeight}" rx="2"/>`,
      `<line class="line" x1="${place(x(goal))}" x2="${place(x(goal))}" y1="${place(y)}" y2="${place(y + rowHeight)}"/>`,
      textAt(Math.max(x(value), x(goal)) + 8, middle + 4.5, told),
    );
  });
  return { lines, bottom: top + 46 + bars.length * rowHeight + 18 };
}

/** @param {readonly import("./types.js").Row[]} rows */
function panelsOf(rows) {
  const against = rows.flatMap(({ what: label, against, ratio }) =>
    against === "PyTorch" && ratio !== undefined && Number.isFinite(ratio)
      ? [{ label, value: ratio, told: ratio.toFixed(2), goal: 1 }]
      : [],
  );
  const shares = rows.flatMap(({ what: label, unit, ours, goal }) =>
    unit === "%" && goal !== undefined ? [{ label, value: ours, told: `${ours.toFixed(1)} %`, goal }] : [],
  );
  return [
    {
      title: "Ours / PyTorch",
      note: "Time or memory; the line is PyTorch itself, shorter is better.",
      bars: against,
    },
    {
      title: "What saving takes from training",
      note: "Share of the time while saves go on at that pace; the line is the goal.",
      bars: shares,
    },
  ].filter(({ bars }) => bars.length > 0);
}

/**
 * @param {Pick<import("./types.js").Result, "machine" | "sections">} result
 * @returns {string} the SVG
 */
export function draw({ machine, sections }) {
  const panels = panelsOf(sections.flatMap((section) => section.rows));
  const labels = panels.flatMap(({ bars }) => bars.map(({ label }) => label.length));
  const left = Math.round(30 + letter * Math.max(...labels, 40));
  let top = 8;
  const lines = panels.flatMap((content) => {
    const drawn = panel(top, left, content);
    top = drawn.bottom;
    return drawn.lines;
  });
  const pytorch = machine.pytorch === undefined ? "" : `, PyTorch ${machine.pytorch}`;
  const foot = `${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.gigabytes} GB, Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}${pytorch}`;
  const [wide, high] = [left + width + right, top + 26];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}" role="img">`,
    `<title>guardapesos: measurements</title>`,
    `<style>${style}\n</style>`,
    ...lines,
    textAt(12, top + 12, foot, ' class="note"'),
    `</svg>\n`,
  ].join("\n");
}
